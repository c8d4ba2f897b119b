// A NAT with one flow, and the packets of it that ICMP errors quote, each as those know it who see it.
#pragma once

#include <string>
#include <vector>

#include "tests/packet/nat_world.h"

namespace hypernat::dataplane {

inline constexpr const char* kEnvironment = "100.64.0.5";
inline constexpr const char* kServer = "10.0.1.10";
inline constexpr const char* kInterface = "10.0.1.20";
inline constexpr std::uint16_t kEnvironmentPort = 4000;
inline constexpr std::uint16_t kServerPort = 53;

/// A kind of packet that flows carry: one that opens a flow, and one that comes back. Of echo, the environment's port
/// is the identifier.
struct Carried {
  using Make = craft::Datagram (*)(const craft::Ip&, std::uint16_t src_port, std::uint16_t dst_port);
  const char* name = "";
  Protocol protocol{};
  bool echo = false;
  Make out = nullptr;
  Make back = nullptr;
};

/// TCP with options, UDP with and without checksum, UDP whose checksum is 0xffff on the inside, with options in the
/// IPv4 header, echo. The first is TCP.
std::vector<Carried> every_carried();

class ErrorWorld {
 public:
  explicit ErrorWorld(const Carried& carried, const NatWorld::Options& options = {});

  /// Opens a flow from a port of the environment; what follows is about it.
  void open(std::uint16_t environment_port);

  // The packet that opened the flow, as a router saw it when its time ran out, and as the environment knows it.
  craft::Datagram datagram_as_left() const;
  craft::Bytes as_left() const { return datagram_as_left().bytes(); }
  craft::Bytes as_sent() const;
  // The packet that came back, as it was delivered to the environment, and as the remote knows it.
  craft::Bytes as_delivered() const;
  craft::Bytes as_replied() const;

  /// Bytes behind the IPv4 header that a quote may have; 0: all.
  static std::vector<std::size_t> cuts() { return {0, 8, 9, 12, 16, 18, 21, 40}; }
  static craft::Bytes cut(const craft::Bytes& packet, std::size_t l4_bytes);

  NatWorld nat;
  std::uint16_t port = 0;  ///< of the interface
  std::uint16_t worker = 0;
  std::uint32_t next_hop = kNone;

 private:
  Carried carried_;
  std::uint16_t environment_port_ = 0;
};

}  // namespace hypernat::dataplane
