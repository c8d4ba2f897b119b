#include "control/store/records.h"

#include <cstdio>

namespace hypernat::control {

std::string Interface::id() const {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "eni-%017llx", static_cast<unsigned long long>(uid));
  return text.data();
}

// Locally administered, then the low 40 bits of the uid.
MacAddress Interface::mac() const {
  MacAddress mac;
  mac.bytes[0] = 0x02;
  for (unsigned i = 1; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<std::uint8_t>(uid >> (8 * (5 - i)));
  return mac;
}

std::string to_string(MappingState state) {
  switch (state) {
    case MappingState::kProvisioning:
      return "provisioning";
    case MappingState::kPublishing:
      return "publishing";
    case MappingState::kActive:
      return "active";
    case MappingState::kFailed:
      return "failed";
    case MappingState::kReleasing:
      return "releasing";
  }
  return {};
}

std::string to_string(FunctionState state) {
  switch (state) {
    case FunctionState::kPending:
      return "Pending";
    case FunctionState::kActive:
      return "Active";
    case FunctionState::kFailed:
      return "Failed";
  }
  return {};
}

std::string to_string(UpdateStatus status) {
  switch (status) {
    case UpdateStatus::kSuccessful:
      return "Successful";
    case UpdateStatus::kInProgress:
      return "InProgress";
    case UpdateStatus::kFailed:
      return "Failed";
  }
  return {};
}

}  // namespace hypernat::control
