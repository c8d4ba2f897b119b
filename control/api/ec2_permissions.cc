#include "control/api/ec2_permissions.h"

#include <algorithm>
#include <optional>
#include <span>
#include <tuple>

#include "config/scalars.h"
#include "config/table.h"

namespace hypernat::control {
namespace {

using config::EgressRule;
using config::GroupRule;
using config::kAnyIcmp;

constexpr std::int16_t kEveryProtocol = -1;
constexpr std::int64_t kLastPort = 65'535;
constexpr std::int64_t kLastIcmp = 255;
constexpr std::size_t kLongestDescription = 255;

bool is(const EgressRule& rule, Protocol protocol) {
  return rule.protocol == static_cast<std::int16_t>(protocol);
}
bool has_ports(const EgressRule& rule) {
  return is(rule, Protocol::kTcp) || is(rule, Protocol::kUdp);
}

std::int16_t read_protocol(const std::string& text) {
  for (const auto protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp})
    if (text == to_string(protocol)) return static_cast<std::int16_t>(protocol);
  if (text == "-1") return kEveryProtocol;
  if (const auto number = config::parse_decimal(text); number && *number <= 255)
    return static_cast<std::int16_t>(*number);
  throw Ec2Error("InvalidPermission.Malformed",
                 "Invalid value '" + text + "' for IP protocol. Expected tcp, udp, icmp, -1 or a number up to 255.");
}

void read_ports(QueryParameters& parameters, const std::string& at, EgressRule& rule) {
  const bool is_icmp = is(rule, Protocol::kIcmp);
  const auto most = is_icmp ? kLastIcmp : kLastPort;
  const auto from = parameters.number_if_any(at + ".FromPort", -1, most);
  const auto to = parameters.number_if_any(at + ".ToPort", -1, most);
  if (is_icmp) {
    const auto field = [](std::int64_t value) { return value < 0 ? kAnyIcmp : static_cast<std::uint16_t>(value); };
    rule.first_port = field(from.value_or(-1));
    rule.last_port = field(to.value_or(-1));
    if (rule.first_port == kAnyIcmp && rule.last_port != kAnyIcmp)
      throw invalid_value("Invalid value for portRange: an ICMP code without a type");
  } else if (has_ports(rule)) {
    if (!from || !to || *from < 0 || *from > *to)
      throw invalid_value("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.");
    rule.first_port = static_cast<std::uint16_t>(*from);
    rule.last_port = static_cast<std::uint16_t>(*to);
  }
}

std::string read_description(QueryParameters& parameters, const std::string& at) {
  auto text = parameters.text(at + ".Description", "");
  if (text.size() > kLongestDescription)
    throw invalid_value("Invalid rule description: expected at most " + std::to_string(kLongestDescription) + " bytes");
  return text;
}

void refuse_what_nothing_carries(QueryParameters& parameters, const std::string& at) {
  for (const auto* name : {".Ipv6Ranges", ".PrefixListIds"})
    if (!parameters.structures(at + name).empty())
      throw Ec2Error("UnsupportedOperation", at.substr(0, at.find('.')) + name +
                                                 ": expected IpRanges or UserIdGroupPairs; nothing else is "
                                                 "carried here");
}

DescribedRule read_group_destination(Ec2Call& call, const std::string& at, const EgressRule& shape) {
  const auto id = call.parameters.text(at + ".GroupId");
  const auto owner = call.parameters.text(at + ".UserId", call.account);
  if (owner != call.account) throw Ec2Error("InvalidGroup.NotFound", "The security group '" + id + "' does not exist");
  find_group(call, id);
  return {.rule = {.rule = shape, .group = id}, .description = read_description(call.parameters, at)};
}

auto shape_of(const EgressRule& rule) {
  return std::tuple(rule.protocol, rule.first_port, rule.last_port);
}

void write_shape(Ec2Call& call, const GroupRule& rule) {
  call.xml.text("ipProtocol", protocol_text(rule));
  if (const auto ports = port_range(rule)) {
    call.xml.number("fromPort", ports->from);
    call.xml.number("toPort", ports->to);
  }
}

enum class DestinationKind : std::uint8_t { kAddresses, kGroup };

// Those of one kind to which the rules of a group with this shape lead.
void write_destinations(Ec2Call& call, const SecurityGroup& group, const GroupRule& shape, const Notes& notes,
                        DestinationKind kind) {
  auto& xml = call.xml;
  const bool of_groups = kind == DestinationKind::kGroup;
  xml.element(of_groups ? "groups" : "ipRanges", [&] {
    for (const auto& rule : group.egress) {
      if (shape_of(rule.rule) != shape_of(shape.rule) || rule.group.empty() == of_groups) continue;
      xml.element("item", [&] {
        if (of_groups) xml.text("userId", group.account);
        xml.text(of_groups ? "groupId" : "cidrIp", of_groups ? rule.group : to_string(rule.rule.destination));
        const auto said = note(notes, std::string(kRuleNote) + rule_id(group.id, rule));
        if (!said.empty()) xml.text("description", said);
      });
    }
  });
}

}  // namespace

