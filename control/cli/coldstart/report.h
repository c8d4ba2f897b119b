// What a run is told as: tables for people, raw samples for programs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "control/cli/coldstart/plan.h"
#include "control/cli/coldstart/watches.h"

namespace hypernat::coldstart {

/// The control plane's publications, as its status counts them.
struct Publications {
  std::uint64_t epoch = 0;
  std::uint64_t generation = 0;
  std::string table_sha256;
  std::uint64_t count = 0;  ///< since the control plane started
  std::uint64_t bytes = 0;  ///< likewise
  bool operator==(const Publications&) const = default;
};

struct ModeResult {
  Mode mode = Mode::kShared;
  std::vector<Sample> samples;
  std::vector<InterfaceCount> interfaces;
  Publications before;
  Publications after;
};

struct Report {
  Plan plan;
  std::map<std::string, std::string> machine;  ///< names and values, for people and programs alike
  std::vector<ModeResult> modes;
};

/// The value that `percent` of the values do not exceed, by nearest rank; 0 when there are none. `values` sorted.
std::int64_t percentile(const std::vector<std::int64_t>& values, double percent);

/// Table changes and bytes of the shared mode must both be nothing: empty, or what was found instead.
std::string shared_work(const ModeResult& result);

std::string to_text(const Report& report);
nlohmann::json to_json(const Report& report);
/// Lines that begin with # for seed, machine and versions; a heading; a row for each invocation, times in milliseconds.
std::string to_csv(const Report& report);
/// Throws cli::CommandError naming the file.
void write_file(const std::filesystem::path& path, const std::string& text);

/// Processor, cores, kernel, load and versions, as far as they can be known.
std::map<std::string, std::string> describe_machine();

}  // namespace hypernat::coldstart
