#include "control/store/records.h"

#include <charconv>
#include <cstdio>

namespace hypernat::control {

namespace {

constexpr std::string_view kLeasePrefix = "lease-";
constexpr std::string_view kInterfacePrefix = "eni-";
constexpr std::size_t kIdDigits = 17;  // AWS's

std::string id_of(std::string_view prefix, std::uint64_t uid) {
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "%0*llx", static_cast<int>(kIdDigits),
                static_cast<unsigned long long>(uid));
  return std::string(prefix) + digits.data();
}

std::optional<std::uint64_t> parse_id(std::string_view prefix, const std::string& id) {
  if (id.size() != prefix.size() + kIdDigits || !id.starts_with(prefix)) return std::nullopt;
  std::uint64_t uid = 0;
  const char* end = id.data() + id.size();
  const auto [stop, error] = std::from_chars(id.data() + prefix.size(), end, uid, 16);
  if (error != std::errc{} || stop != end || id != id_of(prefix, uid)) return std::nullopt;
  return uid;
}

}  // namespace

std::string interface_id(std::uint64_t uid) {
  return id_of(kInterfacePrefix, uid);
}

std::optional<std::uint64_t> parse_interface_id(const std::string& id) {
  return parse_id(kInterfacePrefix, id);
}

std::string lease_id(std::uint64_t uid) {
  return id_of(kLeasePrefix, uid);
}

std::optional<std::uint64_t> parse_lease_id(const std::string& id) {
  return parse_id(kLeasePrefix, id);
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

std::string to_string(InterfaceState state) {
  switch (state) {
    case InterfaceState::kPublishing:
      return "publishing";
    case InterfaceState::kActive:
      return "active";
    case InterfaceState::kLeaving:
      return "leaving";
    case InterfaceState::kDraining:
      return "draining";
  }
  return {};
}

std::string to_string(FunctionState state) {
  switch (state) {
    case FunctionState::kPending:
      return "Pending";
    case FunctionState::kActive:
      return "Active";
    case FunctionState::kInactive:
      return "Inactive";
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
