/* What the BPF programs and the worker host agree on; C, because both compile it. Addresses and ports are in network
 * order unless the name says otherwise. */
#pragma once

#include <linux/types.h>

/** A slot that is attached to a mapping; a slot that is not has no entry in either map. */
struct steering_slot {
  __u32 address; /* of the environment */
  __u32 mapping; /* host order: the VNI */
  __u32 ifindex; /* of the slot's device at the host's side */
  __u8 mac[6];   /* of the environment */
  __u8 padding[2];
};

/** Constant from loading on. */
struct steering_host {
  __u32 dataplane;     /* host order, as the kernel's tunnel keys have it */
  __u32 underlay;      /* host order */
  __u32 vxlan_ifindex; /* where outbound packets go */
  __u8 gateway_mac[6];
  __u8 tunnel_ttl;
  __u8 padding;
};

/** Every packet that a program sees is counted under exactly one of these. */
enum steering_count {
  STEERING_OUTBOUND_SENT,
  STEERING_INBOUND_SENT,
  /* from an environment */
  STEERING_OUTBOUND_UNATTACHED,
  STEERING_OUTBOUND_NOT_IPV4,
  STEERING_OUTBOUND_TRUNCATED,
  STEERING_OUTBOUND_MAC,
  STEERING_OUTBOUND_SOURCE,
  STEERING_OUTBOUND_DESTINATION,
  STEERING_OUTBOUND_TUNNEL,
  /* from the underlay */
  STEERING_INBOUND_PEER,
  STEERING_INBOUND_NOT_IPV4,
  STEERING_INBOUND_TRUNCATED,
  STEERING_INBOUND_NO_SLOT,
  STEERING_INBOUND_MAPPING,
  STEERING_INBOUND_MAC,
  STEERING_COUNTS
};
