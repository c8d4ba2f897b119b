// The keys of functions.yaml.
#include <algorithm>

#include "config/schemas.h"

namespace hypernat::config {
namespace {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65'535;
};

/// An egress rule as it is written; what is left out depends on the protocol.
struct EgressRuleKeys {
  std::int16_t protocol = -1;
  std::optional<PortRange> ports;
  std::optional<std::uint8_t> icmp_type;
  std::optional<std::uint8_t> icmp_code;
  Ipv4Prefix destination;
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

Schema<EgressRuleKeys> egress_schema() {
  const auto number = [](Protocol protocol) { return static_cast<std::int16_t>(protocol); };
  Schema<EgressRuleKeys> schema;
  schema
      .required({"protocol", "What the rule lets out."}, &EgressRuleKeys::protocol,
                one_of<std::int16_t>({{"tcp", number(Protocol::kTcp)},
                                      {"udp", number(Protocol::kUdp)},
                                      {"icmp", number(Protocol::kIcmp)},
                                      {"all", std::int16_t{-1}}}))
      .optional({"ports", "With tcp and udp only: remote ports."}, &EgressRuleKeys::ports, port_range(), "all")
      .optional({"type", "With icmp only."}, &EgressRuleKeys::icmp_type, integer<std::uint8_t>(0, 255), "every type")
      .optional({"code", "With icmp and a type only."}, &EgressRuleKeys::icmp_code, integer<std::uint8_t>(0, 255),
                "every code")
      .required({"destination", "Where to."}, &EgressRuleKeys::destination, ipv4_prefix(0, 32));
  return schema;
}

EgressRule to_rule(const EgressRuleKeys& keys, Loader& loader, const Path& at) {
  const bool has_ports =
      keys.protocol == static_cast<int>(Protocol::kTcp) || keys.protocol == static_cast<int>(Protocol::kUdp);
  const bool is_icmp = keys.protocol == static_cast<int>(Protocol::kIcmp);
  if (keys.ports && !has_ports)
    loader.refuse(at / "ports", "ports for a rule without any", "them with tcp or udp only");
  if (keys.icmp_type && !is_icmp) loader.refuse(at / "type", "a type for a rule without any", "it with icmp only");
  if (keys.icmp_code && !keys.icmp_type) {
    loader.refuse(at / "code", "a code without a type", "it with icmp and a type only");
  }
  EgressRule rule{.protocol = keys.protocol, .first_port = 0, .last_port = 0, .destination = keys.destination};
  if (has_ports) {
    const PortRange ports = keys.ports.value_or(PortRange{});
    rule.first_port = ports.first;
    rule.last_port = ports.last;
  } else if (is_icmp) {
    rule.first_port = keys.icmp_type ? *keys.icmp_type : kAnyIcmp;
    rule.last_port = keys.icmp_code ? *keys.icmp_code : kAnyIcmp;
  }
  return rule;
}

Schema<SecurityGroupConfig> security_group_schema() {
  Schema<SecurityGroupConfig> schema;
  schema.required({"id", "The group's id, its own in the account."}, &SecurityGroupConfig::id, id("sg-"))
      .list({"egress", "What a function may open; replies to it pass."}, &SecurityGroupConfig::egress, egress_schema(),
            {.least = 0, .most = 1'000}, to_rule);
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

Schema<TenantConfig> tenant_schema() {
  Schema<TenantConfig> schema;
  schema.required({"account", "The tenant's AWS account id."}, &TenantConfig::account, account())
      .required({"name", "What people call the tenant."}, &TenantConfig::name, name())
      .optional({"flow_limit", "Flows at a time over all workers of a data plane; 0 for no limit of its own."},
                &TenantConfig::flow_limit, integer<std::uint32_t>(0, std::numeric_limits<std::uint32_t>::max()))
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
