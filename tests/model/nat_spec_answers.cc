// What senders are told of packets that die, and what becomes of the ICMP errors of others.
#include <algorithm>

#include "tests/model/nat_spec.h"

namespace hypernat::spec {

// Each tenant may have so many at once, and earns as many every second, at each worker.
bool NatSpec::allowed(Allowances& allowances, unsigned per_second, unsigned tenant, unsigned worker) const {
  const Time full = Time{per_second} * 1000;
  auto& [left, counted] = allowances.try_emplace({tenant, worker}, full, now_).first->second;
  left = std::min(full, left + (now_ - counted) * per_second);
  counted = now_;
  if (left < 1000) return false;
  left -= 1000;
  return true;
}

unsigned NatSpec::tenant_of(const Arrival& arrival) const {
  return arrival.side == Side::kInside ? table_.mappings.at(arrival.way.mapping).tenant
                                       : table_.subnets.at(arrival.subnet).tenant;
}

unsigned NatSpec::subnet_of(const Arrival& arrival) const {
  return arrival.side == Side::kInside ? table_.mappings.at(arrival.way.mapping).subnet : arrival.subnet;
}

Fate NatSpec::refuse_segment(const Header& header, const Arrival& arrival, const Fate& seen) {
  if (header.rst) return dropped("no_flow", arrival, seen);
  if (!allowed(resets_, settings_.resets_per_second, tenant_of(arrival), seen.worker))
    return dropped("reset_rate_limited", arrival, seen);
  return {.what = Fate::What::kAnswered,
          .reason = "no_flow",
          .packet = reset_for(arrival.packet),
          .way = arrival.way,
          .home = seen.home,
          .worker = seen.worker};
}

// To the inside the gateway speaks, to the outside the interface, and there only about packets of flows. RFC 1812
// 4.3.2.7: nobody is told who is no single host, nor about a packet to none, nor about a later fragment.
Fate NatSpec::told(const IcmpError& error, const Arrival& arrival, const Fate& seen, const Flow* flow) {
  const Header header = read(arrival.packet);
  const bool inside = arrival.side == Side::kInside;
  if (header.offset != 0) return dropped(error.reason, arrival, seen);
  if (inside && (!refused_source(header, arrival.way).empty() ||
                 no_destination(header.dst, table_.mappings.at(arrival.way.mapping).subnet)))
    return dropped(error.reason, arrival, seen);
  if (!allowed(errors_, settings_.errors_per_second, tenant_of(arrival), seen.worker)) {
    ++tenant_counts_[tenant_of(arrival)].errors_withheld;
    return dropped(error.reason, arrival, seen);
  }
  Fate fate{.what = Fate::What::kAnswered, .reason = error.reason, .home = seen.home, .worker = seen.worker};
  fate.packet = error_about(arrival.packet, error, inside ? settings_.gateway : flow->outer.local);
  if (inside) {
    fate.way = arrival.way;
  } else {
    fate.interface = flow->interface.id;
    fate.next_hop = flow->next_hop;
  }
  return fate;
}

Fate NatSpec::expired(const Tuple& tuple, const Arrival& arrival, const Fate& seen) {
  const Flow* const flow = arrival.side == Side::kOutside ? find(arrival.side, tuple) : nullptr;
  const bool gone = flow == nullptr || (may_be_gone(*flow) && seen.what == Fate::What::kDropped);
  if (arrival.side == Side::kOutside && gone) return dropped("ttl_expired", arrival, seen);
  return told({.reason = "ttl_expired", .type = 11, .code = 0}, arrival, seen, flow);
}

// They belong to the flow whose packet they quote, go the other way, and do nothing to it (RFC 5508). From outside any
// router may speak, but nobody in the name of an interface.
Fate NatSpec::carry_error(const Arrival& arrival, const Fate& seen) {
  const Header header = read(arrival.packet);
  const Header about = read(quoted(arrival.packet));
  const bool inside = arrival.side == Side::kInside;
  if (header.ttl <= 1) return dropped("ttl_expired", arrival, seen);
  if (inside && !refused_source(header, arrival.way).empty())
    return dropped(refused_source(header, arrival.way), arrival, seen);
  if (!inside && no_destination(header.src, arrival.subnet)) return dropped("martian_source", arrival, seen);
  const Tuple tuple{.network = inside ? arrival.way.mapping : arrival.subnet,
                    .protocol = about.protocol,
                    .local = inside ? about.dst : about.src,
                    .remote = inside ? about.src : about.dst,
                    .remote_port = about.protocol == kIcmp ? 0 : (inside ? about.src_port : about.dst_port),
                    .local_port = inside ? about.dst_port : about.src_port};
  const Flow* const flow = find(arrival.side, tuple);
  if (flow == nullptr || (may_be_gone(*flow) && seen.reason == "error_without_flow"))
    return dropped("error_without_flow", arrival, seen);
  if (inside && (flow->way.peer != arrival.way.peer || flow->way.attachment != arrival.way.attachment))
    return dropped("wrong_tunnel_peer", arrival, seen);
  ++tenant_counts_[flow->tenant].errors_carried;
  Fate fate{.what = Fate::What::kForwarded, .home = inside ? flow->home : flow->worker, .worker = flow->worker};
  if (inside) {
    fate.packet = translated_error(arrival.packet,
                                   {.end = End::kSource, .address = flow->outer.local, .port = flow->outer.local_port});
    fate.interface = flow->interface.id;
    fate.next_hop = flow->next_hop;
  } else {
    const Translation translation{
        .end = End::kDestination, .address = flow->inner.local, .port = flow->inner.local_port};
    fate.packet = translated_error(arrival.packet, translation);
    fate.way = flow->way;
    // The NAT may have forgotten of which identification the datagram was that it gave another one.
    const auto own = own_[flow->outer].find(about.identification);
    if (own != own_[flow->outer].end() && fate.packet != seen.packet)
      fate.packet = translated_error(with_quoted_identification(arrival.packet, own->second), translation);
  }
  return fate;
}

// Of the narrower of both attachments, whichever way the SYN goes.
unsigned NatSpec::largest_mss(const Flow& flow) const {
  const unsigned inside = size_inside(flow).mss;
  const unsigned outside = settings_.outside.mss;
  return inside == 0 || outside == 0 ? std::max(inside, outside) : std::min(inside, outside);
}

}  // namespace hypernat::spec
