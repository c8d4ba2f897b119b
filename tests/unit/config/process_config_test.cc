// control.yaml and workerhost.yaml: what is read, and every way to get it wrong beyond the common shapes
// (dataplane_config_test.cc).
#include "config/control_config.h"
#include "config/workerhost_config.h"
#include "tests/unit/config/config_refusal.h"

namespace hypernat::config {
namespace process_config {

using namespace std::chrono_literals;

constexpr const char* kControl = R"(region: eu-west-3
listen: {tcp: "127.0.0.1:9041", socket: /tmp/c.sock, connections: 5, requests_per_second: 6}
database: /tmp/c.db
store: {directory: /tmp/store}
lambda_vpc: {prefix: 100.64.0.0/16, worker_host_block: 24}
provisioning: {time: 0s, environment_time: 12s, slowest_percent: 150}
mapping_reuse_after: 1h
ec2: {attachment: tenants, first_segment: 10, last_segment: 20, vteps: [192.0.2.1]}
accounts:
  - {id: "111122223333", access_key_id: AKIAONE, secret_access_key: one}
  - {id: "111122223333", access_key_id: AKIATWO, secret_access_key: two}
mapping_release_after: 0s
idle_after: 7d
scaling: {widen_percent: 90, narrow_percent: 30, narrow_after: 1m, retry_after: 5s}
)";

TEST(ControlConfig, IsRead) {
  ControlConfig expected;
  expected.region = "eu-west-3";
  expected.listen = {TcpEndpoint{Ipv4Address::of(127, 0, 0, 1), 9041}, "/tmp/c.sock", 5, 6};
  expected.database = "/tmp/c.db";
  expected.store.directory = "/tmp/store";
  expected.lambda_vpc = {{Ipv4Address::of(100, 64, 0, 0), 16}, 24};
  expected.provisioning_time = 0s;
  expected.environment_time = 12s;
  expected.provisioning_slowest_percent = 150;
  expected.mapping_reuse_after = 1h;
  expected.ec2 = {"tenants", 10, 20, {Ipv4Address::of(192, 0, 2, 1)}};
  expected.access_keys = {{"111122223333", "AKIAONE", "one"}, {"111122223333", "AKIATWO", "two"}};
  expected.mapping_release_after = 0s;
  expected.idle_after = std::chrono::days(7);
  expected.scaling = {.widen_percent = 90, .narrow_percent = 30, .narrow_after = 1min, .retry_after = 5s};
  EXPECT_EQ(parse_control_config(kControl, "f"), expected);
}

TEST(ControlConfig, ListensOnNoTcpWhenToldSo) {
  EXPECT_EQ(parse_control_config("listen: {tcp: \"\"}", "f").listen.tcp, std::nullopt);
  EXPECT_EQ(parse_control_config("region: x", "f").listen.tcp, (TcpEndpoint{Ipv4Address::of(127, 0, 0, 1), 9040}));
}

class ControlRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(ControlRefusal, SaysLineAndFoundAndExpected) {
  EXPECT_EQ(mistakes_of(parse_control_config, changed(kControl, GetParam())), GetParam().message);
}

const std::string kEndpoint =
    "; expected a loopback address and port, as 127.0.0.1:9040 (nothing is encrypted), or \"\" for none";

const Refusal kControlRows[] = {
    {"ListeningToEverybody", "127.0.0.1:9041", "0.0.0.0:9041", "2: found \"0.0.0.0:9041\" for \"tcp\"" + kEndpoint},
    {"ListeningOnNoPort", "127.0.0.1:9041", "127.0.0.1", "2: found \"127.0.0.1\" for \"tcp\"" + kEndpoint},
    {"ListeningOnPortZero", "127.0.0.1:9041", "127.0.0.1:0", "2: found \"127.0.0.1:0\" for \"tcp\"" + kEndpoint},
    {"SocketPathTooLong", "/tmp/c.sock", "/" + std::string(107, 'x'),
     "2: found \"/" + std::string(59, 'x') +
         "…\" for \"socket\"; expected an absolute path of at most 107 bytes, as /run/hypernat/x.sock"},
    {"BlockWiderThanThePrefix", "worker_host_block: 24", "worker_host_block: 15",
     "5: found blocks of /15; expected them within 100.64.0.0/16"},
    {"KeyOfTwoAccounts", "AKIATWO", "AKIAONE", "11: found the key \"AKIAONE\" again; expected every key once"},
    {"SegmentsThatEndBeforeTheyBegin", "last_segment: 20", "last_segment: 9",
     "8: found 9; expected at least first_segment, 10"},
    {"InterfacesThatGoAtOnce", "narrow_percent: 30", "narrow_percent: 91",
     "14: found 91; expected at most widen_percent, 90: what goes would be missed at once"},
    {"SegmentsOfNoAttachment", "attachment: tenants, ", "",
     "8: found segments without an attachment; expected an attachment that they are of"},
    {"KeyWithoutASecret", ", secret_access_key: two", "",
     "11: found no \"secret_access_key\" for \"accounts[1]\"; expected a text, as wJalrXUtnFEMI"},
    {"AccountOfElevenDigits", "- {id: \"111122223333\", access_key_id: AKIATWO, secret_access_key: two}",
     "- {id: \"11112222333\", access_key_id: AKIATWO, secret_access_key: two}",
     "11: found \"11112222333\" for \"id\"; expected an account id of 12 digits"},
};

INSTANTIATE_TEST_SUITE_P(Rows, ControlRefusal, testing::ValuesIn(kControlRows), row_name);

constexpr const char* kWorkerhost = R"(name: wh7
zone: b
underlay: {device: eth1, address: 192.0.2.17}
dataplane: 192.0.2.1
gateway: 169.254.1.1
gateway_mac: "02:00:00:00:00:09"
vxlan_port: 4790
mtu: 1400
socket: /tmp/w.sock
control: http://127.0.0.1:9040
slots: 4000
state_directory: /tmp/w
)";

