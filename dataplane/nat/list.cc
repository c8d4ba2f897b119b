#include <algorithm>

#include "dataplane/nat/flow_view.h"
#include "dataplane/nat/nat_state.h"

namespace hypernat::dataplane {
namespace {

// Entries that one page looks at, so that listing a nearly empty pool does not hold up a burst.
constexpr std::uint32_t kEntriesPerPage = 4096;

FlowView view_of(const Flow& flow, const FlowCold& cold, Tick now) {
  return {
      .mapping = MappingNumber{cold.mapping_number},
      .subnet = SubnetNumber{cold.subnet_number},
      .mapping_slot = flow.mapping_slot,
      .interface_slot = flow.interface_slot,
      .protocol = flow.protocol,
      .state = flow.state,
      .inside = flow.inside,
      .inside_port = flow.inside_port,
      .interface = flow.interface,
      .interface_port = flow.interface_port,
      .remote = flow.remote,
      .remote_port = flow.remote_port,
      .peer = flow.peer,
      .environment_mac = flow.environment_mac,
      .next_hop = flow.next_hop,
      .rule = cold.rule,
      .age = now - cold.opened,
      .idle = now - flow.last_seen,
      .outbound_packets = cold.outbound_packets + flow.outbound_packets,
      .outbound_bytes = cold.outbound_bytes + flow.outbound_bytes,
      .inbound_packets = cold.inbound_packets + flow.inbound_packets,
      .inbound_bytes = cold.inbound_bytes + flow.inbound_bytes,
  };
}

}  // namespace

const char* name_of(FlowState state) {
  switch (state) {
    case FlowState::kFree:
      return "free";
    case FlowState::kOpening:
      return "opening";
    case FlowState::kEstablished:
      return "established";
    case FlowState::kClosing:
      return "closing";
    case FlowState::kUdp:
      return "udp";
    case FlowState::kEcho:
      return "echo";
  }
  return "free";
}

std::uint32_t Nat::list_flows(std::uint32_t cursor, std::span<FlowView> out, std::size_t& filled, Tick now) const {
  const FlowPool& flows = state_->flows;
  filled = 0;
  if (cursor >= flows.capacity()) return kNone;
  const std::uint32_t end = cursor + std::min(kEntriesPerPage, flows.capacity() - cursor);
  for (; cursor < end && filled < out.size(); ++cursor)
    if (flows[cursor].state != FlowState::kFree) out[filled++] = view_of(flows[cursor], flows.cold(cursor), now);
  return cursor < flows.capacity() ? cursor : kNone;
}

}  // namespace hypernat::dataplane
