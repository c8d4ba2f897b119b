#include "tests/packet/fragments.h"

#include <algorithm>

namespace hypernat::craft {
namespace {

constexpr unsigned kMore = 0x2000;
constexpr unsigned kOffset = 0x1fff;

std::uint16_t get16(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}
void set16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes.at(at) = static_cast<std::uint8_t>(value >> 8);
  bytes.at(at + 1) = static_cast<std::uint8_t>(value);
}
std::size_t header_length(const Bytes& packet) {
  return (packet.at(0) & 15U) * 4U;
}
Bytes header_of(const Bytes& packet) {
  return {packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(header_length(packet))};
}

// A header without the options that stay with the first piece.
Bytes later_header(const Bytes& header) {
  Bytes later(header.begin(), header.begin() + 20);
  for (std::size_t at = 20; at < header.size() && header[at] != 0;) {
    const std::size_t length = header[at] == 1 ? 1 : header[at + 1];
    if (header[at] >= 128) later.insert(later.end(), &header[at], &header[at] + length);
    at += length;
  }
  while (later.size() % 4 != 0) later.push_back(0);
  later[0] = static_cast<std::uint8_t>(0x40 | later.size() / 4);
  return later;
}

Bytes finished(Bytes header, const Bytes& payload, std::size_t fragment) {
  set16(header, 2, header.size() + payload.size());
  set16(header, 6, fragment);
  set16(header, 10, 0);
  set16(header, 10, checksum_of(header));
  header.insert(header.end(), payload.begin(), payload.end());
  return header;
}

// What all pieces of a datagram have in common.
bool same_datagram(const Bytes& a, const Bytes& b) {
  return std::equal(a.begin() + 12, a.begin() + 20, b.begin() + 12) && a[9] == b[9] &&
         identification_of(a) == identification_of(b);
}

}  // namespace

Bytes Piece::bytes() const {
  Datagram whole = ip / Udp{};
  Bytes header = header_of(whole.bytes());
  header[9] = protocol;
  return finished(header, payload, (more ? kMore : 0U) | offset / 8);
}

std::vector<Bytes> cut(const Bytes& packet, const std::vector<std::size_t>& at) {
  const Bytes header = header_of(packet);
  const Bytes payload = payload_of(packet);
  const std::size_t before = offset_of(packet) / 8;
  std::vector<Bytes> pieces;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= at.size(); ++i) {
    const bool last = i == at.size();
    const std::size_t to = last ? payload.size() : at[i];
    const Bytes part(payload.begin() + static_cast<std::ptrdiff_t>(from),
                     payload.begin() + static_cast<std::ptrdiff_t>(to));
    const bool more = !last || has_more(packet);
    pieces.push_back(finished(i == 0 ? header : later_header(header), part, (more ? kMore : 0U) | (before + from / 8)));
    from = to;
  }
  return pieces;
}

std::vector<Bytes> cut_to(const Bytes& packet, std::size_t mtu) {
  const std::size_t first = header_length(packet);
  const std::size_t later = later_header(header_of(packet)).size();
  const std::size_t payload = packet.size() - first;
  std::vector<std::size_t> at;
  for (std::size_t done = 0, room = mtu - first; payload - done > room; room = mtu - later) {
    done += room / 8 * 8;
    at.push_back(done);
  }
  return cut(packet, at);
}

std::optional<Bytes> join(std::vector<Bytes> pieces) {
  if (pieces.empty()) return std::nullopt;
  std::sort(pieces.begin(), pieces.end(), [](const Bytes& a, const Bytes& b) { return offset_of(a) < offset_of(b); });
  Bytes payload;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Bytes& piece = pieces[i];
    const bool last = i + 1 == pieces.size();
    if (!same_datagram(piece, pieces[0]) || offset_of(piece) != payload.size() || has_more(piece) == last ||
        get16(piece, 2) != piece.size() || checksum_of(header_of(piece)) != 0) {
      return std::nullopt;
    }
    const Bytes part = payload_of(piece);
    payload.insert(payload.end(), part.begin(), part.end());
  }
  return finished(header_of(pieces[0]), payload, 0);
}

std::uint16_t identification_of(const Bytes& packet) {
  return get16(packet, 4);
}
std::uint32_t offset_of(const Bytes& packet) {
  return (get16(packet, 6) & kOffset) * 8;
}
bool has_more(const Bytes& packet) {
  return (get16(packet, 6) & kMore) != 0;
}
Bytes payload_of(const Bytes& packet) {
  return {packet.begin() + static_cast<std::ptrdiff_t>(header_length(packet)), packet.end()};
}

}  // namespace hypernat::craft
