// The header between a tunnel's UDP header and the inner frame: VXLAN (RFC 7348) or Geneve (RFC 8926).
//
// The two differ in nothing else that matters here, so everything around them is written once. What a header says that
// is not understood refuses the packet by name; Geneve options that need not be understood are skipped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "config/dataplane_config.h"
#include "dataplane/packet/drop.h"
#include "dataplane/packet/headers.h"

namespace hypernat::dataplane {

using config::Encapsulation;

struct TunnelHeader {
  std::uint32_t vni = 0;
  std::uint32_t bytes = 0;      ///< of the header with its options
  std::optional<Drop> refused;  ///< why nothing else here means anything
};

/// Of what follows the UDP header. `encapsulation` is a tunnel's.
TunnelHeader read_tunnel_header(Encapsulation encapsulation, std::span<const std::uint8_t> bytes);

/// What `prepend_tunnel_header` writes, for either tunnel.
inline constexpr std::uint32_t kTunnelHeaderBytes = sizeof(VxlanHeader);
static_assert(sizeof(VxlanHeader) == sizeof(GeneveHeader));

/// In front of the inner frame, without options; returns the header's first byte.
std::uint8_t* prepend_tunnel_header(Encapsulation encapsulation, std::uint32_t vni, std::uint8_t* frame);

}  // namespace hypernat::dataplane
