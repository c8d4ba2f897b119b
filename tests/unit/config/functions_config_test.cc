// functions.yaml: what is read, and every way to get it wrong.
#include "config/functions_config.h"

#include "tests/unit/config/config_refusal.h"

namespace hypernat::config {
namespace functions_config {

using namespace std::chrono_literals;

constexpr const char* kFile = R"(tenants:
  - account: "111122223333"
    name: acme
    limits: {flows: 7, packets_per_second: 9}
    vpcs:
      - id: vpc-a
        cidr: 10.0.0.0/16
        resolver: 10.0.1.53
        subnets:
          - id: subnet-a
            cidr: 10.0.1.0/24
            zone: b
            router: 10.0.1.1
            segment: {attachment: tenants, id: 5001}
            vteps: [198.51.100.11]
            reserved: [10.0.1.10, 10.0.1.11]
            routes: rtb-a
          - id: subnet-b
            cidr: 10.0.2.0/24
            router: 10.0.2.1
            segment: {attachment: tenants, id: 5002}
            vteps: [198.51.100.11]
        route_tables:
          - id: rtb-a
            routes: [{destination: 0.0.0.0/0, target: router}, {destination: 192.168.0.0/16, target: blackhole}]
        security_groups:
          - id: sg-a
            egress:
              - {protocol: tcp, ports: 80, destination: 10.0.0.0/16}
              - {protocol: udp, ports: 8000-8080, destination: 10.0.0.0/16}
              - {protocol: icmp, type: 8, destination: 10.0.0.0/16}
              - {protocol: all, destination: 0.0.0.0/0}
      - id: vpc-c
        cidr: 10.0.0.0/16
        subnets:
          - {id: subnet-c, cidr: 10.0.1.0/24, router: 10.0.1.9, segment: {attachment: tenants, id: 5003}, vteps: [198.51.100.11]}
        route_tables:
          - {id: rtb-c}
        security_groups:
          - {id: sg-c}
    functions:
      - name: web
        subnets: [subnet-a, subnet-b]
        security_groups: [sg-a]
        command: [curl, -sf, "http://web.internal/"]
        timeout: 5s
  - account: 000000000042
    name: globex
    vpcs:
      - id: vpc-a
        cidr: 10.0.0.0/16
        subnets:
          - {id: subnet-a, cidr: 10.0.1.0/24, router: 10.0.1.1, segment: {attachment: tenants, id: 5004}, vteps: [198.51.100.12]}
        security_groups:
          - id: sg-a
            egress: [{protocol: tcp, destination: 10.0.0.0/16}, {protocol: icmp, destination: 10.0.0.0/16}]
    functions:
      - {name: report, subnets: [subnet-a], security_groups: [sg-a], command: ["true"]}
)";

constexpr Ipv4Prefix kVpc{Ipv4Address::of(10, 0, 0, 0), 16};

TEST(FunctionsConfig, IsRead) {
  const FunctionsConfig config = parse_functions_config(kFile, "f");
  ASSERT_EQ(config.tenants.size(), 2U);
  const TenantConfig& acme = config.tenants[0];
  EXPECT_EQ(acme.account, "111122223333");
  EXPECT_EQ(acme.name, "acme");
  EXPECT_EQ(acme.limits, (TenantLimits{.flows = 7, .new_flows_per_second = 0, .packets_per_second = 9}));
  EXPECT_EQ(acme.timeouts, TenantTimeouts{});
  EXPECT_EQ(config.tenants[1].limits, TenantLimits{.flows = kDefaultTenantFlows});
  ASSERT_EQ(acme.vpcs.size(), 2U);
  const VpcConfig& vpc = acme.vpcs[0];
  EXPECT_EQ(vpc.id, "vpc-a");
  EXPECT_EQ(vpc.cidr, kVpc);
  EXPECT_EQ(vpc.resolver, Ipv4Address::of(10, 0, 1, 53));
  ASSERT_EQ(vpc.subnets.size(), 2U);
  EXPECT_EQ(vpc.subnets[0], (SubnetConfig{.id = "subnet-a",
                                          .cidr = {Ipv4Address::of(10, 0, 1, 0), 24},
                                          .zone = "b",
                                          .router = Ipv4Address::of(10, 0, 1, 1),
                                          .segment = {"tenants", 5001},
                                          .vteps = {Ipv4Address::of(198, 51, 100, 11)},
                                          .reserved = {Ipv4Address::of(10, 0, 1, 10), Ipv4Address::of(10, 0, 1, 11)},
                                          .route_table = "rtb-a"}));
  EXPECT_EQ(vpc.subnets[1].zone, "a");
  EXPECT_EQ(vpc.subnets[1].route_table, std::nullopt);
  ASSERT_EQ(vpc.route_tables.size(), 1U);
  EXPECT_EQ(vpc.route_tables[0].routes,
            (std::vector<Route>{{Ipv4Prefix{}, RouteTarget::kRouter},
                                {{Ipv4Address::of(192, 168, 0, 0), 16}, RouteTarget::kBlackhole}}));
  ASSERT_EQ(acme.functions.size(), 1U);
  EXPECT_EQ(acme.functions[0], (FunctionConfig{.name = "web",
                                               .subnets = {"subnet-a", "subnet-b"},
                                               .security_groups = {"sg-a"},
                                               .command = {"curl", "-sf", "http://web.internal/"},
                                               .timeout = 5s}));
  EXPECT_EQ(config.tenants[1].functions[0].timeout, 30s);
}

TEST(FunctionsConfig, ReadsRulesInAwsShape) {
  const FunctionsConfig config = parse_functions_config(kFile, "f");
  EXPECT_EQ(config.tenants[0].vpcs[0].security_groups[0].egress,
            (std::vector<GroupRule>{{{.protocol = 6, .first_port = 80, .last_port = 80, .destination = kVpc}},
                                    {{.protocol = 17, .first_port = 8000, .last_port = 8080, .destination = kVpc}},
                                    {{.protocol = 1, .first_port = 8, .last_port = kAnyIcmp, .destination = kVpc}},
                                    {{.protocol = -1, .first_port = 0, .last_port = 0, .destination = {}}}}));
  EXPECT_EQ(
      config.tenants[1].vpcs[0].security_groups[0].egress,
      (std::vector<GroupRule>{{{.protocol = 6, .first_port = 0, .last_port = 65535, .destination = kVpc}},
                              {{.protocol = 1, .first_port = kAnyIcmp, .last_port = kAnyIcmp, .destination = kVpc}}}));
}

FunctionsConfig with_change(const std::string& from, const std::string& to) {
  return parse_functions_config(changed(kFile, {"", from, to, ""}), "f");
}

TEST(FunctionsConfig, ReadsRulesTowardsGroupsAndOfProtocolsByNumber) {
  const auto config = with_change("egress:\n              - {protocol: tcp, ports: 80, destination: 10.0.0.0/16}",
                                  "members: [10.0.1.10, 10.0.2.10]\n            egress:\n"
                                  "              - {protocol: 6, ports: 80, destination: sg-a}\n"
                                  "              - {protocol: 47, destination: 10.0.0.0/16}\n"
                                  "              - {protocol: all, destination: sg-a}");
  const SecurityGroupConfig& group = config.tenants[0].vpcs[0].security_groups[0];
  EXPECT_EQ(group.members, (std::vector<Ipv4Address>{Ipv4Address::of(10, 0, 1, 10), Ipv4Address::of(10, 0, 2, 10)}));
  EXPECT_EQ(group.egress[0], (GroupRule{.rule = {.protocol = 6, .first_port = 80, .last_port = 80, .destination = {}},
                                        .group = "sg-a"}));
  EXPECT_EQ(group.egress[1].rule, (EgressRule{.protocol = 47, .first_port = 0, .last_port = 0, .destination = kVpc}));
  EXPECT_EQ(group.egress[2],
            (GroupRule{.rule = {.protocol = -1, .first_port = 0, .last_port = 0, .destination = {}}, .group = "sg-a"}));
}

TEST(FunctionsConfig, ReadsATenantsTimeouts) {
  const auto config = with_change("    limits: {flows: 7, packets_per_second: 9}",
                                  "    limits: {new_flows_per_second: 5}\n"
                                  "    timeouts: {tcp_established: 1h, tcp_closing: 100ms, udp: 30s}");
  EXPECT_EQ(config.tenants[0].limits, (TenantLimits{.flows = kDefaultTenantFlows, .new_flows_per_second = 5}));
  EXPECT_EQ(config.tenants[0].timeouts, (TenantTimeouts{.tcp_established = 1h, .tcp_closing = 100ms, .udp = 30s}));
}

TEST(FunctionsConfig, KeepsLeadingZerosOfAnAccountThatIsNotQuoted) {
  EXPECT_EQ(parse_functions_config(kFile, "f").tenants[1].account, "000000000042");
}

TEST(FunctionsConfig, LetsTwoAccountsUseTheSameIdsAndAddresses) {
  const FunctionsConfig config = parse_functions_config(kFile, "f");
  EXPECT_EQ(config.tenants[0].vpcs[0].subnets[0].id, config.tenants[1].vpcs[0].subnets[0].id);
  EXPECT_EQ(config.tenants[0].vpcs[0].subnets[0].cidr, config.tenants[1].vpcs[0].subnets[0].cidr);
}

class FunctionsRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(FunctionsRefusal, SaysLineAndFoundAndExpected) {
  const auto parse = [](std::string_view text, const std::string& file) { return parse_functions_config(text, file); };
  EXPECT_EQ(mistakes_of(parse, changed(kFile, GetParam())), GetParam().message);
}

const Refusal kRows[] = {
    {"AccountTooShort", "\"111122223333\"", "\"1111\"",
     "2: found \"1111\" for \"account\"; expected an account id of 12 digits"},
    {"AccountNotDigits", "\"111122223333\"", "11112222333a",
     "2: found \"11112222333a\" for \"account\"; expected an account id of 12 digits"},
    {"AccountTwice", "000000000042", "111122223333",
     "47: found the account \"111122223333\" again; expected it once in the file, as on line 2"},
    {"TenantNameTwice", "name: globex", "name: acme",
     "48: found the tenant \"acme\" again; expected it once in the file, as on line 3"},
    {"IdOfAnotherKind", "- id: vpc-c", "- id: subnet-x",
     "33: found \"subnet-x\" for \"id\"; expected an id that begins with vpc-, of A-Z a-z 0-9 . _ -"},
    {"VpcTwice", "- id: vpc-c", "- id: vpc-a",
     "33: found the VPC \"vpc-a\" again; expected it once in the account, as on line 6"},
    {"SubnetTwice", "id: subnet-c,", "id: subnet-b,",
     "36: found the subnet \"subnet-b\" again; expected it once in the account, as on line 18"},
    {"RouteTableTwice", "{id: rtb-c}", "{id: rtb-a}",
     "38: found the route table \"rtb-a\" again; expected it once in the account, as on line 24"},
    {"SecurityGroupTwice", "{id: sg-c}", "{id: sg-a}",
     "40: found the security group \"sg-a\" again; expected it once in the account, as on line 27"},
    {"FunctionTwice", "  - account: 000000000042",
     "      - {name: web, subnets: [subnet-a], security_groups: [sg-a], command: [x]}\n  - account: 000000000042",
     "47: found the function \"web\" again; expected it once in the account, as on line 42"},
    {"FunctionNameNotLambdas", "name: web", "name: web.v2",
     "42: found \"web.v2\" for \"name\"; expected a function's name of 1 to 64 characters of A-Z a-z 0-9 _ -"},

    {"ResolverOutsideVpc", "10.0.1.53", "10.1.1.53", "8: found resolver 10.1.1.53; expected an address of 10.0.0.0/16"},
    {"SubnetOutsideVpc", "cidr: 10.0.2.0/24\n            router: 10.0.2.1",
     "cidr: 10.1.2.0/24\n            router: 10.1.2.1",
     "19: found 10.1.2.0/24; expected a prefix within 10.0.0.0/16 of vpc-a"},
    {"SubnetsOverlap", "cidr: 10.0.2.0/24\n            router: 10.0.2.1",
     "cidr: 10.0.0.0/22\n            router: 10.0.2.1",
     "19: found 10.0.0.0/22; expected a prefix apart from 10.0.1.0/24 of subnet-a"},
    {"SubnetsAreTheSame", "cidr: 10.0.2.0/24\n            router: 10.0.2.1",
     "cidr: 10.0.1.0/24\n            router: 10.0.1.1",
     "19: found 10.0.1.0/24; expected a prefix apart from 10.0.1.0/24 of subnet-a"},
    {"RouterOutsideSubnet", "router: 10.0.2.1", "router: 10.0.3.1",
     "20: found router 10.0.3.1; expected a host address of 10.0.2.0/24"},
    {"RouterIsNetworkAddress", "router: 10.0.2.1", "router: 10.0.2.0",
     "20: found router 10.0.2.0; expected a host address of 10.0.2.0/24"},
    {"RouterIsBroadcastAddress", "router: 10.0.2.1", "router: 10.0.2.255",
     "20: found router 10.0.2.255; expected a host address of 10.0.2.0/24"},
    {"RouterIsNoAddress", "router: 10.0.2.1", "router: gateway",
     "20: found \"gateway\" for \"router\"; expected a unicast IPv4 address, as 192.0.2.1"},
    {"SubnetTooSmall", "cidr: 10.0.2.0/24", "cidr: 10.0.2.0/29",
     "19: found \"10.0.2.0/29\" for \"cidr\"; expected an IPv4 prefix from /8 to /28 without host bits, as "
     "10.0.0.0/16"},
    {"SegmentTwice", "id: 5002", "id: 5001",
     "21: found the segment \"tenants:5001\" again; expected it once in all networks, as on line 14"},
    {"SegmentTwiceAcrossTenants", "id: 5004", "id: 5001",
     "53: found the segment \"tenants:5001\" again; expected it once in all networks, as on line 14"},
    {"SegmentTooLarge", "id: 5004", "id: 16777216",
     "53: found \"16777216\" for \"id\"; expected an integer from 0 to 16777215"},
    {"SegmentMissing", "            segment: {attachment: tenants, id: 5002}\n", "",
     "18: found no \"segment\" for \"subnets[1]\"; expected a map with the keys attachment, id"},
    {"VtepTwice", "id: 5002}\n            vteps: [198.51.100.11]",
     "id: 5002}\n            vteps: [198.51.100.11, 198.51.100.11]",
     "22: found the VTEP \"198.51.100.11\" again; expected it once in the subnet, as on line 22"},
    {"ReservedTwice", "10.0.1.10, 10.0.1.11", "10.0.1.10, 10.0.1.10",
     "16: found the reserved address \"10.0.1.10\" again; expected it once in the subnet, as on line 16"},
    {"ReservedOutsideSubnet", "10.0.1.10, 10.0.1.11", "10.0.1.10, 10.0.2.11",
     "16: found reserved address 10.0.2.11; expected a host address of 10.0.1.0/24"},
    {"RouteTableUnknown", "routes: rtb-a", "routes: rtb-x",
     "17: found the unknown route table \"rtb-x\"; expected a route table of vpc-a"},
    {"RouteTableOfAnotherVpc", "routes: rtb-a", "routes: rtb-c",
     "17: found the route table \"rtb-c\" of vpc-c; expected one of vpc-a"},
    {"RouteTwice", "192.168.0.0/16", "0.0.0.0/0",
     "25: found the destination \"0.0.0.0/0\" again; expected it once in the route table, as on line 25"},
    {"RouteWithinVpc", "192.168.0.0/16", "10.0.7.0/24",
     "25: found 10.0.7.0/24; expected a destination beyond 10.0.0.0/16, whose routes are implied"},
    {"RouteToNowhere", "target: blackhole", "target: internet",
     "25: found \"internet\" for \"target\"; expected router or blackhole"},

    {"RuleOfAnotherProtocol", "protocol: all", "protocol: sctp",
     "32: found \"sctp\" for \"protocol\"; expected tcp, udp, icmp, all, or a protocol's number from 0 to 255"},
    {"RuleOfAProtocolThatCanNotBe", "protocol: all", "protocol: 256",
     "32: found \"256\" for \"protocol\"; expected tcp, udp, icmp, all, or a protocol's number from 0 to 255"},
    {"RulePortsForAProtocolWithoutAny", "protocol: tcp, ports: 80,", "protocol: 47, ports: 80,",
     "29: found ports for a rule without any; expected them with tcp or udp only"},
    {"RuleTowardsAnUnknownGroup", "{protocol: all, destination: 0.0.0.0/0}", "{protocol: all, destination: sg-x}",
     "32: found the unknown security group \"sg-x\"; expected a security group of vpc-a"},
    {"RuleTowardsAGroupOfAnotherVpc", "{protocol: all, destination: 0.0.0.0/0}", "{protocol: all, destination: sg-c}",
     "32: found the security group \"sg-c\" of vpc-c; expected one of vpc-a"},
    {"RuleTowardsNothing", "{protocol: all, destination: 0.0.0.0/0}", "{protocol: all, destination: db}",
     "32: found \"db\" for \"destination\"; expected an IPv4 prefix from /0 to /32 without host bits, as 10.0.0.0/16, "
     "or a security group's id, as sg-db"},
    {"MemberOutsideVpc", "{id: sg-c}", "{id: sg-c, members: [10.0.1.7, 10.1.0.7]}",
     "40: found member 10.1.0.7; expected an address of 10.0.0.0/16"},
    {"MemberTwice", "{id: sg-c}", "{id: sg-c, members: [10.0.1.7, 10.0.1.7]}",
     "40: found the member \"10.0.1.7\" again; expected it once in the group, as on line 40"},
    {"LimitUnknown", "packets_per_second", "packets_per_hour",
     "4: found the unknown key \"packets_per_hour\" for \"limits\"; expected one of flows, new_flows_per_second, "
     "packets_per_second"},
    {"LimitTooLarge", "flows: 7", "flows: 4294967296",
     "4: found \"4294967296\" for \"flows\"; expected an integer from 0 to 4294967295"},
    {"TimeoutTooShort", "limits: {flows: 7, packets_per_second: 9}", "timeouts: {udp: 50ms}",
     "4: found \"50ms\" for \"udp\"; expected a duration from 100ms to 1d in whole ms, as 500ms, 2s or 14d"},
    {"TimeoutTooLong", "limits: {flows: 7, packets_per_second: 9}", "timeouts: {tcp_established: 25h}",
     "4: found \"25h\" for \"tcp_established\"; expected a duration from 100ms to 1d in whole ms, as 500ms, 2s or 14d"},
    {"RulePortsReversed", "8000-8080", "8080-8000",
     "30: found \"8080-8000\" for \"ports\"; expected a port as 80, a range as 8000-8080, or all"},
    {"RulePortTooLarge", "8000-8080", "65536",
     "30: found \"65536\" for \"ports\"; expected a port as 80, a range as 8000-8080, or all"},
    {"RulePortsForAll", "protocol: all,", "protocol: all, ports: 80,",
     "32: found ports for a rule without any; expected them with tcp or udp only"},
    {"RuleTypeForTcp", "ports: 80,", "ports: 80, type: 8,",
     "29: found a type for a rule without any; expected it with icmp only"},
    {"RuleCodeWithoutType", "type: 8,", "code: 0,",
     "31: found a code without a type; expected it with icmp and a type only"},
    {"RuleWithoutDestination", "{protocol: all, destination: 0.0.0.0/0}", "{protocol: all}",
     "32: found no \"destination\" for \"egress[3]\"; expected an IPv4 prefix from /0 to /32 without host bits, as "
     "10.0.0.0/16, or a security group's id, as sg-db"},

    {"FunctionsSubnetUnknown", "[subnet-a, subnet-b]", "[subnet-x]",
     "43: found the unknown subnet \"subnet-x\"; expected a subnet of account 111122223333"},
    {"FunctionsSubnetTwice", "[subnet-a, subnet-b]", "[subnet-a, subnet-a]",
     "43: found the subnet \"subnet-a\" again; expected it once in the function, as on line 43"},
    {"FunctionsSubnetsOfTwoVpcs", "[subnet-a, subnet-b]", "[subnet-a, subnet-c]",
     "43: found the subnet \"subnet-c\" of vpc-c; expected one of vpc-a"},
    {"FunctionsSubnetOfAnotherAccount", "{name: report, subnets: [subnet-a]", "{name: report, subnets: [subnet-b]",
     "58: found the unknown subnet \"subnet-b\"; expected a subnet of account 000000000042"},
    {"FunctionsGroupUnknown", "[sg-a]\n", "[sg-x]\n",
     "44: found the unknown security group \"sg-x\"; expected a security group of vpc-a"},
    {"FunctionsGroupTwice", "[sg-a]\n", "[sg-a, sg-a]\n",
     "44: found the security group \"sg-a\" again; expected it once in the function, as on line 44"},
    {"FunctionsGroupOfAnotherVpc", "[sg-a]\n", "[sg-c]\n",
     "44: found the security group \"sg-c\" of vpc-c; expected one of vpc-a"},
    {"FunctionWithoutGroups", "[sg-a]\n", "[]\n",
     "44: found 0 items for \"security_groups\"; expected a list of 1 to 5 items, each an id that begins with sg-, of "
     "A-Z "
     "a-z 0-9 . _ -"},
    {"FunctionWithSixGroups", "[sg-a]\n", "[sg-1, sg-2, sg-3, sg-4, sg-5, sg-6]\n",
     "44: found 6 items for \"security_groups\"; expected a list of 1 to 5 items, each an id that begins with sg-, of "
     "A-Z "
     "a-z 0-9 . _ -"},
    {"FunctionWithSeventeenSubnets", "[subnet-a, subnet-b]",
     "[subnet-1, subnet-2, subnet-3, subnet-4, subnet-5, subnet-6, subnet-7, subnet-8, subnet-9, subnet-10, subnet-11, "
     "subnet-12, subnet-13, subnet-14, subnet-15, subnet-16, subnet-17]",
     "43: found 17 items for \"subnets\"; expected a list of 1 to 16 items, each an id that begins with subnet-, of "
     "A-Z "
     "a-z 0-9 . _ -"},
    {"FunctionWithoutCommand", "        command: [curl, -sf, \"http://web.internal/\"]\n", "",
     "42: found no \"command\" for \"functions[0]\"; expected a list of 1 to 1000 items, each a text, as curl"},
    {"FunctionThatTakesTooLong", "timeout: 5s", "timeout: 16m",
     "46: found \"16m\" for \"timeout\"; expected a duration from 1s to 15m in whole s, as 500ms, 2s or 14d"},
    {"NoTenant", "tenants:\n", "tenants: []\nx:\n",
     "1: found 0 items for \"tenants\"; expected a list of 1 or more items, each a map with the keys account, name, "
     "limits, timeouts, vpcs, functions\n"
     "2: found the unknown key \"x\"; expected one of tenants"},
    {"SeveralAtOnce", "resolver: 10.0.1.53\n", "resolver: 10.9.9.9\n        route_tables: []\n",
     "24: found the key \"route_tables\" again; expected it once, as on line 9"},
};

INSTANTIATE_TEST_SUITE_P(Rows, FunctionsRefusal, testing::ValuesIn(kRows), row_name);

// With a data plane's file given too.

DataplaneConfig dataplane_with(const std::string& outside) {
  return parse_dataplane_config(
      "node: dp1\nports: [{name: p, device: d}, {name: q, device: e}]\nattachments:\n"
      "  - {name: hosts, side: inside, port: p, encapsulation: vxlan, address: 192.0.2.1/24}\n  - " +
          outside + "\n",
      "dataplane.yaml");
}

struct AttachmentRow {
  std::string name;
  std::string outside;
  std::string segment;  ///< of the one subnet, with what follows
  std::string message;
};

void PrintTo(const AttachmentRow& row, std::ostream* out) {
  *out << row.name;
}

class FunctionsAgainstDataplane : public testing::TestWithParam<AttachmentRow> {};

TEST_P(FunctionsAgainstDataplane, SegmentsFitTheAttachments) {
  const DataplaneConfig dataplane = dataplane_with(GetParam().outside);
  const auto parse = [&](std::string_view text, const std::string& file) {
    return parse_functions_config(text, file, &dataplane);
  };
  const std::string text =
      "tenants:\n  - account: 111122223333\n    name: acme\n    vpcs:\n      - id: vpc-a\n        cidr: 10.0.0.0/16\n"
      "        subnets:\n          - id: subnet-a\n            cidr: 10.0.1.0/24\n            router: 10.0.1.1\n"
      "            segment: " +
      GetParam().segment + "\n";
  EXPECT_EQ(mistakes_of(parse, text), GetParam().message);
}

const std::string kVlan = "{name: out, side: outside, port: q, encapsulation: vlan}";
const std::string kPlain = "{name: out, side: outside, port: q, encapsulation: plain}";
const std::string kVxlan = "{name: out, side: outside, port: q, encapsulation: vxlan, address: 198.51.100.1/24}";
const std::string kGeneve = "{name: out, side: outside, port: q, encapsulation: geneve, address: 198.51.100.1/24}";
const std::string kVteps = "\n            vteps: [198.51.100.11]";

const AttachmentRow kAttachmentRows[] = {
    {"LowestVlan", kVlan, "{attachment: out, id: 1}", ""},
    {"HighestVlan", kVlan, "{attachment: out, id: 4094}", ""},
    {"VlanZero", kVlan, "{attachment: out, id: 0}", "11: found VLAN id 0; expected 1 to 4094"},
    {"VlanTooLarge", kVlan, "{attachment: out, id: 4095}", "11: found VLAN id 4095; expected 1 to 4094"},
    {"VlanWithVteps", kVlan, "{attachment: out, id: 5}" + kVteps,
     "12: found VTEPs on the vlan attachment \"out\"; expected none"},
    {"Plain", kPlain, "{attachment: out, id: 0}", ""},
    {"PlainWithId", kPlain, "{attachment: out, id: 5}", "11: found plain segment id 5; expected 0"},
    {"Vxlan", kVxlan, "{attachment: out, id: 16777215}" + kVteps, ""},
    {"VxlanZero", kVxlan, "{attachment: out, id: 0}" + kVteps, "11: found VNI 0; expected 1 to 16777215"},
    {"VxlanWithoutVteps", kVxlan, "{attachment: out, id: 5}",
     "8: found no \"vteps\" on the vxlan attachment \"out\"; expected at least one"},
    {"VtepIsTheDataPlane", kVxlan, "{attachment: out, id: 5}\n            vteps: [198.51.100.1]",
     "12: found the data plane's own address 198.51.100.1; expected another"},
    {"Geneve", kGeneve, "{attachment: out, id: 16777215}" + kVteps, ""},
    {"GeneveZero", kGeneve, "{attachment: out, id: 0}" + kVteps, "11: found VNI 0; expected 1 to 16777215"},
    {"GeneveWithoutVteps", kGeneve, "{attachment: out, id: 5}",
     "8: found no \"vteps\" on the geneve attachment \"out\"; expected at least one"},
    {"UnknownAttachment", kVlan, "{attachment: elsewhere, id: 5}",
     "11: found \"elsewhere\"; expected an outside attachment of data plane \"dp1\": out"},
    {"InsideAttachment", kVlan, "{attachment: hosts, id: 5}",
     "11: found \"hosts\"; expected an outside attachment of data plane \"dp1\": out"},
};

INSTANTIATE_TEST_SUITE_P(Rows, FunctionsAgainstDataplane, testing::ValuesIn(kAttachmentRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace functions_config
}  // namespace hypernat::config
