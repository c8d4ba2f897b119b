// What the NAT should do, told as simply as possible: a list of flows and rules in prose. Shares no code with it.
//
// Time goes in whole seconds; what happens in the second in which a flow is due is left open.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace hypernat::model {

enum class Kind : std::uint8_t { kUdp, kTcp, kEcho };

/// An environment's end of a flow and its remote, within a mapping. Echo: identifier and zero.
struct Inner {
  std::uint64_t mapping_uid = 0;
  Kind kind = Kind::kUdp;
  std::string environment;
  std::uint16_t port = 0;
  std::string remote;
  std::uint16_t remote_port = 0;
  auto operator<=>(const Inner&) const = default;
};

/// The same flow as its subnet sees it.
struct Outer {
  std::uint32_t subnet = 0;
  Kind kind = Kind::kUdp;
  std::string interface;
  std::uint16_t port = 0;
  std::string remote;
  std::uint16_t remote_port = 0;
  auto operator<=>(const Outer&) const = default;
};

/// RFC 6146's states of a TCP session, and one for each of the other protocols.
enum class Phase : std::uint8_t {
  kInit,
  kEstablished,
  kInsideFin,
  kRemoteFin,
  kBothFins,
  kTransient,
  kDatagram,
};

struct Life {
  Inner inner;
  Outer outer;
  std::string interface_id;
  Phase phase = Phase::kDatagram;
  Phase before_reset = Phase::kInit;
  std::uint64_t seen = 0;  ///< seconds
  std::string story = {};  ///< for messages: "second>flags" outbound, "second<flags" inbound
};

class NatModel {
 public:
  void at(std::uint64_t second);

  const Life* find(const Inner& inner) const;
  const Life* find(const Outer& outer) const;
  /// Null when the outer tuple is somebody's already, which must never happen.
  const Life* open(const Inner& inner, const Outer& outer, const std::string& interface_id);
  /// A packet of the flow passed; flags as craft's letters, empty unless TCP.
  void pass(const Inner& inner, bool outbound, const std::string& flags);
  void remove_mapping(std::uint64_t uid);
  void remove_interface(const std::string& id);

  std::size_t size() const { return by_inner_.size(); }
  std::vector<const Life*> all() const;

 private:
  static std::uint64_t lasts(const Life& life);
  void erase(const Inner& inner);
  template <class Predicate>
  void erase_if(Predicate gone);

  std::uint64_t now_ = 0;
  std::map<Inner, Life> by_inner_;
  std::map<Outer, Inner> by_outer_;
};

}  // namespace hypernat::model
