// dataplane.yaml: what is read, and every way to get it wrong.
#include "config/dataplane_config.h"

#include "tests/unit/config/config_refusal.h"

namespace hypernat::config {
namespace dataplane_config {

using namespace std::chrono_literals;

constexpr const char* kFile = R"(node: dp1
eal: [--no-huge]
store: {directory: /tmp/store, beat: 250ms}
workers:
  lcores: [1, 2]
  idle: spin
ports:
  - {name: p0, device: net_tap0, mtu: 1500}
  - {name: p1, device: net_tap1}
attachments:
  - name: hosts
    side: inside
    port: p0
    encapsulation: vxlan
    address: 192.0.2.1/24
    router: 192.0.2.254
    peers: [192.0.2.0/24]
  - name: tenants
    side: outside
    port: p1
    encapsulation: vlan
limits: {flows: 1000, held_packets: 16}
timeouts: {udp: 90s}
)";

TEST(DataplaneConfig, IsReadWithDefaultsForWhatIsLeftOut) {
  const DataplaneConfig config = parse_dataplane_config(kFile, "f");
  DataplaneConfig expected;
  expected.node = "dp1";
  expected.eal = {"--no-huge"};
  expected.store = {"/tmp/store", 250ms};
  expected.workers.lcores = {1, 2};
  expected.workers.idle = IdleMode::kSpin;
  expected.ports.resize(2);
  expected.ports[0].name = "p0";
  expected.ports[0].device = "net_tap0";
  expected.ports[1].name = "p1";
  expected.ports[1].device = "net_tap1";
  expected.attachments.resize(2);
  AttachmentConfig& hosts = expected.attachments[0];
  hosts.name = "hosts";
  hosts.side = Side::kInside;
  hosts.port = "p0";
  hosts.encapsulation = Encapsulation::kVxlan;
  hosts.mtu = 1450;
  hosts.mss = 1410;
  hosts.address = DeviceAddress{Ipv4Address::of(192, 0, 2, 1), 24};
  hosts.router = Ipv4Address::of(192, 0, 2, 254);
  hosts.peers = {{Ipv4Address::of(192, 0, 2, 0), 24}};
  AttachmentConfig& tenants = expected.attachments[1];
  tenants.name = "tenants";
  tenants.side = Side::kOutside;
  tenants.port = "p1";
  tenants.encapsulation = Encapsulation::kVlan;
  expected.limits.flows = 1000;
  expected.limits.flows_per_tenant = 500;
  expected.limits.held_packets = 16;
  expected.limits.held_per_tenant = 4;
  expected.timeouts.udp = 90s;
  EXPECT_EQ(config, expected);
}

TEST(DataplaneConfig, TakesGeneveOnBothSidesWithItsOwnPortUnlessAnotherIsGiven) {
  const DataplaneConfig config = parse_dataplane_config(
      "node: a\nports: [{name: p, device: d, mtu: 9000}, {name: q, device: e}]\n"
      "attachments:\n"
      "  - {name: in, side: inside, port: p, encapsulation: geneve, address: 192.0.2.1/24}\n"
      "  - {name: out, side: outside, port: q, encapsulation: geneve, address: 192.0.3.1/24, udp_port: 7000}\n",
      "f");
  EXPECT_EQ(config.attachments[0].encapsulation, Encapsulation::kGeneve);
  EXPECT_EQ(config.attachments[0].udp_port, 6081);
  EXPECT_EQ(config.attachments[0].mtu, 8950);
  EXPECT_EQ(config.attachments[1].udp_port, 7000);
  EXPECT_EQ(config.attachments[1].mtu, 1450);
}

TEST(DataplaneConfig, TenantsShareOfFragmentsIsAQuarterUnlessItIsSaid) {
  const DataplaneConfig config = parse_dataplane_config(
      "node: a\nports: [{name: p, device: d}]\nfragments: udp\n"
      "attachments:\n"
      "  - {name: in, side: inside, port: p, encapsulation: vlan}\n"
      "  - {name: out, side: outside, port: p, encapsulation: plain}\n"
      "limits: {fragmented_datagrams: 100, held_fragments: 10, held_fragments_per_tenant: 5}\n"
      "timeouts: {fragments: 30s}\n",
      "f");
  EXPECT_EQ(config.fragments, FragmentMode::kUdp);
  EXPECT_EQ(config.limits.fragmented_per_tenant, 25U);
  EXPECT_EQ(config.limits.held_fragments_per_tenant, 5U);
  EXPECT_EQ(config.timeouts.fragments, 30s);
}

TEST(DataplaneConfig, SharesHalfOfWhatThereIsUnlessTold) {
  const auto limits = [](const std::string& text) {
    std::string file = kFile;
    const std::string known = "flows: 1000";
    return parse_dataplane_config(file.replace(file.find(known), known.size(), text), "f").limits;
  };
  EXPECT_EQ(limits("flows: 1").flows_per_tenant, 1U);
  EXPECT_EQ(limits("flows: 7").flows_per_tenant, 3U);
  EXPECT_EQ(limits("flows: 7, flows_per_tenant: 7").flows_per_tenant, 7U) << "who has one tenant may let it have all";
  EXPECT_EQ(limits("redirects: 10").redirects_per_tenant, 5U);
  EXPECT_EQ(limits("redirects: 10, redirects_per_tenant: 10").redirects_per_tenant, 10U);
}

TEST(DataplaneConfig, TakesAPlainInsideAttachmentWithItsMapping) {
  const DataplaneConfig config = parse_dataplane_config(
      "node: a\nports: [{name: p, device: d}, {name: q, device: e}]\n"
      "attachments:\n"
      "  - {name: in, side: inside, port: p, encapsulation: plain, mapping: 16777215}\n"
      "  - {name: out, side: outside, port: q, encapsulation: plain}\n",
      "f");
  EXPECT_EQ(config.attachments[0].mapping, MappingNumber{16777215});
  EXPECT_EQ(config.attachments[1].mapping, std::nullopt);
  EXPECT_EQ(config.attachments[1].mtu, 1500);
  EXPECT_EQ(config.attachments[1].mss, 1460);
}

TEST(DataplaneConfig, DerivesTheMssFromTheMtuUnlessItIsGiven) {
  const auto config_with = [](const std::string& keys) {
    return parse_dataplane_config(
               "node: a\nports: [{name: p, device: d, mtu: 9000}]\n"
               "attachments:\n"
               "  - {name: in, side: inside, port: p, encapsulation: vlan}\n"
               "  - {name: out, side: outside, port: p, encapsulation: plain" +
                   keys + "}\n",
               "f")
        .attachments[1];
  };
  EXPECT_EQ(config_with("").mss, 8960);
  EXPECT_EQ(config_with(", mtu: 1400").mss, 1360);
  EXPECT_EQ(config_with(", mss: 1300").mss, 1300);
  EXPECT_EQ(config_with(", mss: 0").mss, 0) << "for any";
}

TEST(DataplaneConfig, TakesATaggedAndAnUntaggedAttachmentOnOnePort) {
  EXPECT_NO_THROW(
      parse_dataplane_config("node: a\nports: [{name: p, device: d}]\n"
                             "attachments:\n"
                             "  - {name: in, side: inside, port: p, encapsulation: vlan}\n"
                             "  - {name: out, side: outside, port: p, encapsulation: plain}\n",
                             "f"));
}

TEST(DataplaneConfig, LeavesRoomForLcoresWhenToldOfMoreWorkers) {
  const auto workers = [](const std::string& text) {
    return parse_dataplane_config(changed(kFile, {.name = "", .from = "[1, 2]", .to = text, .message = ""}), "f")
        .workers;
  };
  EXPECT_EQ(workers("[1, 2]").count, std::nullopt) << "one for each lcore";
  EXPECT_EQ(workers("[1, 2]\n  count: 2").count, 2);
  EXPECT_EQ(workers("[]\n  count: 64").count, 64);
}

struct Change {
  const char* name;
  const char* from;
  const char* to;
  std::vector<std::string> differences;
};

void PrintTo(const Change& change, std::ostream* out) {
  *out << change.name;
}

class DataplaneChange : public testing::TestWithParam<Change> {};

TEST_P(DataplaneChange, IsNamedUnlessItIsOfTheLcoresAlone) {
  DataplaneConfig running = parse_dataplane_config(kFile, "f");
  running.workers.count = 2;
  const Change& change = GetParam();
  const std::string text = changed(kFile, {.name = "", .from = change.from, .to = change.to, .message = ""});
  EXPECT_EQ(differences_for_good(running, parse_dataplane_config(text, "f")), change.differences);
}

const Change kChanges[] = {
    {"Nothing", "[1, 2]", "[1, 2]", {}},
    {"Lcores", "[1, 2]", "[7]", {}},
    {"LcoresUnsaid", "  lcores: [1, 2]\n", "", {}},
    {"CountAsItIs", "[1, 2]", "[1]\n  count: 2", {}},
    {"AnotherCount", "[1, 2]", "[1]\n  count: 3", {"workers.count (2, now 3)"}},
    {"TheSameInOtherWords", "idle: spin", "idle: spin\n  idle_sleep: 50us", {}},
    {"Idle", "idle: spin", "idle: sleep", {"workers.idle (spin, now sleep)"}},
    {"Eal", "[--no-huge]", "[--no-pci]", {"eal[0] (--no-huge, now --no-pci)"}},
    {"MoreEal", "[--no-huge]", "[--no-huge, --no-pci]", {"eal (1 items, now 2 items)"}},
    {"Limit", "flows: 1000", "flows: 2000, flows_per_tenant: 500", {"limits.flows (1000, now 2000)"}},
    {"LimitAndItsShare",
     "flows: 1000",
     "flows: 2000",
     {"limits.flows (1000, now 2000)", "limits.flows_per_tenant (500, now 1000)"}},
    {"OfAPort", "device: net_tap1", "device: net_tap7", {"ports[1].device (net_tap1, now net_tap7)"}},
    {"NoRouter", "    router: 192.0.2.254\n", "", {"attachments[0].router (192.0.2.254, now nothing)"}},
    {"Peer", "[192.0.2.0/24]", "[192.0.3.0/24]", {"attachments[0].peers[0] (192.0.2.0/24, now 192.0.3.0/24)"}},
    {"WithLcores",
     "lcores: [1, 2]\n",
     "lcores: [2]\n  burst: 32\n  scheduling: ordinary\n",
     {"workers.burst (64, now 32)"}},
};

INSTANTIATE_TEST_SUITE_P(Files, DataplaneChange, testing::ValuesIn(kChanges),
                         [](const auto& row) { return row.param.name; });

class DataplaneRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(DataplaneRefusal, SaysLineAndFoundAndExpected) {
  EXPECT_EQ(mistakes_of(parse_dataplane_config, changed(kFile, GetParam())), GetParam().message);
}

const Refusal kRows[] = {
    // Shape.
    {"UnknownKey", "node:", "nodes: x\nnode:",
     "1: found the unknown key \"nodes\"; expected one of node, eal, file_prefix, store, lambda_vpc, workers, ports, "
     "attachments, fragments, limits, timeouts"},
    {"UnknownKeyInAGroup", "idle: spin", "idel: spin",
     "6: found the unknown key \"idel\" for \"workers\"; expected one of lcores, count, idle, idle_sleep, scheduling, "
     "burst, home_buckets"},
    {"UnknownKeyInAList", "mtu: 1500", "mut: 1500",
     "8: found the unknown key \"mut\" for \"ports[0]\"; expected one of name, device, mtu, rx_descriptors, "
     "tx_descriptors, mac"},
    {"KeyTwice",
     "timeouts:", "node: dp2\ntimeouts:", "23: found the key \"node\" again; expected it once, as on line 1"},
    {"KeyTwiceInAListItem", "mtu: 1500", "name: p9", "8: found the key \"name\" again; expected it once, as on line 8"},
    {"MissingKey", "node: dp1\n", "",
     "1: found no \"node\"; expected a name of 1 to 128 characters of A-Z a-z 0-9 . _ - with a letter or digit first"},
    {"MissingKeyInAListItem", ", device: net_tap0", "",
     "8: found no \"device\" for \"ports[0]\"; expected a text, as net_tap0 or 0000:01:00.0"},
    {"MissingValue", "net_tap0", "", "8: found nothing for \"device\"; expected a text, as net_tap0 or 0000:01:00.0"},
    {"TextForANumber", "mtu: 1500", "mtu: large",
     "8: found \"large\" for \"mtu\"; expected an integer from 576 to 9600"},
    {"FractionForANumber", "mtu: 1500", "mtu: 1500.5",
     "8: found \"1500.5\" for \"mtu\"; expected an integer from 576 to 9600"},
    {"NegativeNumber", "mtu: 1500", "mtu: -1500",
     "8: found \"-1500\" for \"mtu\"; expected an integer from 576 to 9600"},
    {"NumberOutOfRange", "mtu: 1500", "mtu: 9601",
     "8: found \"9601\" for \"mtu\"; expected an integer from 576 to 9600"},
    {"NumberBeyondEveryType", "mtu: 1500", "mtu: 18446744073709551616",
     "8: found \"18446744073709551616\" for \"mtu\"; expected an integer from 576 to 9600"},
    {"ListForANumber", "mtu: 1500", "mtu: [1500]", "8: found a list for \"mtu\"; expected an integer from 576 to 9600"},
    {"MapForAText", "node: dp1", "node: {name: dp1}",
     "1: found a map for \"node\"; expected a name of 1 to 128 characters of A-Z a-z 0-9 . _ - with a letter or digit "
     "first"},
    {"TextForAMap", "{directory: /tmp/store, beat: 250ms}", "/tmp/store",
     "3: found \"/tmp/store\" for \"store\"; expected a map with the keys directory, beat"},
    {"TextForAList", "[1, 2]", "1",
     "5: found \"1\" for \"lcores\"; expected a list of 0 to 64 items, each an integer from 0 to 127"},
    {"WrongItemInAList", "[1, 2]", "[1, two]", "5: found \"two\" for \"lcores[1]\"; expected an integer from 0 to 127"},
    {"TextForAMapInAList", "{name: p1, device: net_tap1}", "net_tap1",
     "9: found \"net_tap1\" for \"ports[1]\"; expected a map with the keys name, device, mtu, rx_descriptors, "
     "tx_descriptors, mac"},
    {"DurationWithoutUnit", "250ms", "250",
     "3: found \"250\" for \"beat\"; expected a duration from 10ms to 1m in whole ms, as 500ms, 2s or 14d"},
    {"DurationTooFine", "250ms", "12345us",
     "3: found \"12345us\" for \"beat\"; expected a duration from 10ms to 1m in whole ms, as 500ms, 2s or 14d"},
    {"DurationTooLong", "udp: 90s", "udp: 2d",
     "23: found \"2d\" for \"udp\"; expected a duration from 100ms to 1d in whole ms, as 500ms, 2s or 14d"},
    {"DurationBeyondEveryType", "udp: 90s", "udp: 9999999999999999999d",
     "23: found \"9999999999999999999d\" for \"udp\"; expected a duration from 100ms to 1d in whole ms, as 500ms, 2s "
     "or "
     "14d"},
    {"WordOfNoMeaning", "idle: spin", "idle: nap", "6: found \"nap\" for \"idle\"; expected sleep or spin"},
    {"NodeThatIsAPath", "node: dp1", "node: ../dp1",
     "1: found \"../dp1\" for \"node\"; expected a name of 1 to 128 characters of A-Z a-z 0-9 . _ - with a letter or "
     "digit first"},
    {"RelativeDirectory", "/tmp/store", "store",
     "3: found \"store\" for \"directory\"; expected an absolute path, as /run/hypernat"},
    {"BucketsNoPowerOfTwo", "idle: spin", "home_buckets: 100",
     "6: found \"100\" for \"home_buckets\"; expected 64, 128, 256 or 512"},
    {"MulticastMac", "mtu: 1500", "mac: \"01:00:00:00:00:01\"",
     "8: found \"01:00:00:00:00:01\" for \"mac\"; expected a unicast MAC address, as 02:00:00:00:00:01"},
    {"PrefixWithHostBits", "192.0.2.0/24", "192.0.2.1/24",
     "17: found \"192.0.2.1/24\" for \"peers[0]\"; expected an IPv4 prefix from /0 to /32 without host bits, as "
     "10.0.0.0/16"},
    {"AddressWithoutLength", "192.0.2.1/24", "192.0.2.1",
     "15: found \"192.0.2.1\" for \"address\"; expected an IPv4 host address with its prefix length, as 192.0.2.1/24"},
    {"AddressOfTheNetwork", "192.0.2.1/24", "192.0.2.0/24",
     "15: found \"192.0.2.0/24\" for \"address\"; expected an IPv4 host address with its prefix length, as "
     "192.0.2.1/24"},
    {"UnknownEncapsulation", "encapsulation: vxlan", "encapsulation: gre",
     "14: found \"gre\" for \"encapsulation\"; expected plain, vlan, vxlan or geneve"},
    {"NoPorts", "ports:\n  - {name: p0, device: net_tap0, mtu: 1500}\n  - {name: p1, device: net_tap1}\n",
     "ports: []\n",
     "7: found 0 items for \"ports\"; expected a list of 1 to 32 items, each a map with the keys name, device, mtu, "
     "rx_descriptors, tx_descriptors, mac"},
    {"SeveralAtOnce", "idle: spin\n", "idle: nap\n  burst: 0\n  bust: 3\n",
     "6: found \"nap\" for \"idle\"; expected sleep or spin\n"
     "7: found \"0\" for \"burst\"; expected an integer from 1 to 256\n"
     "8: found the unknown key \"bust\" for \"workers\"; expected one of lcores, count, idle, idle_sleep, scheduling, "
     "burst, home_buckets"},

    // Meaning.
    {"FilePrefixAmongEal", "[--no-huge]", "[--no-huge, --file-prefix=x]",
     "2: found \"--file-prefix=x\"; expected the key file_prefix instead"},
    {"RealTimeWithoutSleep", "idle: spin\n", "idle: spin\n  scheduling: real_time\n",
     "7: found real_time with idle: spin; expected idle: sleep, as the kernel's own threads need the CPU, too"},
    {"LcoreTwice", "[1, 2]", "[1, 1]", "5: found lcore 1 again; expected each lcore once"},
    {"MoreLcoresThanWorkers", "[1, 2]", "[1, 2, 3]\n  count: 2",
     "5: found 3 lcores for workers.count 2; expected at most 2 of them, as each runs one worker or more"},
    {"NoWorkers", "[1, 2]", "[1, 2]\n  count: 0", "6: found \"0\" for \"count\"; expected an integer from 1 to 64"},
    {"TooManyWorkers", "[1, 2]", "[1, 2]\n  count: 65",
     "6: found \"65\" for \"count\"; expected an integer from 1 to 64"},
    {"WorkersInWords", "[1, 2]", "[1, 2]\n  count: two",
     "6: found \"two\" for \"count\"; expected an integer from 1 to 64"},
    {"PortTwice", "name: p1", "name: p0",
     "9: found the port \"p0\" again; expected every name once\n"
     "20: found the unknown port \"p1\"; expected one of p0, p0"},
    {"DeviceTwice", "net_tap1", "net_tap0",
     "9: found the device \"net_tap0\" again; expected every device in one port"},
    {"AttachmentTwice", "name: tenants", "name: hosts",
     "18: found the attachment \"hosts\" again; expected every name once"},
    {"UnknownPort", "port: p1", "port: p2", "20: found the unknown port \"p2\"; expected one of p0, p1"},
    {"PlainAndVxlanOnOnePort", "    port: p1\n    encapsulation: vlan", "    port: p0\n    encapsulation: plain",
     "18: found attachment \"tenants\" (plain) colliding with \"hosts\" (vxlan) on port \"p0\"; expected one untagged "
     "and "
     "one vlan attachment on a port"},
    {"VxlanTwiceOnOnePort", "    port: p1\n    encapsulation: vlan",
     "    port: p0\n    encapsulation: vxlan\n    address: 192.0.2.2/24",
     "18: found attachment \"tenants\" (vxlan) colliding with \"hosts\" (vxlan) on port \"p0\"; expected one untagged "
     "and "
     "one vlan attachment on a port"},
    {"VxlanAndGeneveOnOnePort", "    port: p1\n    encapsulation: vlan",
     "    port: p0\n    encapsulation: geneve\n    address: 192.0.2.2/24",
     "18: found attachment \"tenants\" (geneve) colliding with \"hosts\" (vxlan) on port \"p0\"; expected one untagged "
     "and one vlan attachment on a port"},
    {"VlanTwiceOnOnePort", "    encapsulation: vlan",
     "    encapsulation: vlan\n  - {name: more, side: outside, port: p1, encapsulation: vlan}",
     "22: found attachment \"more\" (vlan) colliding with \"tenants\" (vlan) on port \"p1\"; expected one untagged and "
     "one vlan attachment on a port"},
    {"OneAddressOfTwoTunnels", "    encapsulation: vlan", "    encapsulation: vxlan\n    address: 192.0.2.1/24",
     "22: found the address of attachment \"hosts\"; expected another"},
    {"PlainInsideWithoutMapping",
     "    encapsulation: vxlan\n    address: 192.0.2.1/24\n    router: 192.0.2.254\n    peers: [192.0.2.0/24]\n",
     "    encapsulation: plain\n",
     "11: found no \"mapping\" for the plain inside attachment \"hosts\"; expected the number of the mapping behind "
     "the "
     "port"},
    {"MappingOnATunnel", "    router:", "    mapping: 7\n    router:",
     "16: found a mapping for a vxlan inside attachment; expected one on a plain inside attachment only"},
    {"MappingOutside", "encapsulation: vlan", "encapsulation: plain\n    mapping: 7",
     "22: found a mapping for a plain outside attachment; expected one on a plain inside attachment only"},
    {"TunnelWithoutAddress", "    address: 192.0.2.1/24\n", "",
     "11: found no \"address\" for the vxlan attachment \"hosts\"; expected the tunnel's own address, as 192.0.2.1/24"},
    {"GeneveWithoutAddress", "vxlan\n    address: 192.0.2.1/24\n", "geneve\n",
     "11: found no \"address\" for the geneve attachment \"hosts\"; expected the tunnel's own address, as "
     "192.0.2.1/24"},
    {"TunnelKeysWithoutTunnel", "encapsulation: vlan", "encapsulation: vlan\n    ttl: 9\n    peers: []",
     "22: found \"ttl\" for a vlan attachment; expected it on a vxlan or geneve attachment only\n"
     "23: found \"peers\" for a vlan attachment; expected it on a vxlan or geneve attachment only"},
    {"RouterOutsideItsPrefix", "192.0.2.254", "192.0.3.254",
     "16: found router 192.0.3.254; expected another address of 192.0.2.0/24"},
    {"RouterIsItself", "192.0.2.254", "192.0.2.1",
     "16: found router 192.0.2.1; expected another address of 192.0.2.0/24"},
    {"MtuBeyondWhatATunnelLeaves", "    router:", "    mtu: 1451\n    router:",
     "16: found an MTU of 1451; expected at most 1450, what port \"p0\" leaves"},
    {"NothingOutside", "side: outside", "side: inside", "10: found no outside attachment; expected at least one"},
    {"HeldForOneBeyondHeldForAll", "held_packets: 16", "held_packets: 4",
     "22: found 8; expected at most held_packets, 4"},
    {"FlowsForATenantBeyondAll", "flows: 1000", "flows: 1000, flows_per_tenant: 1001",
     "22: found 1001; expected at most flows, 1000"},
    {"RedirectsForATenantBeyondAll", "flows: 1000", "flows: 1000, redirects_per_tenant: 16385",
     "22: found 16385; expected at most redirects, 16384"},
    {"HeldForATenantBeyondHalf", "held_packets: 16", "held_packets: 16, held_per_tenant: 9",
     "22: found 9; expected at most half of held_packets, 8"},
    {"FragmentsOfATenantBeyondHalf", "held_packets: 16", "held_packets: 16, fragmented_per_tenant: 513",
     "22: found 513; expected at most half of fragmented_datagrams, 512"},
    {"HeldFragmentsOfATenantBeyondHalf", "held_packets: 16",
     "held_packets: 16, held_fragments: 16, held_fragments_per_tenant: 9",
     "22: found 9; expected at most half of held_fragments, 8"},
    {"FragmentsOfNoKnownProtocol",
     "timeouts:", "fragments: tcp\ntimeouts:", "23: found \"tcp\" for \"fragments\"; expected all or udp"},
};

INSTANTIATE_TEST_SUITE_P(Rows, DataplaneRefusal, testing::ValuesIn(kRows), row_name);

}  // namespace dataplane_config
}  // namespace hypernat::config
