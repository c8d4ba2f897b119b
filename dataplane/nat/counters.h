// What a worker's NAT counts, by slot. Written by that worker alone, read by anyone; a new tenant or interface in a
// slot starts from zero. Drops by reason are counted where packets end, in the worker.
//
// A tenant's account: the IPv4 packets that came in by its segments are those that its interfaces count, its drops, and
// what waits for first fragments or is on its way to another worker. Of what the interfaces count, all has left but the
// undelivered, and what waits for next hops. What a device does not take is nobody's: only the worker counts it.
#pragma once

#include "dataplane/packet/counter.h"

namespace hypernat::dataplane {

struct alignas(64) InterfaceCounters {
  Counter outbound_packets;
  Counter outbound_bytes;  ///< of IPv4 packets, as sent
  Counter inbound_packets;
  Counter inbound_bytes;
  Counter flows_open;
  Counter flows_opened;
  Counter ports_exhausted;  ///< openings refused since no worker had a port left, on any interface of the mapping
  Counter
      fullest_remote;  ///< flows towards the remote endpoint that has most of them; after a change right within seconds

  /// Owner only: from zero again.
  void reset() {
    for (Counter* counter : {&outbound_packets, &outbound_bytes, &inbound_packets, &inbound_bytes, &flows_open,
                             &flows_opened, &ports_exhausted, &fullest_remote})
      counter->set(0);
  }
};
static_assert(sizeof(InterfaceCounters) == 64);

struct alignas(64) TenantCounters {
  Counter flows_open;
  Counter flows_opened;
  Counter drops;                   ///< packets of the tenant that were not forwarded, by whatever reason
  Counter undelivered;             ///< packets that were, and died of a next hop, their size, or want of buffers
  Counter limit_reached;           ///< drops by tenant_flow_limit and flow_share_full
  Counter new_flow_limit_reached;  ///< drops by tenant_new_flow_limit
  Counter packet_limit_reached;    ///< drops by tenant_packet_limit
  Counter ports_exhausted;         ///< drops by ports_exhausted and port_search_failed
  Counter resets;                  ///< RSTs asked for
  Counter errors_sent;             ///< ICMP errors of the NAT's own asked for
  Counter errors_withheld;         ///< those that the rate limit kept back
  Counter errors_carried;          ///< ICMP errors of others, translated

  /// Owner only: from zero again. What is open is no history; a slot is another tenant's when nothing is left open.
  void reset() {
    for (Counter* counter :
         {&flows_opened, &drops, &undelivered, &limit_reached, &new_flow_limit_reached, &packet_limit_reached,
          &ports_exhausted, &resets, &errors_sent, &errors_withheld, &errors_carried})
      counter->set(0);
  }
};

}  // namespace hypernat::dataplane
