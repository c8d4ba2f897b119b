#include "control/api/ec2_call.h"

#include <algorithm>

#include "config/names.h"
#include "control/api/base64.h"
#include "control/store/network_store.h"

namespace hypernat::control {

std::string note(const Notes& notes, const std::string& name) {
  const auto found = notes.find(name);
  return found == notes.end() ? std::string() : found->second;
}

Vpc find_vpc(Ec2Call& call, const std::string& id) {
  if (auto found = find_vpc(call.lifecycle.database, call.account, id)) return *found;
  throw Ec2Error("InvalidVpcID.NotFound", "The vpc ID '" + id + "' does not exist");
}

Subnet find_subnet(Ec2Call& call, const std::string& id) {
  if (auto found = find_subnet(call.lifecycle.database, call.account, id)) return *found;
  throw Ec2Error("InvalidSubnetID.NotFound", "The subnet ID '" + id + "' does not exist");
}

RouteTable find_route_table(Ec2Call& call, const std::string& id) {
  if (auto found = find_route_table(call.lifecycle.database, call.account, id)) return *found;
  throw Ec2Error("InvalidRouteTableID.NotFound", "The routeTable ID '" + id + "' does not exist");
}

SecurityGroup find_group(Ec2Call& call, const std::string& id) {
  if (auto found = find_security_group(call.lifecycle.database, call.account, id)) return *found;
  throw Ec2Error("InvalidGroup.NotFound", "The security group '" + id + "' does not exist");
}

std::string new_id(const std::string& kind) {
  constexpr std::size_t kDigits = 17;
  auto digits = random_uuid();
  std::erase(digits, '-');
  return kind + "-" + digits.substr(digits.size() - kDigits);
}

Ipv4Prefix read_prefix(QueryParameters& parameters, const std::string& name) {
  const auto text = parameters.text(name);
  const auto slash = std::min(text.find('/'), text.size());
  const auto address = parse_ipv4_address(text.substr(0, slash));
  const auto zeros = parse_ipv4_prefix("0.0.0.0" + text.substr(slash));  // a prefix whatever its length
  if (!address || !zeros)
    throw invalid_value("Value (" + text + ") for parameter " + name +
                        " is invalid. This is not a valid CIDR block: expected one such as 10.0.0.0/16.");
  return Ipv4Prefix::covering(*address, zeros->length);
}

std::string zone_name(const Ec2Call& call, const std::string& zone) {
  return zone.size() == 1 ? call.region + zone : zone;
}

std::string zone_of(const Ec2Call& call, const std::string& name) {
  const bool is_short = name.size() == call.region.size() + 1 && name.starts_with(call.region);
  const auto zone = is_short ? name.substr(call.region.size()) : name;
  if (config::is_name(zone)) return zone;
  throw invalid_value("Value (" + name + ") for parameter availabilityZone is invalid. Expected a zone such as " +
                      call.region + "a.");
}

Tags tags_among(const Notes& notes) {
  Tags tags;
  for (const auto& [name, value] : notes)
    if (name.starts_with(kTagNote)) tags.emplace(name.substr(kTagNote.size()), value);
  return tags;
}

void add_tags(FilterValues& values, const Notes& notes) {
  for (const auto& [key, value] : tags_among(notes)) {
    values.emplace("tag:" + key, value);
    values.emplace("tag-key", key);
    values.emplace("tag-value", value);
  }
}

void write_tags(Ec2Call& call, const Notes& notes) {
  call.xml.items("tagSet", tags_among(notes), [&](const auto& tag) {
    call.xml.text("key", tag.first);
    call.xml.text("value", tag.second);
  });
}

Tags read_tags(QueryParameters& parameters, const std::string& name) {
  constexpr std::size_t kMostTags = 50;
  constexpr std::size_t kLongestKey = 128;
  constexpr std::size_t kLongestValue = 256;
  Tags tags;
  for (const auto& each : parameters.structures(name)) {
    const auto key = parameters.text(each + ".Key");
    const auto value = parameters.text(each + ".Value", "");
    if (key.size() > kLongestKey || value.size() > kLongestValue)
      throw invalid_value("Tag " + config::quote(key) + ": expected a key of at most " + std::to_string(kLongestKey) +
                          " bytes and a value of at most " + std::to_string(kLongestValue) + ".");
    if (key.starts_with("aws:")) throw invalid_value("Tag keys starting with 'aws:' are reserved for internal use");
    if (!tags.emplace(key, value).second)
      throw Ec2Error("InvalidParameterValue",
                     "Duplicate tag keys found. Please note that Tag keys are case sensitive.");
  }
  if (tags.size() > kMostTags)
    throw Ec2Error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.");
  return tags;
}

Tags read_tag_specifications(Ec2Call& call, const std::string& type) {
  Tags tags;
  for (const auto& each : call.parameters.structures("TagSpecification")) {
    const auto found = call.parameters.text(each + ".ResourceType");
    if (found != type) throw invalid_value("'" + found + "' is not a valid taggable resource type for this operation.");
    tags.merge(read_tags(call.parameters, each + ".Tag"));
  }
  return tags;
}

void put_tags(Ec2Call& call, const std::string& resource, const Tags& tags) {
  for (const auto& [key, value] : tags)
    put_note(call.lifecycle.database, call.account, resource, std::string(kTagNote) + key, value);
}

}  // namespace hypernat::control
