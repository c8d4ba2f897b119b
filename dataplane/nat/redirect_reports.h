// What a worker has yet to tell the others about openings and flows that they passed to it.
//
// A place for each redirect that another worker can have, and in it the last word on it: what was to be said before is
// overtaken. So nothing is lost and nothing grows, however long a ring stays full. The worker's rings carry reports as
// single words, in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "dataplane/flow/memory.h"
#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

struct RedirectReport {
  enum class Kind : std::uint8_t {
    kOpened,    ///< the sender owns the flow
    kReleased,  ///< no flow: the opening failed, or the flow is gone
  };
  RedirectTicket ticket;
  Kind kind = Kind::kReleased;

  /// As it lies on a ring.
  std::uint64_t word() const { return std::uint64_t{static_cast<std::uint8_t>(kind)} << 32 | ticket.value; }
  static RedirectReport of_word(std::uint64_t word) {
    return {.ticket = {static_cast<std::uint32_t>(word)}, .kind = Kind{static_cast<std::uint8_t>(word >> 32)}};
  }
};

class RedirectReports {
 public:
  /// For `workers` with `redirects` each. False when the memory can not be had.
  bool allocate(std::uint16_t workers, std::uint32_t redirects) {
    redirects_ = redirects;
    const std::size_t places = std::size_t{workers} * redirects;
    return places == 0 || (places_.allocate(places) && queues_.allocate(places) && ends_.allocate(workers));
  }

  bool empty() const { return waiting_ == 0; }

  void add(std::uint16_t home, RedirectReport report) {
    const std::uint32_t number = report.ticket.number();
    Place& place = places_[place_of(home, number)];
    if (place.waits) {
      // The home has gone on since: nobody waits for what is older.
      if (is_older(report.ticket, place.report.ticket)) return;
      place.report = report;
      return;
    }
    place = {.report = report, .waits = true};
    Ends& ends = ends_[home];
    queues_[place_of(home, wrapped(ends.first + ends.count))] = number;
    ++ends.count;
    ++waiting_;
  }

  /// Copies the first that wait for `home`; returns how many.
  std::size_t peek(std::uint16_t home, std::span<RedirectReport> out) const {
    if (waiting_ == 0) return 0;
    const Ends& ends = ends_[home];
    const std::size_t count = std::min<std::size_t>(out.size(), ends.count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t number = queues_[place_of(home, wrapped(ends.first + i))];
      out[i] = places_[place_of(home, number)].report;
    }
    return count;
  }
  /// The first `count` of those are told.
  void told(std::uint16_t home, std::size_t count) {
    if (count == 0) return;
    Ends& ends = ends_[home];
    for (std::size_t i = 0; i < count; ++i) {
      places_[place_of(home, queues_[place_of(home, ends.first)])].waits = false;
      ends.first = wrapped(ends.first + 1);
    }
    ends.count -= static_cast<std::uint32_t>(count);
    waiting_ -= count;
  }

 private:
  struct Place {
    RedirectReport report;
    bool waits = false;
  };
  struct Ends {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  std::size_t place_of(std::uint16_t home, std::uint32_t number) const {
    return std::size_t{home} * redirects_ + number;
  }
  std::uint32_t wrapped(std::uint32_t position) const {
    return position < redirects_ ? position : position - redirects_;
  }
  // Serials wrap; two that meet here are close.
  static bool is_older(RedirectTicket a, RedirectTicket b) {
    constexpr std::uint32_t kHalf = 0x80000000;
    return ((a.value - b.value) & kHalf) != 0;  // of one number, so the difference is that of the serials
  }

  std::uint32_t redirects_ = 0;
  FixedArray<Place> places_;          ///< by home and number
  FixedArray<std::uint32_t> queues_;  ///< by home, round: numbers that wait
  FixedArray<Ends> ends_;             ///< by home: of its queue
  std::size_t waiting_ = 0;
};

}  // namespace hypernat::dataplane
