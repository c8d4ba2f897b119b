// Turns the frame it is run on into one of a flow, and lets it into the kernel's stack: the source of kernel_source.cc.
//
// The buffers of earlier packets come back as the stack left them, so that the whole frame is written each time.
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

typedef __u32 uint32_t;
typedef __u16 uint16_t;
#include "tests/bench/peers/numbered_flow.h"

enum { kHeaders = 42, kOpening = 0 };

/// Set by kernel_source.cc before the first packet, but for `next`, which counts the packets of the opening pass.
struct source_settings {
  __u32 flows;
  __u32 remotes;
  __u32 next;
  __u8 destination[6];
};
struct source_settings settings = {};

static __always_inline __u16 fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)~sum;
}

static __always_inline void write16(__u8* at, __u16 value) {
  at[0] = value >> 8;
  at[1] = value & 0xff;
}

static __always_inline __u32 halves(__u32 value) {
  return (value >> 16) + (value & 0xffff);
}

SEC("xdp")
int source(struct xdp_md* context) {
  __u8* frame = (__u8*)(long)context->data;
  if (frame + kFlowFrameBytes > (__u8*)(long)context->data_end) return XDP_ABORTED;
  __u32 number = settings.next;
  if (number < settings.flows)
    settings.next = number + 1;
  else
    number = (__u32)(((__u64)bpf_get_prandom_u32() * settings.flows) >> 32);
  const struct NumberedFlow flow = numbered_flow(number, settings.remotes);

  const __u16 ip_length = kFlowFrameBytes - 14, udp_length = ip_length - 20;
  __builtin_memset(frame, 0, kHeaders);
  __builtin_memcpy(frame, settings.destination, 6);
  frame[6] = 2;
  frame[12] = 8;
  frame[14] = 0x45;
  write16(frame + 16, ip_length);
  frame[22] = 64;
  frame[23] = 17;
  const __u32 addresses = halves(flow.src) + halves(flow.dst);
  write16(frame + 24, fold(0x4500 + ip_length + (64 << 8) + 17 + addresses));
  write16(frame + 26, flow.src >> 16);
  write16(frame + 28, flow.src);
  write16(frame + 30, flow.dst >> 16);
  write16(frame + 32, flow.dst);
  write16(frame + 34, flow.src_port);
  write16(frame + 36, flow.dst_port);
  write16(frame + 38, udp_length);
  // The payload is zeros: from the first frame on, and nobody writes there.
  write16(frame + 40, fold(addresses + 17 + 2 * udp_length + flow.src_port + flow.dst_port));
  return XDP_PASS;
}

char kLicense[] SEC("license") = "GPL";
