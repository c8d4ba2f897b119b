// Which worker a packet belongs to: the Toeplitz hash of its tuple, as a NIC with RSS computes it, and a redirection
// table of buckets that are assigned to workers.
//
// Outbound packets are hashed by the inner tuple, replies by the tuple they are addressed with; an echo identifier
// stands for both ports. Whoever opens a flow picks an interface port that brings the reply home too (port_space.h).
// Immutable once made, so all workers read one object.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "config/types.h"
#include "dataplane/flow/port_space.h"

namespace hypernat::dataplane {

/// Bytes of a Toeplitz key: enough for an IPv6 tuple, as NICs have it.
inline constexpr std::size_t kToeplitzKeyBytes = 40;
using ToeplitzKey = std::array<std::uint8_t, kToeplitzKeyBytes>;

/// The key of Microsoft's "Verifying the RSS hash calculation", which most NICs take.
inline constexpr ToeplitzKey kMicrosoftKey = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                              0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                              0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                              0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

/// What a NIC hashes of a TCP or UDP packet over IPv4, as the packet arrives.
struct HomeTuple {
  Ipv4Address src;
  Ipv4Address dst;
  L4Port src_port;  ///< ICMP echo: the identifier, in both
  L4Port dst_port;
};

class Home {
 public:
  struct Options {
    ToeplitzKey key = kMicrosoftKey;
    std::uint32_t buckets = 128;  ///< a power of two, at most kMaxBuckets
    std::uint16_t workers = 1;    ///< at most kMaxWorkers; buckets are dealt round
  };
  static constexpr std::uint16_t kMaxWorkers = 64;
  static constexpr std::uint32_t kMaxBuckets = 4096;

  /// Throws std::invalid_argument when an option is out of range, or when ports or echo identifiers alone do not reach
  /// every bucket with this key: some worker could then open no flow towards some remote endpoints.
  explicit Home(const Options& options);

  /// RSS hash of the tuple: Toeplitz over source, destination, source port, destination port.
  std::uint32_t hash(const HomeTuple& tuple) const {
    return address(0, tuple.src) ^ address(4, tuple.dst) ^ port(8, tuple.src_port) ^ port(10, tuple.dst_port);
  }
  std::uint16_t worker_of(std::uint32_t hash) const { return worker_of_bucket_[hash & bucket_mask_]; }

  /// Reply ports by the bucket they lead to. An echo identifier stands in both ports and so contributes twice.
  const PortSpace& reply_ports(Protocol protocol) const {
    return protocol == Protocol::kIcmp ? echo_identifiers_ : reply_ports_;
  }

  std::uint32_t buckets() const { return bucket_mask_ + 1; }
  std::uint16_t workers() const { return workers_; }
  /// Worker by bucket: what a NIC's redirection table has to hold.
  std::span<const std::uint16_t> worker_of_bucket() const { return worker_of_bucket_; }
  /// Buckets whose port classes are a worker's: those it was dealt, or the one class of all ports when it is alone.
  std::span<const std::uint16_t> port_buckets_of(std::uint16_t worker) const { return port_buckets_of_worker_[worker]; }
  const ToeplitzKey& key() const { return key_; }

 private:
  std::uint32_t byte(std::size_t position, std::uint32_t value) const { return table_[position][value & 0xff]; }
  std::uint32_t address(std::size_t position, Ipv4Address address) const {
    const std::uint32_t bytes = address.network();
    return byte(position, bytes) ^ byte(position + 1, bytes >> 8) ^ byte(position + 2, bytes >> 16) ^
           byte(position + 3, bytes >> 24);
  }
  std::uint32_t port(std::size_t position, L4Port port) const {
    const std::uint32_t bytes = port.network();
    return byte(position, bytes) ^ byte(position + 1, bytes >> 8);
  }

  static constexpr std::size_t kTupleBytes = 12;
  std::array<std::array<std::uint32_t, 256>, kTupleBytes> table_{};  ///< contribution of each value of each tuple byte
  std::vector<std::uint16_t> worker_of_bucket_;
  std::vector<std::vector<std::uint16_t>> port_buckets_of_worker_;
  PortSpace reply_ports_;
  PortSpace echo_identifiers_;
  std::uint32_t bucket_mask_ = 0;
  std::uint16_t workers_ = 1;
  ToeplitzKey key_;
};

}  // namespace hypernat::dataplane
