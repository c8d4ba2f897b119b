// The keys of functions.yaml.
#include <algorithm>

#include "config/schemas.h"

namespace hypernat::config {
namespace {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65'535;
};

/// Where a rule leads: to addresses, or to whoever is in a group.
struct Destination {
  Ipv4Prefix prefix;
  std::string group;
};

/// An egress rule as it is written; what is left out depends on the protocol.
struct EgressRuleKeys {
  std::int16_t protocol = -1;
  std::optional<PortRange> ports;
  std::optional<std::uint8_t> icmp_type;
  std::optional<std::uint8_t> icmp_code;
  Destination destination;
};

Scalar<PortRange> port_range() {
  return {
      .type = "port or range",
      .unit = "",
      .range = "0 to 65535, or all",
      .expected = "a port as 80, a range as 8000-8080, or all",
      .parse = [](std::string_view text) -> std::optional<PortRange> {
        if (text == "all") return PortRange{};
        const std::size_t dash = text.find('-');
        const auto first = parse_decimal(text.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : parse_decimal(text.substr(dash + 1));
        if (!first || !last || *first > *last || *last > 65'535) return std::nullopt;
        return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
      },
      .print = [](const PortRange& range) { return std::to_string(range.first) + "-" + std::to_string(range.last); }};
}

Scalar<std::int16_t> rule_protocol() {
  const auto number = [](Protocol protocol) { return static_cast<std::int16_t>(protocol); };
  Scalar<std::int16_t> scalar = one_of<std::int16_t>({{"tcp", number(Protocol::kTcp)},
                                                      {"udp", number(Protocol::kUdp)},
                                                      {"icmp", number(Protocol::kIcmp)},
                                                      {"all", std::int16_t{-1}}});
  scalar.type = "word or number";
  scalar.range = "tcp, udp, icmp, all, or 0 to 255";
  scalar.expected = "tcp, udp, icmp, all, or a protocol's number from 0 to 255";
  scalar.parse = [word = scalar.parse](std::string_view text) -> std::optional<std::int16_t> {
    if (const auto known = word(text)) return known;
    const auto value = parse_decimal(text);
    return value && *value <= 255 ? std::optional(static_cast<std::int16_t>(*value)) : std::nullopt;
  };
  return scalar;
}

Scalar<Destination> rule_destination() {
  const Scalar<Ipv4Prefix> prefix = ipv4_prefix(0, 32);
  const Scalar<std::string> group = id("sg-");
  return {
      .type = "IPv4 prefix or id",
      .unit = "",
      .range = prefix.range + ", or " + group.range,
      .expected = prefix.expected + ", or a security group's id, as sg-db",
      .parse = [prefix = prefix.parse, group = group.parse](std::string_view text) -> std::optional<Destination> {
        if (const auto value = prefix(text)) return Destination{.prefix = *value, .group = {}};
        if (const auto value = group(text)) return Destination{.prefix = {}, .group = *value};
        return std::nullopt;
      },
      .print = [](const Destination& value) { return value.group.empty() ? to_string(value.prefix) : value.group; }};
}

Schema<EgressRuleKeys> egress_schema() {
  Schema<EgressRuleKeys> schema;
  schema.required({"protocol", "What the rule lets out."}, &EgressRuleKeys::protocol, rule_protocol())
      .optional({"ports", "With tcp and udp only: remote ports."}, &EgressRuleKeys::ports, port_range(), "all")
      .optional({"type", "With icmp only."}, &EgressRuleKeys::icmp_type, integer<std::uint8_t>(0, 255), "every type")
      .optional({"code", "With icmp and a type only."}, &EgressRuleKeys::icmp_code, integer<std::uint8_t>(0, 255),
                "every code")
      .required({"destination", "Where to: addresses, or whoever is in a security group of the VPC."},
                &EgressRuleKeys::destination, rule_destination());
  return schema;
}

GroupRule to_rule(const EgressRuleKeys& keys, Loader& loader, const Path& at) {
  const bool has_ports =
      keys.protocol == static_cast<int>(Protocol::kTcp) || keys.protocol == static_cast<int>(Protocol::kUdp);
  const bool is_icmp = keys.protocol == static_cast<int>(Protocol::kIcmp);
  if (keys.ports && !has_ports)
    loader.refuse(at / "ports", "ports for a rule without any", "them with tcp or udp only");
  if (keys.icmp_type && !is_icmp) loader.refuse(at / "type", "a type for a rule without any", "it with icmp only");
  if (keys.icmp_code && !keys.icmp_type) {
    loader.refuse(at / "code", "a code without a type", "it with icmp and a type only");
  }
  EgressRule rule{.protocol = keys.protocol, .first_port = 0, .last_port = 0, .destination = keys.destination.prefix};
  if (has_ports) {
    const PortRange ports = keys.ports.value_or(PortRange{});
    rule.first_port = ports.first;
    rule.last_port = ports.last;
  } else if (is_icmp) {
    rule.first_port = keys.icmp_type ? *keys.icmp_type : kAnyIcmp;
    rule.last_port = keys.icmp_code ? *keys.icmp_code : kAnyIcmp;
  }
  return {.rule = rule, .group = keys.destination.group};
}

Schema<SecurityGroupConfig> security_group_schema() {
  Schema<SecurityGroupConfig> schema;
  schema.required({"id", "The group's id, its own in the account."}, &SecurityGroupConfig::id, id("sg-"))
      .list({"egress", "What a function may open; replies to it pass."}, &SecurityGroupConfig::egress, egress_schema(),
            {.least = 0, .most = 1'000}, to_rule)
      .list({"members", "Who is in the group beside the interfaces that carry it, as a rule's destination: servers."},
            &SecurityGroupConfig::members, ipv4_address(), {.least = 0, .most = 1'024});
  return schema;
}

Schema<Route> route_schema() {
  Schema<Route> schema;
  schema
      .required({"destination", "Where to; beyond the VPC, which has its routes."}, &Route::prefix, ipv4_prefix(0, 32))
      .required({"target", "By way of the subnet's router, or nowhere."}, &Route::target,
                one_of<RouteTarget>({{"router", RouteTarget::kRouter}, {"blackhole", RouteTarget::kBlackhole}}));
  return schema;
}

Schema<RouteTableConfig> route_table_schema() {
  Schema<RouteTableConfig> schema;
  schema.required({"id", "The table's id, its own in the account."}, &RouteTableConfig::id, id("rtb-"))
      .list({"routes", "Longest prefix first, whatever their order."}, &RouteTableConfig::routes, route_schema(),
            {.least = 0, .most = 1'000});
  return schema;
}

Schema<Segment> segment_schema() {
  Schema<Segment> schema;
  schema.required({"attachment", "An outside attachment of the data plane."}, &Segment::attachment, name())
      .required({"id", "The VNI or VLAN id there; 0 on a plain attachment."}, &Segment::id,
                integer<std::uint32_t>(0, kMaxNumber24));
  return schema;
}

Schema<SubnetConfig> subnet_schema() {
  Schema<SubnetConfig> schema;
  schema.required({"id", "The subnet's id, its own in the account."}, &SubnetConfig::id, id("subnet-"))
      .required({"cidr", "Its part of the VPC; apart from the other subnets'."}, &SubnetConfig::cidr,
                ipv4_prefix(8, 28))
      .optional({"zone", "The availability zone."}, &SubnetConfig::zone, name())
      .required({"router", "The way out of the subnet."}, &SubnetConfig::router, ipv4_address())
      .group({"segment", "Where the subnet meets the data plane."}, &SubnetConfig::segment, segment_schema())
      .list({"vteps", "Ends of the segment's tunnels; required on a vxlan or geneve attachment."}, &SubnetConfig::vteps,
            ipv4_address(), {.least = 0, .most = 64})
      .list({"reserved", "Addresses that machines of the subnet have; no interface gets one of them."},
            &SubnetConfig::reserved, ipv4_address(), {.least = 0, .most = 1024})
      .optional({"routes", "A route table of the VPC."}, &SubnetConfig::route_table, id("rtb-"),
                "nothing beyond the VPC");
  return schema;
}

Schema<VpcConfig> vpc_schema() {
  Schema<VpcConfig> schema;
  schema.required({"id", "The VPC's id, its own in the account."}, &VpcConfig::id, id("vpc-"))
      .required({"cidr", "Its addresses; tenants may use the same."}, &VpcConfig::cidr, ipv4_prefix(8, 28))
      .optional({"resolver", "The name server of every function in the VPC."}, &VpcConfig::resolver, ipv4_address(),
                "none")
      .list({"subnets", "Its subnets."}, &VpcConfig::subnets, subnet_schema(), {})
      .list({"route_tables", "Routes beyond the VPC, for its subnets."}, &VpcConfig::route_tables, route_table_schema(),
            {})
      .list({"security_groups", "What functions may reach."}, &VpcConfig::security_groups, security_group_schema(), {});
  return schema;
}

/// What Lambda takes for a function's name.
Scalar<std::string> function_name() {
  Scalar<std::string> scalar = name();
  scalar.range = "1 to 64 characters of A-Z a-z 0-9 _ -";
  scalar.expected = "a function's name of " + scalar.range;
  scalar.parse = [](std::string_view text) -> std::optional<std::string> {
    const bool fits = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    return fits ? std::optional(std::string(text)) : std::nullopt;
  };
  return scalar;
}

Schema<FunctionConfig> function_schema() {
  using std::chrono::seconds;
  Schema<FunctionConfig> schema;
  schema.required({"name", "The function's name, its own in the account."}, &FunctionConfig::name, function_name())
      .list({"subnets", "Where it has interfaces; all of one VPC."}, &FunctionConfig::subnets, id("subnet-"),
            {.least = 1, .most = kMaxSubnetsPerFunction})
      .list({"security_groups", "What it may reach; of the same VPC."}, &FunctionConfig::security_groups, id("sg-"),
            {.least = 1, .most = kMaxSecurityGroupsPerFunction})
      .list({"command", "What an invocation runs."}, &FunctionConfig::command, text("curl"),
            {.least = 1, .most = 1'000})
      .optional({"timeout", "How long an invocation may take."}, &FunctionConfig::timeout,
                duration(seconds(1), seconds(900)));
  return schema;
}

Schema<TenantLimits> tenant_limits_schema() {
  const auto limit = [] { return integer<std::uint32_t>(0, std::numeric_limits<std::uint32_t>::max()); };
  Schema<TenantLimits> schema;
  schema.optional({"flows", "Flows at a time."}, &TenantLimits::flows, limit(), std::to_string(kDefaultTenantFlows))
      .optional({"new_flows_per_second", "Flows that it may try to open; as many may come at once."},
                &TenantLimits::new_flows_per_second, limit())
      .optional({"packets_per_second", "Packets, both ways together; as many may come at once."},
                &TenantLimits::packets_per_second, limit());
  return schema;
}

Schema<TenantTimeouts> tenant_timeouts_schema() {
  const auto timeout = [] { return duration(kShortestTimeout, kLongestTimeout); };
  const std::string otherwise = "the data plane's";
  Schema<TenantTimeouts> schema;
  schema
      .optional({"tcp_opening", "A TCP flow whose handshake is not complete."}, &TenantTimeouts::tcp_opening, timeout(),
                otherwise)
      .optional({"tcp_established", "An idle TCP flow."}, &TenantTimeouts::tcp_established, timeout(), otherwise)
      .optional({"tcp_closing", "A TCP flow after both FINs or a RST; its port's quarantine."},
                &TenantTimeouts::tcp_closing, timeout(), otherwise)
      .optional({"udp", "An idle UDP flow."}, &TenantTimeouts::udp, timeout(), otherwise)
      .optional({"icmp", "An idle echo flow."}, &TenantTimeouts::icmp, timeout(), otherwise);
  return schema;
}

Schema<TenantConfig> tenant_schema() {
  Schema<TenantConfig> schema;
  schema.required({"account", "The tenant's AWS account id."}, &TenantConfig::account, account())
      .required({"name", "What people call the tenant."}, &TenantConfig::name, name())
      .group({"limits", "What it may do, over all workers of a data plane; 0 for no limit of its own."},
             &TenantConfig::limits, tenant_limits_schema())
      .group({"timeouts", "After how long without a packet its flows go."}, &TenantConfig::timeouts,
             tenant_timeouts_schema())
      .list({"vpcs", "The tenant's networks."}, &TenantConfig::vpcs, vpc_schema(), {})
      .list({"functions", "The tenant's functions."}, &TenantConfig::functions, function_schema(), {});
  return schema;
}

}  // namespace

const Schema<FunctionsConfig>& functions_schema() {
  static const Schema<FunctionsConfig> kSchema = [] {
    Schema<FunctionsConfig> schema;
    schema.list({"tenants", "Everybody who has functions."}, &FunctionsConfig::tenants, tenant_schema(), {.least = 1});
    return schema;
  }();
  return kSchema;
}

}  // namespace hypernat::config
