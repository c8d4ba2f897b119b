// The commands, each a function of its options that prints to standard output and returns the exit code.
// Each throws CommandError when it cannot do its work.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "control/cli/coldstart/plan.h"
#include "control/cli/options.h"

namespace hypernat::cli {

// Of the control plane (control_views.cc).
int show_status(const Options& options);
int show_functions(const Options& options);
int show_interfaces(const Options& options);
int show_mappings(const Options& options);
int show_leases(const Options& options);
int show_worker_hosts(const Options& options);

// Of a data plane (dataplane_views.cc).
int show_flows(const Options& options);
int show_drops(const Options& options);
int show_tenants(const Options& options);
int show_workers(const Options& options);
int show_account(const Options& options);

/// Which packets; an empty text matches every one.
struct TraceOptions {
  std::string mapping;
  std::string address;
  std::string port;
  std::string protocol;
  bool openings_only = false;
  unsigned count = 2;
  std::chrono::seconds patience{30};
};
int trace_packets(const Options& options, const TraceOptions& trace);

struct ApplyOptions {
  std::filesystem::path file;
  bool dry_run = false;
  bool prune = false;
  bool wait = false;
  std::chrono::seconds patience{300};
};
int apply(const Options& options, const ApplyOptions& apply);

struct ValidateOptions {
  std::vector<std::filesystem::path> files;
  bool reference = false;
};
int validate(const Options& options, const ValidateOptions& validate);

struct InvokeOptions {
  std::string function;
  std::string account;
  std::vector<std::string> command;  ///< empty: the function's own
  bool verbose = false;
  bool per_environment = false;  ///< through an interface of its own, made now
  std::optional<std::chrono::milliseconds>
      provisioning_time;               ///< how long making it takes, unless the control plane says
  std::chrono::seconds patience{300};  ///< how long to wait for it
};
/// Returns the command's own exit code; 128 and the signal's number when a signal ended it.
int invoke(const Options& options, const InvokeOptions& invoke);

/// Fresh environments in both modes, measured (coldstart/coldstart.cc). Returns 130 when a signal cut it short.
int coldstart(const Options& options, const coldstart::Plan& wanted);

}  // namespace hypernat::cli
