#include "tests/packet/attach_world.h"

#include <algorithm>
#include <string>

namespace hypernat::dataplane {
namespace {

Ipv4Address address(const std::string& text) {
  return parse_ipv4_address(text).value();
}
Ipv4Prefix prefix(const std::string& text) {
  return parse_ipv4_prefix(text).value();
}

config::AttachmentConfig attachment(const std::string& name, config::Side side, std::uint16_t port,
                                    config::Encapsulation encapsulation) {
  config::AttachmentConfig made;
  made.name = name;
  made.side = side;
  made.port = "port" + std::to_string(port);
  made.encapsulation = encapsulation;
  return made;
}

config::AttachmentConfig tunnel(const std::string& name, config::Side side, std::uint16_t port, const std::string& own,
                                config::Encapsulation encapsulation = config::Encapsulation::kVxlan) {
  config::AttachmentConfig made = attachment(name, side, port, encapsulation);
  if (encapsulation == config::Encapsulation::kGeneve) made.udp_port = config::kGenevePort;
  made.address = config::DeviceAddress{address(own), 24};
  made.mtu = 1450;
  return made;
}

config::Subnet subnet(std::uint32_t number, const std::string& attachment_name, std::uint32_t segment) {
  config::Subnet made;
  made.number = SubnetNumber{number};
  made.id = "subnet-" + std::to_string(number);
  made.prefix = prefix("10.0.1.0/24");
  made.segment = {.attachment = attachment_name, .id = segment};
  made.router = address("10.0.1.1");
  if (attachment_name == "tenants") made.vteps = {address("198.51.100.11"), address("198.51.100.12")};
  if (attachment_name == "cloud") made.vteps = {address("198.51.101.11")};
  return made;
}

config::Mapping mapping(std::uint32_t number) {
  config::Mapping made;
  made.number = MappingNumber{number};
  made.uid = number;
  made.subnet = number - 1;
  made.interfaces = {{.id = "eni-" + std::to_string(number),
                      .uid = number,
                      .address = address("10.0.1.20"),
                      .mac = interface_mac(number)}};
  return made;
}

}  // namespace

config::DataplaneConfig every_attachment() {
  using config::Encapsulation;
  config::DataplaneConfig made;
  made.node = "dp1";
  for (std::uint16_t port = 0; port < kPorts; ++port) {
    config::PortConfig one;
    one.name = "port" + std::to_string(port);
    made.ports.push_back(one);
  }
  made.attachments = {tunnel("hosts", config::Side::kInside, kHosts, "192.0.2.1"),
                      tunnel("tenants", config::Side::kOutside, kTenants, "198.51.100.1"),
                      attachment("bench", config::Side::kInside, kBench, Encapsulation::kPlain),
                      attachment("lan", config::Side::kOutside, kLan, Encapsulation::kPlain),
                      attachment("racks", config::Side::kInside, kRacks, Encapsulation::kVlan),
                      attachment("trunk", config::Side::kOutside, kTrunk, Encapsulation::kVlan),
                      tunnel("pods", config::Side::kInside, kPods, "192.0.3.1", Encapsulation::kGeneve),
                      tunnel("cloud", config::Side::kOutside, kCloud, "198.51.101.1", Encapsulation::kGeneve)};
  made.attachments[kPods].router = address("192.0.3.254");
  made.attachments[kBench].mapping = MappingNumber{3};
  return made;
}

config::Table every_segment(std::uint64_t generation) {
  config::Table made;
  made.epoch = 1;
  made.generation = generation;
  made.peers = {{.name = "wh1", .address = address("192.0.2.11"), .block = prefix("100.64.0.0/20")},
                {.name = "wh2", .address = address("192.0.2.12"), .block = prefix("100.64.16.0/20")}};
  made.tenants = {{.account = "111111111111", .number = 1}};
  made.route_sets = {{.routes = {{.prefix = prefix("0.0.0.0/0"), .target = config::RouteTarget::kRouter},
                                 {.prefix = prefix("10.0.1.0/24"), .target = config::RouteTarget::kLocal}}}};
  made.rule_sets = {{.rules = {{.protocol = -1, .first_port = 0, .last_port = 0, .destination = prefix("0.0.0.0/0")}}}};
  made.subnets = {subnet(1, "tenants", 5001), subnet(2, "tenants", 5002), subnet(3, "lan", 0), subnet(4, "trunk", 104),
                  subnet(5, "cloud", 7005)};
  for (std::uint32_t number = 1; number <= made.subnets.size(); ++number) made.mappings.push_back(mapping(number));
  return made;
}

config::Table many_interfaces() {
  constexpr std::uint64_t kFirst = 1000;
  constexpr std::uint32_t kMore = 1100;
  config::Table made = every_segment();
  config::Mapping crowd = mapping(2);
  crowd.number = MappingNumber{kFirst};
  crowd.uid = kFirst;
  crowd.interfaces.clear();
  for (std::uint32_t i = 0; i < kMore; ++i)
    crowd.interfaces.push_back({.id = "eni-" + std::to_string(kFirst + i),
                                .uid = kFirst + i,
                                .address = Ipv4Address::from_host(0x0a000200 + i),
                                .mac = interface_mac(2)});
  made.mappings.push_back(crowd);
  return made;
}

TableCompiler::Options compiler_options(const config::DataplaneConfig& config) {
  TableCompiler::Options options;
  for (std::uint8_t index = 0; index < config.attachments.size(); ++index) {
    if (config.attachments[index].side != config::Side::kOutside) continue;
    options.outside_attachments.push_back(config.attachments[index].name);
    options.attachment_indices.push_back(index);
  }
  return options;
}

std::vector<MacAddress> port_macs() {
  std::vector<MacAddress> macs;
  for (std::uint16_t port = 0; port < kPorts; ++port) macs.push_back(port_mac(port));
  return macs;
}

AttachWorld::AttachWorld(const config::DataplaneConfig& made, const config::Table& table)
    : config(made),
      attachments(config, port_macs()),
      tables(TableCompiler(compiler_options(config)).compile(table, "sha")) {}

Parsed AttachWorld::parse(Packet& packet) const {
  std::vector<Ingress> ingress;
  for (std::uint16_t port = 0; port < kPorts; ++port) ingress.emplace_back(attachments, *tables, port);
  Parsed parsed{};
  decapsulate({&packet, 1}, ingress, {&parsed, 1});
  return parsed;
}

AttachWorld::Received AttachWorld::receive(std::uint16_t port, const craft::Bytes& frame) const {
  Received received;
  received.buffer = std::make_unique<std::uint8_t[]>(frame.size());
  std::copy(frame.begin(), frame.end(), received.buffer.get());
  received.packet.frame = received.buffer.get();
  received.packet.length = static_cast<std::uint32_t>(frame.size());
  received.packet.port = port;
  received.parsed = parse(received.packet);
  return received;
}

}  // namespace hypernat::dataplane
