/* The two ends of an environment's only road: from its slot into the tunnel of its mapping, and back.
 *
 * Nothing that an environment sends reaches the host's own network stack, and nothing that the underlay sends reaches a
 * slot but what the data plane sent for that slot's mapping. Whatever is not exactly that is dropped and counted. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "control/workerhost/steering_shared.h"

const volatile struct steering_host steering_host;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1); /* set before loading */
  __type(key, __u32);     /* ifindex at the host's side */
  __type(value, struct steering_slot);
} slots_by_device SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1); /* set before loading */
  __type(key, __u32);     /* environment's address */
  __type(value, struct steering_slot);
} slots_by_address SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, STEERING_COUNTS);
  __type(key, __u32);
  __type(value, __u64);
} counters SEC(".maps");

static __always_inline int count(__u32 which, int verdict) {
  __u64 *counter = bpf_map_lookup_elem(&counters, &which);
  if (counter) *counter += 1;
  return verdict;
}

static __always_inline int drop(__u32 which) {
  return count(which, TC_ACT_SHOT);
}

static __always_inline int equal_mac(const __u8 *a, const volatile __u8 *b) {
  return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5])) == 0;
}

struct headers {
  struct ethhdr *ethernet;
  struct iphdr *ip;
};

/* Brings both headers into linear memory; 0 when the packet has no room for them. */
static __always_inline int parse(struct __sk_buff *packet, struct headers *headers) {
  const __u32 needed = sizeof(struct ethhdr) + sizeof(struct iphdr);
  if ((void *)(long)packet->data + needed > (void *)(long)packet->data_end && bpf_skb_pull_data(packet, needed))
    return 0;
  void *start = (void *)(long)packet->data;
  if (start + needed > (void *)(long)packet->data_end) return 0;
  headers->ethernet = start;
  headers->ip = start + sizeof(struct ethhdr);
  return 1;
}

/* RFC 6890: this network, loopback, link-local, multicast, reserved, broadcast. */
static __always_inline int is_forbidden(__u32 destination) {
  const __u32 address = bpf_ntohl(destination);
  return address >> 24 == 0 || address >> 24 == 127 || address >> 16 == 0xa9fe || address >= 0xe0000000;
}

SEC("tc")
int from_slot(struct __sk_buff *packet) {
  const __u32 device = packet->ingress_ifindex;
  const struct steering_slot *slot = bpf_map_lookup_elem(&slots_by_device, &device);
  if (!slot) return drop(STEERING_OUTBOUND_UNATTACHED);
  if (packet->protocol != bpf_htons(ETH_P_IP) || packet->vlan_present) return drop(STEERING_OUTBOUND_NOT_IPV4);
  struct headers headers;
  if (!parse(packet, &headers)) return drop(STEERING_OUTBOUND_TRUNCATED);
  if (headers.ip->version != 4) return drop(STEERING_OUTBOUND_NOT_IPV4);
  if (!equal_mac(headers.ethernet->h_source, slot->mac) ||
      !equal_mac(headers.ethernet->h_dest, steering_host.gateway_mac))
    return drop(STEERING_OUTBOUND_MAC);
  if (headers.ip->saddr != slot->address) return drop(STEERING_OUTBOUND_SOURCE);
  if (is_forbidden(headers.ip->daddr)) return drop(STEERING_OUTBOUND_DESTINATION);

  struct bpf_tunnel_key key = {
      .tunnel_id = slot->mapping,
      .remote_ipv4 = steering_host.dataplane,
      .local_ipv4 = steering_host.underlay,
      .tunnel_ttl = steering_host.tunnel_ttl,
  };
  /* RFC 7348 4.1: the outer UDP checksum should be zero; the inner one protects the payload. */
  if (bpf_skb_set_tunnel_key(packet, &key, sizeof(key), BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT))
    return drop(STEERING_OUTBOUND_TUNNEL);
  return count(STEERING_OUTBOUND_SENT, bpf_redirect(steering_host.vxlan_ifindex, 0));
}

SEC("tc")
int from_tunnel(struct __sk_buff *packet) {
  struct bpf_tunnel_key key = {};
  if (bpf_skb_get_tunnel_key(packet, &key, sizeof(key), 0)) return drop(STEERING_INBOUND_PEER);
  if (key.remote_ipv4 != steering_host.dataplane || key.local_ipv4 != steering_host.underlay)
    return drop(STEERING_INBOUND_PEER);
  if (packet->protocol != bpf_htons(ETH_P_IP) || packet->vlan_present) return drop(STEERING_INBOUND_NOT_IPV4);
  struct headers headers;
  if (!parse(packet, &headers)) return drop(STEERING_INBOUND_TRUNCATED);
  const __u32 destination = headers.ip->daddr;
  const struct steering_slot *slot = bpf_map_lookup_elem(&slots_by_address, &destination);
  if (!slot) return drop(STEERING_INBOUND_NO_SLOT);
  if (slot->mapping != key.tunnel_id) return drop(STEERING_INBOUND_MAPPING);
  if (!equal_mac(headers.ethernet->h_dest, slot->mac)) return drop(STEERING_INBOUND_MAC);
  /* The tunnel device took the frame for somebody else's: its own address is another. */
  bpf_skb_change_type(packet, PACKET_HOST);
  return count(STEERING_INBOUND_SENT, bpf_redirect_peer(slot->ifindex, 0));
}

char license_text[] SEC("license") = "Dual BSD/GPL";
