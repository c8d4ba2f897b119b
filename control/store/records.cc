#include "control/store/records.h"

#include <charconv>
#include <cstdio>

namespace hypernat::control {

namespace {

constexpr std::string_view kLeasePrefix = "lease-";
constexpr std::size_t kIdDigits = 17;  // AWS's

std::string id_of(std::string_view prefix, std::uint64_t uid) {
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "%0*llx", static_cast<int>(kIdDigits),
                static_cast<unsigned long long>(uid));
  return std::string(prefix) + digits.data();
}

}  // namespace

std::string Interface::id() const {
  return id_of("eni-", uid);
}

std::string lease_id(std::uint64_t uid) {
  return id_of(kLeasePrefix, uid);
}

std::optional<std::uint64_t> parse_lease_id(const std::string& id) {
  if (id.size() != kLeasePrefix.size() + kIdDigits || !id.starts_with(kLeasePrefix)) return std::nullopt;
  std::uint64_t uid = 0;
  const char* end = id.data() + id.size();
  const auto [stop, error] = std::from_chars(id.data() + kLeasePrefix.size(), end, uid, 16);
  if (error != std::errc{} || stop != end || id != id_of(kLeasePrefix, uid)) return std::nullopt;
  return uid;
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
