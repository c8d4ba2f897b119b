// Flow number n, and the frame of its packets: what every program that is measured gets to translate.
//
// The number says everything, so that ten million flows need no memory at the source: the remote endpoint, the
// environment, and the environment's port. C and C++, since the kernel's source is a BPF program.
#pragma once

#ifdef __cplusplus
#include <cstdint>
#define HYPERNAT_FLOW_INLINE constexpr
namespace hypernat::bench {
#else
#define HYPERNAT_FLOW_INLINE static inline
#endif

/// In host order.
struct NumberedFlow {
  uint32_t src;
  uint32_t dst;
  uint16_t src_port;
  uint16_t dst_port;
};

enum {
  kFirstEnvironmentAddress = 0x64400001,  ///< 100.64.0.1
  kFirstRemoteAddress = 0xc6120000,       ///< 198.18.0.0, of the benchmarking network (RFC 2544)
  kEnvironmentsOfHost = 4000,             ///< in the block of one worker host
  kFlowsOfRemote = 32000,                 ///< about half of an interface's ports
  kFirstFlowPort = 1000,
  kRemotePort = 443,
  kFlowFrameBytes = 60  ///< 64 with the checksum that a wire adds
};

/// As many remote endpoints as so many flows want.
HYPERNAT_FLOW_INLINE uint32_t remotes_of(uint32_t flows) {
  return flows / kFlowsOfRemote + 1;
}

HYPERNAT_FLOW_INLINE struct NumberedFlow numbered_flow(uint32_t number, uint32_t remotes) {
  const uint32_t of_remote = number / remotes;
  const struct NumberedFlow flow = {
      (uint32_t)kFirstEnvironmentAddress + of_remote % kEnvironmentsOfHost,
      (uint32_t)kFirstRemoteAddress + number % remotes,
      (uint16_t)(kFirstFlowPort + of_remote / kEnvironmentsOfHost),
      (uint16_t)kRemotePort,
  };
  return flow;
}

#ifdef __cplusplus
}  // namespace hypernat::bench
#endif
#undef HYPERNAT_FLOW_INLINE
