#include "control/api/ec2_underlay.h"

#include <algorithm>

#include "config/names.h"
#include "config/scalars.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::size_t kMostVteps = 64;  // as in functions.yaml

Ec2Error wrong_tag(const std::string& key, const std::string& found, const std::string& expected) {
  return invalid_value("Tag " + key + ": found " + config::quote(found) + "; expected " + expected + ".");
}

Ipv4Address read_address(const std::string& key, const std::string& text) {
  const auto address = parse_ipv4_address(text);
  if (address && address->is_unicast()) return *address;
  throw wrong_tag(key, text, "an IPv4 address");
}

std::vector<Ipv4Address> read_addresses(const std::string& key, const std::string& text) {
  std::vector<Ipv4Address> addresses;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string::npos) {
    const auto end = std::min(text.find(' ', at), text.size());
    addresses.push_back(read_address(key, text.substr(at, end - at)));
    at = end;
  }
  auto sorted = addresses;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw wrong_tag(key, text, "every address once");
  return addresses;
}

config::Segment read_segment(const std::string& key, const std::string& text) {
  const auto slash = std::min(text.find('/'), text.size());
  const auto attachment = text.substr(0, slash);
  const auto id = config::parse_decimal(text.substr(std::min(slash + 1, text.size())));
  if (!config::is_name(attachment) || !id || *id > kMaxNumber24)
    throw wrong_tag(key, text,
                    "an outside attachment of the data plane and a VNI or VLAN id in it, such as tenants/5001");
  return {.attachment = attachment, .id = static_cast<std::uint32_t>(*id)};
}

using Apply = std::function<void(const std::string& key, const std::string& value)>;

// Each of the tags of ours among `tags` goes to what its name has.
void apply(const Tags& tags, const std::map<std::string, Apply>& known, const std::string& kind) {
  for (const auto& [key, value] : tags) {
    if (!key.starts_with(kUnderlayTag)) continue;
    const auto found = known.find(key.substr(kUnderlayTag.size()));
    if (found != known.end()) {
      found->second(key, value);
      continue;
    }
    std::string names;
    for (const auto& [name, ignored] : known) names += (names.empty() ? "" : ", ") + std::string(kUnderlayTag) + name;
    throw invalid_value("Tag " + key + ": a " + kind + " has no such tag; expected one of " + names + ".");
  }
}

// The lowest id of the configured range that no subnet of anybody has.
std::optional<config::Segment> free_segment(Ec2Call& call) {
  const auto& settings = call.settings;
  if (settings.attachment.empty()) return std::nullopt;
  for (std::uint32_t id = settings.first_segment; id <= settings.last_segment; ++id) {
    const config::Segment segment{.attachment = settings.attachment, .id = id};
    if (!find_subnet(call.lifecycle.database, segment)) return segment;
  }
  throw Ec2Error("SubnetLimitExceeded", "Every segment from " + std::to_string(settings.first_segment) + " to " +
                                            std::to_string(settings.last_segment) + " of " + settings.attachment +
                                            " has a subnet: widen ec2.first_segment to ec2.last_segment in "
                                            "control.yaml, or give the subnet a tag hypernat:segment.");
}

}  // namespace

void apply_underlay_tags(Vpc& vpc, const Tags& tags) {
  apply(tags,
        {{"resolver",
          [&](auto& key, auto& value) {
            vpc.resolver.reset();
            if (!value.empty()) vpc.resolver = read_address(key, value);
          }}},
        "vpc");
}

void apply_underlay_tags(SecurityGroup& group, const Tags& tags) {
  apply(tags, {{"members", [&](auto& key, auto& value) { group.members = read_addresses(key, value); }}},
        "security-group");
}

void apply_underlay_tags(Subnet& subnet, const Tags& tags) {
  apply(tags,
        {{"segment", [&](auto& key, auto& value) { subnet.segment = read_segment(key, value); }},
         {"vteps",
          [&](auto& key, auto& value) {
            subnet.vteps = read_addresses(key, value);
            if (subnet.vteps.size() > kMostVteps) throw wrong_tag(key, value, "at most 64 addresses");
          }},
         {"router", [&](auto& key, auto& value) { subnet.router = read_address(key, value); }},
         {"reserved", [&](auto& key, auto& value) { subnet.reserved = read_addresses(key, value); }}},
        "subnet");
}

void complete_underlay(Ec2Call& call, Subnet& subnet, const Tags& tags) {
  const auto is_said = [&](const char* name) { return tags.contains(std::string(kUnderlayTag) + name); };
  if (!is_said("router")) subnet.router = Ipv4Address::from_host(subnet.cidr.first().host() + 1);
  if (!is_said("segment")) {
    const auto segment = free_segment(call);
    if (!segment)
      throw Ec2Error("MissingParameter",
                     "The request must contain the tag hypernat:segment in a TagSpecification of the subnet, such as "
                     "tenants/5001: where the subnet meets the data plane. Or control.yaml says it for all, with "
                     "ec2.attachment, ec2.first_segment and ec2.last_segment.");
    subnet.segment = *segment;
  }
  if (!is_said("vteps")) subnet.vteps = call.settings.vteps;
}

}  // namespace hypernat::control