TEST(WorkerhostConfig, IsRead) {
  const WorkerhostConfig expected{.name = "wh7",
                                  .zone = "b",
                                  .underlay = {"eth1", Ipv4Address::of(192, 0, 2, 17)},
                                  .dataplane = Ipv4Address::of(192, 0, 2, 1),
                                  .gateway = {Ipv4Address::of(169, 254, 1, 1), {{0x02, 0, 0, 0, 0, 0x09}}},
                                  .vxlan_port = 4790,
                                  .mtu = 1400,
                                  .socket = "/tmp/w.sock",
                                  .control = "http://127.0.0.1:9040",
                                  .slots = 4000,
                                  .state_directory = "/tmp/w"};
  EXPECT_EQ(parse_workerhost_config(kWorkerhost, "f"), expected);
}

class WorkerhostRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(WorkerhostRefusal, SaysLineAndFoundAndExpected) {
  EXPECT_EQ(mistakes_of(parse_workerhost_config, changed(kWorkerhost, GetParam())), GetParam().message);
}

const std::string kControlKey =
    " for \"control\"; expected an absolute path of at most 107 bytes, as /run/hypernat/x.sock, or http://host:port";

const Refusal kWorkerhostRows[] = {
    {"DataplaneIsItself", "dataplane: 192.0.2.1", "dataplane: 192.0.2.17",
     "4: found the worker host's own address 192.0.2.17; expected the data plane's"},
    {"DeviceNameTooLong", "eth1", "averylongdevice1",
     "3: found \"averylongdevice1\" for \"device\"; expected a network device's name of at most 15 characters"},
    {"UnderlayWithoutAddress", ", address: 192.0.2.17", "",
     "3: found no \"address\" for \"underlay\"; expected a unicast IPv4 address, as 192.0.2.1"},
    {"UnderlayMissing", "underlay: {device: eth1, address: 192.0.2.17}\n", "",
     "1: found no \"underlay\"; expected a map with the keys device, address"},
    {"NoSlots", "slots: 4000", "slots: 0", "11: found \"0\" for \"slots\"; expected an integer from 1 to 16384"},
    {"ControlRelative", "http://127.0.0.1:9040", "control.sock", "10: found \"control.sock\"" + kControlKey},
    {"ControlWithoutPort", "http://127.0.0.1:9040", "http://127.0.0.1", "10: found \"http://127.0.0.1\"" + kControlKey},
    {"ControlOverTls", "http://127.0.0.1:9040", "https://a:443", "10: found \"https://a:443\"" + kControlKey},
};

INSTANTIATE_TEST_SUITE_P(Rows, WorkerhostRefusal, testing::ValuesIn(kWorkerhostRows), row_name);

}  // namespace process_config
}  // namespace hypernat::config
