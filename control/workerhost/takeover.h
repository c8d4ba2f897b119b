// What a former worker host left running, found again by its records.
#pragma once

#include <filesystem>
#include <vector>

#include "config/workerhost_config.h"
#include "control/workerhost/environment.h"
#include "control/workerhost/slot_network.h"

namespace hypernat::workerhost {

struct FoundEnvironment {
  Environment environment;
  UniqueFd connection;  ///< to its client; not open when the init's could not be had
  UniqueFd network_namespace;
};

/// Those that run. Records of those that have ended are removed. Throws std::system_error and std::runtime_error.
std::vector<FoundEnvironment> find_environments(const std::filesystem::path& records);

/// Ends those that cannot go on under this configuration and block, and says why, to the log and to their clients.
void end_unfit(std::vector<FoundEnvironment>& found, const config::WorkerhostConfig& config, const Ipv4Prefix& block);

/// Ends them all; their clients see a hang-up.
void end_all(std::vector<FoundEnvironment>& found);

std::vector<SlotNumber> slots_of(const std::vector<FoundEnvironment>& found);
/// Moves the network namespaces out of what was found.
SlotsInUse slots_in_use(std::vector<FoundEnvironment>& found);

}  // namespace hypernat::workerhost
