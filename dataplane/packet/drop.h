// Why a packet died. One name, one counter, one sentence; telemetry, tests and documentation read this list.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hypernat::dataplane {

// name, what happened. Order is that of the journey. A name is also its telemetry key: lower case and '_' only.
#define HYPERNAT_DROP_REASONS(X)                                                                                    \
  X(truncated, "the frame ends before a header that it announces")                                                  \
  X(scattered, "the frame spans several buffers and does not fit into the first")                                   \
  X(not_ours, "the frame or tunnel packet is addressed to somebody else")                                           \
  X(unknown_ethertype, "neither IPv4 nor ARP")                                                                      \
  X(unknown_attachment, "no attachment of this port takes such frames")                                             \
  X(bad_tunnel_header, "version, flags, protocol or a length of the tunnel header are wrong")                       \
  X(tunnel_control, "a Geneve control packet, which is no tenant's traffic")                                        \
  X(tunnel_critical_option, "a Geneve option that must be understood and is not known here")                        \
  X(unknown_tunnel_peer, "the tunnel packet comes from an address that is no worker host or VTEP")                  \
  X(unknown_segment, "no mapping or subnet has this VNI, VLAN id or port")                                          \
  X(bad_ip_header, "version, header length, total length or an IPv4 option is wrong")                               \
  X(bad_ip_checksum, "the IPv4 header checksum is wrong")                                                           \
  X(bad_l4_header, "the TCP, UDP or ICMP header is cut short or contradicts its length")                            \
  X(bad_l4_checksum, "the TCP, UDP or ICMP checksum is wrong")                                                      \
  X(fragment, "a fragment of a tunnel packet, or of a protocol whose fragments are switched off")                   \
  X(unsupported_protocol, "neither TCP, UDP nor ICMP")                                                              \
  X(unsupported_icmp, "an ICMP message that is neither echo nor an error about a packet")                           \
  X(icmp_redirect, "an ICMP redirect: nobody else's routers route for an environment or a subnet")                  \
  X(icmp_source_quench, "an ICMP source quench, which nobody is to send or heed (RFC 6633)")                        \
  X(bad_quote, "the packet that an ICMP error quotes is cut short, damaged or contradicts itself")                  \
  X(quoted_fragment, "an ICMP error about a later fragment, which names no ports")                                  \
  X(unsupported_quote, "an ICMP error about a packet that no flow carries, as another ICMP error")                  \
  X(error_misaddressed, "an ICMP error that goes to, or comes from, somebody else than it quotes")                  \
  X(tenant_packet_limit, "the tenant has had as many packets in a second as it may have")                           \
  X(martian_source, "the source address can not be a sender's")                                                     \
  X(martian_destination, "the destination address can not be a tenant's")                                           \
  X(spoofed_source, "the source is outside the block of the worker host it came from")                              \
  X(ttl_expired, "the time to live ran out here")                                                                   \
  X(fragment_tiny, "fragments so small that the transport header is not whole in the first")                        \
  X(fragment_misaligned, "a fragment that is empty, or not the last and no multiple of eight bytes")                \
  X(fragment_too_long, "a fragment that ends beyond the longest datagram, 65,535 bytes")                            \
  X(fragment_overlap, "fragments that overlap, or contradict each other about the datagram's end")                  \
  X(fragment_duplicate, "a fragment that came before")                                                              \
  X(fragment_refused, "another fragment of the same datagram was refused")                                          \
  X(fragment_timeout, "the first fragment of the datagram did not come in time")                                    \
  X(fragment_share_full, "as many fragments of the tenant, or of the datagram, as may be kept are")                 \
  X(fragments_full, "no room is left to keep another fragment, or to follow another datagram")                      \
  X(home_ring_full, "the ring to the worker that the packet belongs to was full")                                   \
  X(no_flow, "no flow, and not a packet that opens one")                                                            \
  X(error_without_flow, "an ICMP error about a packet of no flow")                                                  \
  X(not_the_interface, "addressed to an address of the subnet that is no interface")                                \
  X(wrong_tunnel_peer, "the flow's packets come from another worker host")                                          \
  X(bad_tcp_flags, "an illegal combination of TCP flags")                                                           \
  X(tenant_flow_limit, "the tenant has as many flows as it may have")                                               \
  X(flow_share_full, "the tenant has its share of the flow entries of every worker that has a port")                \
  X(tenant_new_flow_limit, "the tenant has tried to open as many flows in a second as it may")                      \
  X(no_interface, "the mapping has no interface")                                                                   \
  X(egress_refused, "no rule of the mapping's security groups permits it")                                          \
  X(no_route, "no route to the destination, or a blackhole")                                                        \
  X(flow_table_full, "every flow entry of every worker that has a port is in use")                                  \
  X(ports_exhausted, "no interface has a port towards this remote endpoint, on any worker")                         \
  X(port_search_failed, "ports are free, but the bounded search found none")                                        \
  X(redirect_table_full,                                                                                            \
    "another worker may own the flow, but every redirect of this one is in use, or the tenant has its share")       \
  X(redirect_stale, "the flow that the packet was passed on to was gone, twice over")                               \
  X(next_hop_table_full, "every next-hop entry of the worker is in use, or the tenant holds half")                  \
  X(next_hop_unresolved, "the next hop did not answer, or too many packets wait for it")                            \
  X(held_share_full, "as many packets of the tenant as may wait for next hops already do")                          \
  X(too_big, "the packet does not fit the attachment's MTU")                                                        \
  X(bad_arp, "an ARP packet that contradicts itself or claims what it can not own")                                 \
  X(arp_copy_limited, "an ARP packet, of a tenant who has had as many copied to all workers as it may in a second") \
  X(reset_rate_limited, "a packet without a flow that the rate limit left without a RST")                           \
  X(no_buffer, "no buffer was left to originate or copy a packet")                                                  \
  X(transmit_refused, "the device can not complete the packet's headers")                                           \
  X(transmit_full, "the device took no more packets")

enum class Drop : std::uint8_t {
#define X(name, text) name,
  HYPERNAT_DROP_REASONS(X)
#undef X
};

#define X(name, text) +1
inline constexpr std::size_t kDropReasons = 0 HYPERNAT_DROP_REASONS(X);
#undef X

struct DropText {
  std::string_view name;
  std::string_view meaning;
};

inline constexpr std::array<DropText, kDropReasons> kDropTexts{{
#define X(name, text) {#name, text},
    HYPERNAT_DROP_REASONS(X)
#undef X
}};

constexpr std::string_view name_of(Drop drop) {
  return kDropTexts[static_cast<std::size_t>(drop)].name;
}

}  // namespace hypernat::dataplane
