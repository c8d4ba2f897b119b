#include "dataplane/nat/belonging.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "dataplane/flow/flow_table.h"

namespace hypernat::dataplane {
namespace {

Flow a_flow(Protocol protocol) {
  Flow flow;
  flow.protocol = protocol;
  flow.state = FlowState::kUdp;
  flow.inside = Ipv4Address::of(100, 64, 0, 5);
  flow.inside_port = L4Port::from_host(40000);
  flow.remote = Ipv4Address::of(10, 0, 1, 10);
  flow.remote_port = protocol == Protocol::kIcmp ? L4Port{} : L4Port::from_host(53);
  flow.interface = Ipv4Address::of(10, 0, 1, 20);
  flow.interface_port = L4Port::from_host(2000);
  flow.mapping_slot = 3;
  flow.interface_slot = 7;
  return flow;
}

// Its environment's packet.
Packet out_of(const Flow& flow) {
  Packet packet{};
  packet.side = Side::kInside;
  packet.protocol = flow.protocol;
  packet.slot = flow.mapping_slot;
  packet.interface = kNone;
  packet.src = flow.inside;
  packet.dst = flow.remote;
  packet.key = outbound_key_of(flow, FlowCold{});
  return packet;
}

// Its remote's.
Packet into(const Flow& flow) {
  Packet packet{};
  packet.side = Side::kOutside;
  packet.protocol = flow.protocol;
  packet.slot = 1;
  packet.interface = flow.interface_slot;
  packet.src = flow.remote;
  packet.dst = flow.interface;
  packet.key = inbound_key_of(flow, FlowCold{});
  return packet;
}

TEST(Belonging, is_by_everything_that_the_key_says) {
  const Ipv4Address other = Ipv4Address::of(10, 9, 9, 9);
  const L4Port port = L4Port::from_host(9);
  struct Change {
    std::string what;
    std::function<void(Flow&)> make;
    bool out;  ///< whether the environment's packets still belong to it
    bool in;   ///< likewise the remote's
  };
  const std::vector<Change> changes = {
      {"nothing", [](Flow&) {}, true, true},
      {"its mapping", [](Flow& flow) { flow.mapping_slot = 4; }, false, true},
      {"its environment", [&](Flow& flow) { flow.inside = other; }, false, true},
      {"its environment's port", [&](Flow& flow) { flow.inside_port = port; }, false, true},
      {"its interface", [](Flow& flow) { flow.interface_slot = 8; }, true, false},
      {"its interface's port", [&](Flow& flow) { flow.interface_port = port; }, true, false},
      {"its remote", [&](Flow& flow) { flow.remote = other; }, false, false},
      {"its remote's port", [&](Flow& flow) { flow.remote_port = port; }, false, false},
      {"that it is over", [](Flow& flow) { flow.state = FlowState::kFree; }, false, false},
  };
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp}) {
    const Flow flow = a_flow(protocol);
    for (const Change& change : changes) {
      SCOPED_TRACE(change.what);
      Flow changed = flow;
      change.make(changed);
      EXPECT_EQ(belongs_to(out_of(flow), changed), change.out);
      EXPECT_EQ(belongs_to(into(flow), changed), change.in);
    }
    for (const Protocol another : {Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp}) {
      Flow changed = flow;
      changed.protocol = another;
      EXPECT_EQ(belongs_to(out_of(flow), changed), another == protocol);
      EXPECT_EQ(belongs_to(into(flow), changed), another == protocol);
    }
  }
}

}  // namespace
}  // namespace hypernat::dataplane
