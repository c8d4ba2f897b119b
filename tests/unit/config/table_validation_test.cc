// Every contradiction that a table can hold is refused by name: by the writer, and by the reader of bytes that some
// other writer made.
#include <gtest/gtest.h>

#include <functional>

#include "config/table.h"
#include "tests/unit/config/tables.h"

namespace hypernat::config {
namespace table_validation {

struct Row {
  std::string name;
  std::function<void(Table&)> spoil;
  std::string refusal;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

Ipv4Address address(const char* text) {
  return parse_ipv4_address(text).value();
}

class TableContradiction : public testing::TestWithParam<Row> {};

TEST_P(TableContradiction, IsRefusedByName) {
  Table table = small_table();
  ASSERT_NO_THROW(validate(table));
  GetParam().spoil(table);
  std::string refusal;
  try {
    write_table(table);
  } catch (const TableError& error) {
    refusal = error.what();
  }
  EXPECT_EQ(refusal, GetParam().refusal);
}

const Row kRows[] = {
    {"GenerationZero", [](Table& t) { t.generation = 0; }, "table: found generation 0; expected one counted from 1"},

    {"PeerWithoutName", [](Table& t) { t.peers[0].name = ""; },
     R"(tunnel peer "": found the name ""; expected 1 to 128 characters of A-Z a-z 0-9 . _ - with a letter or digit first)"},
    {"PeerTwice", [](Table& t) { t.peers[1].name = "wh1"; },
     R"(tunnel peer "wh1": found the name twice; expected every peer once)"},
    {"PeerAddressTwice", [](Table& t) { t.peers[1].address = t.peers[0].address; },
     R"(tunnel peer "wh2": found another peer's address 192.0.2.11; expected its own)"},
    {"PeerAddressMulticast", [](Table& t) { t.peers[0].address = address("224.0.0.1"); },
     R"(tunnel peer "wh1": found address 224.0.0.1; expected a unicast address)"},
    {"PeerBlockWithHostBits", [](Table& t) { t.peers[0].block.address = address("100.64.0.1"); },
     R"(tunnel peer "wh1": found block 100.64.0.1/20; expected no host bits set)"},
    {"PeerBlockLongerThanAnAddress", [](Table& t) { t.peers[0].block.length = 33; },
     R"(tunnel peer "wh1": found block length 33; expected 0 to 32)"},
    {"PeerBlocksOverlap",
     [](Table& t) {
       t.peers[1].block = {address("100.64.8.0"), 21};
     },
     R"(tunnel peer "wh2": found block 100.64.8.0/21; expected one apart from 100.64.0.0/20 of "wh1")"},

    {"TenantWithShortAccount", [](Table& t) { t.tenants[0].account = "1234"; },
     R"(tenant "1234": found that account; expected 12 decimal digits)"},
    {"TenantTwice", [](Table& t) { t.tenants[1].account = t.tenants[0].account; },
     R"(tenant "111122223333": found the account twice; expected every tenant once)"},
    {"TenantNumberTwice", [](Table& t) { t.tenants[1].number = 1; },
     R"(tenant "444455556666": found another tenant's number 1; expected its own)"},

    {"TenantTimeoutTooShort", [](Table& t) { t.tenants[0].timeouts.udp = std::chrono::milliseconds(99); },
     R"(tenant "111122223333": found a timeout udp of 99 ms; expected 100 to 86400000, or 0 for the data plane's)"},
    {"TenantTimeoutTooLong",
     [](Table& t) { t.tenants[1].timeouts.tcp_established = kLongestTimeout + std::chrono::milliseconds(1); },
     R"(tenant "444455556666": found a timeout tcp_established of 86400001 ms; expected 100 to 86400000, or 0 for the data plane's)"},

    {"RoutesOutOfOrder", [](Table& t) { std::swap(t.route_sets[0].routes[0], t.route_sets[0].routes[1]); },
     "route set 0: found 0.0.0.0/0 after 10.0.0.0/16; expected destinations in ascending order, each once"},
    {"RouteTwice", [](Table& t) { t.route_sets[0].routes[0].prefix = t.route_sets[0].routes[1].prefix; },
     "route set 0: found 10.0.0.0/16 after 10.0.0.0/16; expected destinations in ascending order, each once"},
    {"RouteToNowhere", [](Table& t) { t.route_sets[0].routes[1].target = RouteTarget{3}; },
     "route set 0: found target 3 of 10.0.0.0/16; expected 0 (local), 1 (router) or 2 (blackhole)"},
    {"RouteWithHostBits", [](Table& t) { t.route_sets[0].routes[1].prefix.address = address("10.0.0.1"); },
     "route set 0: found destination 10.0.0.1/16; expected no host bits set"},

    {"RulePortsReversed", [](Table& t) { t.rule_sets[0].rules[0].last_port = 79; },
     "rule set 0, rule 0: found ports 80-79; expected the lower one first"},
    {"RuleProtocolTooLarge", [](Table& t) { t.rule_sets[0].rules[0].protocol = 256; },
     "rule set 0, rule 0: found protocol 256; expected -1 to 255"},
    {"RuleIcmpTypeTooLarge", [](Table& t) { t.rule_sets[0].rules[1].first_port = 256; },
     "rule set 0, rule 1: found ICMP type and code 256-65535; expected 0 to 255, or any; any type has any code"},
    {"RuleIcmpCodeOfAnyType", [](Table& t) { t.rule_sets[0].rules[1].last_port = 0; },
     "rule set 0, rule 1: found ICMP type and code 65535-0; expected 0 to 255, or any; any type has any code"},
    {"TooManyRules", [](Table& t) { t.rule_sets[0].rules.resize(kMostRules + 1); },
     "rule set 0: found 8193 rules; expected at most 8192"},
    {"RuleWithHostBits", [](Table& t) { t.rule_sets[1].rules[0].destination.address = address("10.0.0.1"); },
     "rule set 1, rule 0: found destination 10.0.0.1/0; expected no host bits set"},

    {"SubnetNumberZero", [](Table& t) { t.subnets[0].number = SubnetNumber{0}; },
     R"(subnet "subnet-a": found number 0; expected 1 to 16777215)"},
    {"SubnetNumberTooLarge", [](Table& t) { t.subnets[0].number = SubnetNumber{1 << 24}; },
     R"(subnet "subnet-a": found number 16777216; expected 1 to 16777215)"},
    {"SubnetNumberTwice", [](Table& t) { t.subnets[1].number = SubnetNumber{1}; },
     R"(subnet "subnet-a": found another subnet's number 1; expected its own)"},
    {"SubnetOfNoTenant", [](Table& t) { t.subnets[0].tenant = 2; },
     R"(subnet "subnet-a": found tenant index 2; expected one below 2, the number of them in the table)"},
    {"SubnetTwiceInOneAccount", [](Table& t) { t.subnets[1].tenant = 0; },
     R"(subnet "subnet-a": found the id twice in one account; expected every subnet once)"},
    {"SubnetPrefixWithHostBits", [](Table& t) { t.subnets[0].prefix.address = address("10.0.1.9"); },
     R"(subnet "subnet-a": found prefix 10.0.1.9/24; expected no host bits set)"},
    {"SegmentTwice", [](Table& t) { t.subnets[1].segment.id = 5001; },
     R"(subnet "subnet-a": found another subnet's segment tenants:5001; expected its own)"},
    {"SegmentTooLarge", [](Table& t) { t.subnets[1].segment.id = 1 << 24; },
     R"(subnet "subnet-a": found segment tenants:16777216; expected an id of at most 16777215)"},
    {"RouterOutsideSubnet", [](Table& t) { t.subnets[0].router = address("10.0.2.1"); },
     R"(subnet "subnet-a": found router 10.0.2.1; expected a host address of 10.0.1.0/24)"},
    {"RouterIsBroadcast", [](Table& t) { t.subnets[0].router = address("10.0.1.255"); },
     R"(subnet "subnet-a": found router 10.0.1.255; expected a host address of 10.0.1.0/24)"},
    {"VtepTwice", [](Table& t) { t.subnets[0].vteps.push_back(t.subnets[0].vteps[0]); },
     R"(subnet "subnet-a": found VTEP 198.51.100.11 twice; expected each once)"},
    {"VtepZero", [](Table& t) { t.subnets[0].vteps[0] = Ipv4Address(); },
     R"(subnet "subnet-a": found VTEP 0.0.0.0; expected a unicast address)"},
    {"SubnetWithoutRoutes", [](Table& t) { t.subnets[0].route_set = 1; },
     R"(subnet "subnet-a": found route set index 1; expected one below 1, the number of them in the table)"},
    {"LocalRouteBeyondTheSubnet", [](Table& t) { t.route_sets[0].routes[1].target = RouteTarget::kLocal; },
     R"(subnet "subnet-a": found a local route to 10.0.0.0/16; expected one within 10.0.1.0/24)"},

    {"MappingNumberZero", [](Table& t) { t.mappings[0].number = MappingNumber{0}; },
     "mapping 0: found number 0; expected 1 to 16777215"},
    {"MappingNumberTooLarge", [](Table& t) { t.mappings[2].number = MappingNumber{1 << 24}; },
     "mapping 16777216: found number 16777216; expected 1 to 16777215"},
    {"MappingTwice", [](Table& t) { t.mappings[1].number = MappingNumber{7}; },
     "mapping 7: found it after mapping 7; expected mappings in ascending order, each once"},
    {"MappingsOutOfOrder", [](Table& t) { std::swap(t.mappings[0], t.mappings[1]); },
     "mapping 7: found it after mapping 8; expected mappings in ascending order, each once"},
    {"MappingUidZero", [](Table& t) { t.mappings[0].uid = 0; },
     "mapping 7: found uid 0; expected one of its own, not 0"},
    {"MappingUidTwice", [](Table& t) { t.mappings[1].uid = 100; },
     "mapping 8: found uid 100; expected one of its own, not 0"},
    {"MappingOfNoTenant", [](Table& t) { t.mappings[0].tenant = 9; },
     "mapping 7: found tenant index 9; expected one below 2, the number of them in the table"},
    {"MappingOfNoSubnet", [](Table& t) { t.mappings[0].subnet = 2; },
     "mapping 7: found subnet index 2; expected one below 2, the number of them in the table"},
    {"MappingWithoutRules", [](Table& t) { t.mappings[0].rule_set = 3; },
     "mapping 7: found rule set index 3; expected one below 3, the number of them in the table"},
    {"MappingInAnotherTenantsSubnet", [](Table& t) { t.mappings[0].subnet = 1; },
     R"(mapping 7: found subnet "subnet-a" of tenant 444455556666; expected one of its own tenant 111122223333)"},
    {"MappingWithoutInterface", [](Table& t) { t.mappings[0].interfaces.clear(); },
     "mapping 7: found no interface; expected at least one"},

    {"OnlyDrainingInterfaces",
     [](Table& t) {
       for (auto& interface : t.mappings[0].interfaces) interface.drains = true;
     },
     "mapping 7: found only draining interfaces; expected at least one for new flows"},
    {"InterfaceTwice", [](Table& t) { t.mappings[1].interfaces[0].id = "eni-1"; },
     R"(interface "eni-1": found the id twice; expected every interface once)"},
    {"InterfaceWithoutId", [](Table& t) { t.mappings[1].interfaces[0].id = "eni 1"; },
     R"(interface "eni 1": found the name "eni 1"; expected 1 to 128 characters of A-Z a-z 0-9 . _ - with a letter or digit first)"},
    {"InterfaceUidZero", [](Table& t) { t.mappings[0].interfaces[0].uid = 0; },
     R"(interface "eni-1": found uid 0; expected one of its own, not 0)"},
    {"InterfaceUidTwice", [](Table& t) { t.mappings[0].interfaces[1].uid = 1; },
     R"(interface "eni-2": found uid 1; expected one of its own, not 0)"},
    {"InterfaceOutsideSubnet", [](Table& t) { t.mappings[0].interfaces[0].address = address("10.0.2.4"); },
     R"(interface "eni-1": found address 10.0.2.4; expected a host address of 10.0.1.0/24)"},
    {"InterfaceIsNetworkAddress", [](Table& t) { t.mappings[0].interfaces[0].address = address("10.0.1.0"); },
     R"(interface "eni-1": found address 10.0.1.0; expected a host address of 10.0.1.0/24)"},
    {"InterfaceIsRouter", [](Table& t) { t.mappings[0].interfaces[0].address = address("10.0.1.1"); },
     R"(interface "eni-1": found the router's address 10.0.1.1; expected another)"},
    {"InterfaceAddressTwice", [](Table& t) { t.mappings[1].interfaces[0].address = address("10.0.1.4"); },
     R"(interface "eni-3": found another interface's address 10.0.1.4; expected its own)"},
    {"InterfaceMacZero", [](Table& t) { t.mappings[0].interfaces[0].mac = {}; },
     R"(interface "eni-1": found MAC 00:00:00:00:00:00; expected a unicast one)"},
    {"InterfaceMacMulticast", [](Table& t) { t.mappings[0].interfaces[0].mac = MacAddress::broadcast(); },
     R"(interface "eni-1": found MAC ff:ff:ff:ff:ff:ff; expected a unicast one)"},
    {"InterfaceMacTwiceInOneSubnet",
     [](Table& t) { t.mappings[1].interfaces[0].mac = t.mappings[0].interfaces[0].mac; },
     R"(interface "eni-3": found another interface's MAC 02:00:00:00:00:01; expected its own)"},
};

INSTANTIATE_TEST_SUITE_P(Rows, TableContradiction, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(TableValidation, TenantsMayHaveTheSameIdsAddressesAndMacs) {
  Table table = small_table();
  table.mappings[2].interfaces[0].mac = table.mappings[0].interfaces[0].mac;
  ASSERT_EQ(table.mappings[2].interfaces[0].address, table.mappings[0].interfaces[0].address);
  ASSERT_EQ(table.subnets[0].id, table.subnets[1].id);
  EXPECT_NO_THROW(validate(table));
}

}  // namespace table_validation
}  // namespace hypernat::config
