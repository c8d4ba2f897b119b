// The file of an environment in the state directory: who runs in which slot, and how far it has come.
//
// It is there, whole and locked, before the environment's process is; the lock is the process's and dies exactly with
// it. So whoever finds the file knows whether somebody stands behind it, also after a crash at any instant.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/types.h"
#include "config/workerhost_config.h"
#include "control/workerhost/environment_life.h"
#include "control/workerhost/slot_pool.h"
#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

/// What never changes while an environment runs.
struct EnvironmentFacts {
  SlotNumber slot{};
  Ipv4Address address;
  std::string function;
  MappingNumber mapping{};
  std::int64_t started_ns = 0;  ///< on CLOCK_MONOTONIC
  // What its network was made with
  config::GatewayConfig gateway;
  std::uint16_t mtu = 0;
  std::uint16_t vxlan_port = 0;
  bool operator==(const EnvironmentFacts&) const = default;
};

std::string to_json(const EnvironmentFacts& facts);
/// Throws std::invalid_argument.
EnvironmentFacts environment_facts_from_json(const std::string& text);

/// Why an environment cannot go on under this configuration and block; empty when it can.
std::string reason_to_end(const EnvironmentFacts& facts, const config::WorkerhostConfig& config,
                          const Ipv4Prefix& block);

/// Needs no descriptor for as long as the environment runs.
class EnvironmentRecord {
 public:
  /// Reads what is there. Throws std::system_error and std::invalid_argument.
  explicit EnvironmentRecord(std::filesystem::path path);
  /// Makes the file and locks it. `lock` is for the environment's process; closing it gives the lock up unless a copy
  /// is open elsewhere. Throws std::system_error.
  static EnvironmentRecord create(const std::filesystem::path& directory, const EnvironmentFacts& facts,
                                  UniqueFd& lock);

  const EnvironmentFacts& facts() const { return facts_; }
  /// Also after `remove`, of the same environment.
  EnvironmentLife life() const;
  void remove();

 private:
  EnvironmentRecord(std::filesystem::path path, EnvironmentFacts facts)
      : path_(std::move(path)), facts_(std::move(facts)) {}

  std::filesystem::path path_;
  EnvironmentFacts facts_;
  UniqueFd removed_;  ///< open when the file has no name any more
};

/// True while the environment's process, or whoever is just about to start it, lives.
bool is_record_locked(const std::filesystem::path& path);
/// Makes the directory of all records where it is missing.
std::filesystem::path make_record_directory(const std::filesystem::path& state_directory);
/// Records left there; drafts of records are removed. Throws std::filesystem::filesystem_error.
std::vector<std::filesystem::path> list_records(const std::filesystem::path& directory);

}  // namespace hypernat::workerhost
