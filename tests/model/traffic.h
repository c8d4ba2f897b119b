// Packets as chance has them, from so few addresses, ports and remotes that they meet: openings, data of known flows,
// replies in time and too late, strangers that differ in one thing, and packets that nobody should have sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/model/nat_spec.h"
#include "tests/packet/nat_world.h"

namespace hypernat::model {

/// Numbers that follow from one number.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    // Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = (state_ ^ state_ >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }
  template <class Value>
  const Value& of(const std::vector<Value>& values) {
    return values[below(values.size())];
  }

 private:
  std::uint64_t state_;
};

/// What packets are made of.
struct Cast {
  std::vector<std::uint32_t> mappings = {1, 2, 3, 4};
  std::vector<std::uint16_t> ports = {0, 7, 1024, 65535};
  std::vector<std::string> remotes = {"10.0.1.10", "10.0.1.11", "10.0.7.7", "198.18.0.1", "10.9.0.1"};
  std::vector<std::uint16_t> remote_ports = {53, 80};
  std::vector<unsigned> protocols = {spec::kTcp, spec::kTcp, spec::kUdp, spec::kIcmp};
};

class Traffic {
 public:
  using Arrival = dataplane::NatWorld::Arrival;
  explicit Traffic(Cast cast) : cast_(std::move(cast)) {}

  /// Of the flow that has that tuple, has had it or may have it. `flows` are open.
  Arrival some_arrival(Dice& dice, const spec::Tuple& inner, const std::map<spec::Tuple, spec::Flow>& flows) const;
  /// The same as fragments, in the order in which they come: nearly always all of one datagram, now and then with one
  /// missing, twice, or as nobody cuts.
  std::vector<Arrival> some_fragments(Dice& dice, const spec::Tuple& inner,
                                      const std::map<spec::Tuple, spec::Flow>& flows) const;
  /// An ICMP error about a packet of it.
  Arrival some_error(Dice& dice, const spec::Tuple& inner, const std::map<spec::Tuple, spec::Flow>& flows) const;
  spec::Tuple some_tuple(Dice& dice) const;
  /// A flow with that outer tuple was opened.
  void remember(const spec::Tuple& inner, const spec::Tuple& outer) { last_outer_[inner] = outer; }
  /// A datagram left in fragments with that identification.
  void remember(const spec::Tuple& outer, unsigned identification) { last_identification_[outer] = identification; }

 private:
  Arrival outbound(Dice& dice, const spec::Tuple& inner, const spec::Flow* flow) const;
  Arrival inbound(Dice& dice, const spec::Tuple& outer, const spec::Flow* flow) const;
  spec::Tuple outer_of(Dice& dice, const spec::Tuple& inner, const spec::Flow* flow) const;

  Cast cast_;
  std::map<spec::Tuple, spec::Tuple> last_outer_;
  std::map<spec::Tuple, unsigned> last_identification_;  ///< by outer tuple
};

}  // namespace hypernat::model
