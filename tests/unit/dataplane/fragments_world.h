// A gathering for tests: fragments go in as bytes, and what became of each is known by the order of their arrival.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/fragments/gathering.h"
#include "tests/packet/fragments.h"

namespace hypernat::dataplane {

class FragmentsWorld {
 public:
  FragmentsWorld() : FragmentsWorld(Gathering::Options{}) {}
  explicit FragmentsWorld(Gathering::Options options, Identifications::Options identifications = {.secret = {7, 8}})
      : identifications_(identifications) {
    options.secret = {1, 2, 3, 4};
    gathering_ = Gathering::create(options, identifications_);
    if (!gathering_) throw std::runtime_error("no memory for a gathering");
  }

  struct Way {
    Side side = Side::kInside;
    std::uint32_t number = 1;  ///< mapping or subnet
    std::uint32_t tenant = 0;
  };

  /// "goes", "held", or the name of the drop. Buffers that leave are sorted into `went` and `died`.
  std::string arrive(const craft::Bytes& bytes, const Way& way) {
    const auto buffer = static_cast<std::uintptr_t>(arrived_.size() + 1);
    auto& kept = arrived_.emplace_back();
    kept.bytes = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), kept.bytes.get());
    Packet& packet = kept.packet;
    packet.side = way.side;
    packet.ip = reinterpret_cast<Ipv4Header*>(kept.bytes.get());
    packet.l4 = kept.bytes.get() + packet.ip->header_length();
    packet.l4_length = static_cast<std::uint16_t>(bytes.size() - packet.ip->header_length());
    packet.protocol = static_cast<Protocol>(packet.ip->protocol);
    packet.src = packet.ip->src();
    packet.dst = packet.ip->dst();
    packet.fragment = craft::offset_of(bytes) == 0 ? Fragment::kFirst : Fragment::kLater;
    const Gathering::Arrival arrival =
        gathering_->arrive(packet, {.number = way.number, .tenant = way.tenant, .outside = 1, .outside_id = 5000},
                           reinterpret_cast<void*>(buffer), now);
    std::string result = "held";
    if (arrival == Gathering::Arrival::kKnown) {
      went[buffer] = packet.datagram;
      result = "goes";
    } else if (arrival == Gathering::Arrival::kRefused) {
      result = name_of(packet.drop);
    } else {
      held.insert(buffer);
    }
    collect();
    return result;
  }
  std::string arrive(const craft::Bytes& bytes) { return arrive(bytes, Way{}); }

  void expire() {
    gathering_->expire(now);
    collect();
  }

  Gathering& gathering() { return *gathering_; }
  std::size_t arrived() const { return arrived_.size(); }
  Tick now = 1000;
  std::map<std::uintptr_t, DatagramMark> went;  ///< by number of arrival, from 1; with what is known of the datagram
  std::map<std::uintptr_t, std::string> died;   ///< of those that were held
  std::set<std::uintptr_t> held;

 private:
  struct Arrived {
    std::unique_ptr<std::uint8_t[]> bytes;
    Packet packet;
  };

  void collect() {
    while (gathering_->anything_leaves()) {
      const Gathering::Leaving leaving = gathering_->next_leaving();
      const auto buffer = reinterpret_cast<std::uintptr_t>(leaving.buffer);
      if (held.erase(buffer) != 1) throw std::logic_error("a buffer left that was not held");
      if (leaving.drop)
        died[buffer] = name_of(*leaving.drop);
      else
        went[buffer] = leaving.mark;
    }
    if (gathering_->held() != held.size()) throw std::logic_error("the number of held buffers is wrong");
  }

  Identifications identifications_;
  std::unique_ptr<Gathering> gathering_;
  std::deque<Arrived> arrived_;
};

}  // namespace hypernat::dataplane
