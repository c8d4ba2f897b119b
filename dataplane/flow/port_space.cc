#include "dataplane/flow/port_space.h"

#include <algorithm>

namespace hypernat::dataplane {

PortSpace::PortSpace(const std::vector<std::uint16_t>& bucket_bits, std::uint32_t buckets)
    : ports_(kPorts), positions_(kPorts), unused_(buckets), class_size_(kPorts / buckets), class_mask_(buckets - 1) {
  std::vector<std::uint32_t> next(buckets);
  for (const std::uint16_t bits : bucket_bits) ++next[bits];
  even_ = std::all_of(next.begin(), next.end(), [this](std::uint32_t size) { return size == class_size_; });
  if (!even_) return;
  for (std::uint32_t c = 0; c < buckets; ++c) next[c] = first_position(c);
  for (std::uint32_t port = 0; port < kPorts; ++port) {
    const std::uint32_t position = next[bucket_bits[port]]++;
    ports_[position] = static_cast<std::uint16_t>(port);
    positions_[port] = static_cast<std::uint16_t>(position);
    if (port < kFirstInterfacePort) ++unused_[bucket_bits[port]];
  }
}

}  // namespace hypernat::dataplane
