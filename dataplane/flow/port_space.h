// The ports of every bucket: which reply ports bring a reply home, for any key, table size and number of workers.
//
// The Toeplitz hash is linear: a port adds (by xor) a contribution that depends on nothing else. Ports are listed by
// the bucket bits of their contribution, so that for a reply whose other fields hash to `base` the ports of bucket b
// are exactly the class b ^ base, enumerable without search. All 65,536 port numbers are listed, so that every class
// is equally long; those below kFirstInterfacePort are for the user to leave out. Immutable, shared by all workers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "config/types.h"

namespace hypernat::dataplane {

class PortSpace {
 public:
  static constexpr std::uint32_t kPorts = 65536;

  /// `bucket_bits[p]`: the bucket bits of port p's contribution (p in host order).
  PortSpace() = default;
  explicit PortSpace(const std::vector<std::uint16_t>& bucket_bits, std::uint32_t buckets);

  /// True when every class is equally long: ports alone reach every bucket.
  bool even() const { return even_; }
  std::uint32_t class_size() const { return class_size_; }
  std::uint32_t classes() const { return class_mask_ + 1; }
  /// Positions of a class are `first_position(c)` ... `+ class_size() - 1`.
  std::uint32_t first_position(std::uint32_t contribution_class) const { return contribution_class * class_size_; }
  L4Port port_at(std::uint32_t position) const { return L4Port::from_host(ports_[position]); }
  std::uint32_t position_of(L4Port port) const { return positions_[port.host()]; }
  /// The class whose ports lead to `bucket` in a reply whose hash without the port is `base`.
  std::uint32_t class_of(std::uint32_t bucket, std::uint32_t base) const { return (bucket ^ base) & class_mask_; }
  /// Ports of the class that an interface does not use.
  std::uint32_t unused_in(std::uint32_t contribution_class) const { return unused_[contribution_class]; }

 private:
  std::vector<std::uint16_t> ports_;      ///< by position, host order
  std::vector<std::uint16_t> positions_;  ///< by port, host order
  std::vector<std::uint16_t> unused_;     ///< by class
  std::uint32_t class_size_ = 0;
  std::uint32_t class_mask_ = 0;
  bool even_ = false;
};

}  // namespace hypernat::dataplane
