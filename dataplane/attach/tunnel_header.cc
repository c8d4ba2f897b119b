#include "dataplane/attach/tunnel_header.h"

#include <array>
#include <cstring>

namespace hypernat::dataplane {
namespace {

// VXLAN's first four bytes: flags, and reserved bits that are zero.
constexpr std::uint32_t kVxlanFlagsWord = swap32(std::uint32_t{kVxlanVniPresent} << 24);

// The header at the front of `bytes`, or nothing when it is cut short.
template <typename Header>
std::optional<Header> front(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

TunnelHeader refuse(Drop reason) {
  return {.vni = 0, .bytes = 0, .refused = reason};
}

std::uint32_t read_vni(const std::uint8_t (&vni)[3]) {
  return std::uint32_t{vni[0]} << 16 | std::uint32_t{vni[1]} << 8 | vni[2];
}

void write_vni(std::uint32_t value, std::uint8_t (&vni)[3]) {
  vni[0] = static_cast<std::uint8_t>(value >> 16);
  vni[1] = static_cast<std::uint8_t>(value >> 8);
  vni[2] = static_cast<std::uint8_t>(value);
}

// RFC 7348 5, as two words: flags and reserved bits, the VNI and more of these. Reserved bits must be zero: extensions
// put there what changes the meaning of the rest.
TunnelHeader read_vxlan(std::span<const std::uint8_t> bytes) {
  const auto words = front<std::array<std::uint32_t, 2>>(bytes);
  if (!words) return refuse(Drop::truncated);
  const std::uint32_t vni = swap32((*words)[1]);
  if ((*words)[0] != kVxlanFlagsWord || (vni & 0xff) != 0) return refuse(Drop::bad_tunnel_header);
  return {.vni = vni >> 8, .bytes = sizeof(VxlanHeader), .refused = std::nullopt};
}

// RFC 8926 3.5: the options' lengths must add up, and none that this end has to understand may be there. It knows none.
std::optional<Drop> check_options(std::span<const std::uint8_t> options) {
  while (!options.empty()) {
    const auto option = front<GeneveOption>(options);
    if (!option) return Drop::bad_tunnel_header;
    const std::size_t length = sizeof(GeneveOption) + (option->length & 0x1fU) * 4;
    if (length > options.size()) return Drop::bad_tunnel_header;
    if ((option->type & kGeneveCriticalOption) != 0) return Drop::tunnel_critical_option;
    options = options.subspan(length);
  }
  return std::nullopt;
}

// RFC 8926 3.4. Unlike VXLAN's, reserved bits are to be ignored: whatever must not be is an option marked critical.
TunnelHeader read_geneve(std::span<const std::uint8_t> bytes) {
  const auto geneve = front<GeneveHeader>(bytes);
  if (!geneve) return refuse(Drop::truncated);
  const std::size_t options = (geneve->version_options & 0x3fU) * 4;
  if (geneve->version_options >> 6 != 0) return refuse(Drop::bad_tunnel_header);
  if (options > bytes.size() - sizeof(GeneveHeader)) return refuse(Drop::truncated);
  if ((geneve->flags & kGeneveControl) != 0) return refuse(Drop::tunnel_control);
  if (swap16(geneve->protocol_be) != kEtherTypeBridging) return refuse(Drop::bad_tunnel_header);
  return {.vni = read_vni(geneve->vni),
          .bytes = static_cast<std::uint32_t>(sizeof(GeneveHeader) + options),
          .refused = check_options(bytes.subspan(sizeof(GeneveHeader), options))};
}

template <typename Header>
std::uint8_t* prepend(const Header& header, std::uint8_t* frame) {
  frame -= sizeof header;
  std::memcpy(frame, &header, sizeof header);
  return frame;
}

}  // namespace

TunnelHeader read_tunnel_header(Encapsulation encapsulation, std::span<const std::uint8_t> bytes) {
  return encapsulation == Encapsulation::kGeneve ? read_geneve(bytes) : read_vxlan(bytes);
}

std::uint8_t* prepend_tunnel_header(Encapsulation encapsulation, std::uint32_t vni, std::uint8_t* frame) {
  if (encapsulation == Encapsulation::kGeneve) {
    GeneveHeader geneve{};
    geneve.protocol_be = swap16(kEtherTypeBridging);
    write_vni(vni, geneve.vni);
    return prepend(geneve, frame);
  }
  return prepend(std::array{kVxlanFlagsWord, swap32(vni << 8)}, frame);
}

}  // namespace hypernat::dataplane