std::vector<DescribedRule> read_permissions(Ec2Call& call) {
  auto& parameters = call.parameters;
  std::vector<DescribedRule> rules;
  for (const auto& at : parameters.structures("IpPermissions")) {
    EgressRule shape{.protocol = read_protocol(parameters.text(at + ".IpProtocol")),
                     .first_port = 0,
                     .last_port = 0,
                     .destination = {}};
    read_ports(parameters, at, shape);
    refuse_what_nothing_carries(parameters, at);
    const auto before = rules.size();
    for (const auto& range : parameters.structures(at + ".IpRanges")) {
      auto rule = shape;
      rule.destination = read_prefix(parameters, range + ".CidrIp");
      rules.push_back({.rule = {.rule = rule, .group = {}}, .description = read_description(parameters, range)});
    }
    for (const auto& group : parameters.structures(at + ".Groups"))
      rules.push_back(read_group_destination(call, group, shape));
    if (rules.size() == before)
      throw Ec2Error("MissingParameter", at + ": expected IpRanges or UserIdGroupPairs, to say where the rule leads");
  }
  return rules;
}

std::string rule_id(const std::string& group, const GroupRule& rule) {
  constexpr std::size_t kDigits = 17;
  const auto text = group + '\n' + protocol_text(rule) + '\n' + std::to_string(rule.rule.first_port) + '\n' +
                    std::to_string(rule.rule.last_port) + '\n' +
                    (rule.group.empty() ? to_string(rule.rule.destination) : rule.group);
  return "sgr-" + config::sha256_hex(std::as_bytes(std::span(text))).substr(0, kDigits);
}

std::string protocol_text(const GroupRule& rule) {
  for (const auto protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp})
    if (is(rule.rule, protocol)) return to_string(protocol);
  return std::to_string(rule.rule.protocol);
}

std::optional<PortRange> port_range(const GroupRule& rule) {
  const bool is_icmp = is(rule.rule, Protocol::kIcmp);
  if (!is_icmp && !has_ports(rule.rule)) return std::nullopt;
  const auto number = [&](std::uint16_t value) { return is_icmp && value == kAnyIcmp ? -1 : int{value}; };
  return PortRange{.from = number(rule.rule.first_port), .to = number(rule.rule.last_port)};
}

void write_permissions(Ec2Call& call, const std::string& element, const SecurityGroup& group, const Notes& notes) {
  auto& xml = call.xml;
  std::vector<GroupRule> first;  // of each shape
  for (const auto& rule : group.egress)
    if (std::none_of(first.begin(), first.end(),
                     [&](const auto& other) { return shape_of(other.rule) == shape_of(rule.rule); }))
      first.push_back(rule);
  xml.items(element, first, [&](const GroupRule& shape) {
    write_shape(call, shape);
    write_destinations(call, group, shape, notes, DestinationKind::kGroup);
    write_destinations(call, group, shape, notes, DestinationKind::kAddresses);
    xml.element("ipv6Ranges", [] {});
    xml.element("prefixListIds", [] {});
  });
}

void write_rule(Ec2Call& call, const SecurityGroup& group, const GroupRule& rule, const Notes& notes) {
  auto& xml = call.xml;
  const auto id = rule_id(group.id, rule);
  xml.text("securityGroupRuleId", id);
  xml.text("groupId", group.id);
  xml.text("groupOwnerId", group.account);
  xml.truth("isEgress", true);
  write_shape(call, rule);
  if (!port_range(rule)) {
    xml.number("fromPort", -1);
    xml.number("toPort", -1);
  }
  if (rule.group.empty()) {
    xml.text("cidrIpv4", to_string(rule.rule.destination));
  } else {
    xml.element("referencedGroupInfo", [&] {
      xml.text("groupId", rule.group);
      xml.text("userId", group.account);
    });
  }
  if (const auto said = note(notes, std::string(kRuleNote) + id); !said.empty()) xml.text("description", said);
  xml.element("tagSet", [] {});
}

}  // namespace hypernat::control
