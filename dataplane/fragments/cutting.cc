#include "dataplane/fragments/cutting.h"

#include <cstring>

#include "dataplane/packet/checksum.h"

namespace hypernat::dataplane {
namespace {

constexpr std::uint32_t kUnit = 8;
constexpr std::uint8_t kCopied = 0x80;
constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNoOperation = 1;

struct HeaderFields {
  std::uint32_t total_length = 0;
  std::uint16_t fragment = 0;  // host order
};

void put(std::uint8_t* header, const HeaderFields& fields) {
  Ipv4Header ip;
  std::memcpy(&ip, header, sizeof ip);
  ip.total_length_be = swap16(static_cast<std::uint16_t>(fields.total_length));
  ip.fragment_be = swap16(fields.fragment);
  ip.checksum = 0;
  std::memcpy(header, &ip, sizeof ip);
  const auto checksum = static_cast<std::uint16_t>(~sum_of({header, ip.header_length()}));
  std::memcpy(header + offsetof(Ipv4Header, checksum), &checksum, sizeof checksum);
}

}  // namespace

Cutting::Cutting(std::span<std::uint8_t> packet, std::uint32_t mtu)
    : packet_(packet),
      header_length_((packet[0] & 0x0fU) * 4),
      payload_(static_cast<std::uint32_t>(packet.size()) - header_length_) {
  std::memcpy(later_header_.data(), packet.data(), sizeof(Ipv4Header));
  copy_options();
  first_payload_ = (mtu - header_length_) / kUnit * kUnit;
  later_payload_ = (mtu - later_header_length_) / kUnit * kUnit;
  // The last piece need not be a multiple.
  const std::uint32_t most_of_last = mtu - later_header_length_;
  pieces_ = 2;
  for (std::uint32_t left = payload_ - first_payload_; left > most_of_last; left -= later_payload_) ++pieces_;
}

// The options are known to be sound. Bytes behind the last one, up to a multiple of four, say that it is.
void Cutting::copy_options() {
  std::uint32_t at = sizeof(Ipv4Header);
  while (at < header_length_ && packet_[at] != kOptionEnd) {
    const std::uint32_t length = packet_[at] == kOptionNoOperation ? 1 : packet_[at + 1];
    if ((packet_[at] & kCopied) != 0) {
      std::memcpy(later_header_.data() + later_header_length_, packet_.data() + at, length);
      later_header_length_ += length;
    }
    at += length;
  }
  later_header_length_ = (later_header_length_ + 3) / 4 * 4;
  later_header_[0] = static_cast<std::uint8_t>(0x40 | later_header_length_ / 4);
}

std::uint32_t Cutting::payload_before(std::size_t piece) const {
  return piece == 0 ? 0 : first_payload_ + static_cast<std::uint32_t>(piece - 1) * later_payload_;
}

std::uint32_t Cutting::payload_of(std::size_t piece) const {
  if (piece + 1 == pieces_) return payload_ - payload_before(piece);
  return piece == 0 ? first_payload_ : later_payload_;
}

std::uint32_t Cutting::length_of(std::size_t piece) const {
  return payload_of(piece) + (piece == 0 ? header_length_ : later_header_length_);
}

// Offsets go on from the packet's own, and its last piece is the datagram's last only if it was that itself.
std::uint16_t Cutting::fragment_field(std::size_t piece) const {
  Ipv4Header ip;
  std::memcpy(&ip, later_header_.data(), sizeof ip);
  const std::uint16_t whole = swap16(ip.fragment_be);
  const std::uint32_t offset = (whole & kIpv4FragmentOffset) + payload_before(piece) / kUnit;
  const std::uint32_t more = piece + 1 < pieces_ ? kIpv4MoreFragments : whole & kIpv4MoreFragments;
  return static_cast<std::uint16_t>(more | offset);
}

void Cutting::write(std::size_t piece, std::uint8_t* out) const {
  std::memcpy(out, later_header_.data(), later_header_length_);
  std::memcpy(out + later_header_length_, packet_.data() + header_length_ + payload_before(piece), payload_of(piece));
  put(out, {.total_length = length_of(piece), .fragment = fragment_field(piece)});
}

void Cutting::shorten() {
  put(packet_.data(), {.total_length = length_of(0), .fragment = fragment_field(0)});
}

}  // namespace hypernat::dataplane
