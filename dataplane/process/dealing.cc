#include "dataplane/process/dealing.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace hypernat::dataplane {
namespace {

struct Hand {
  unsigned lcore = 0;
  std::size_t now = 0;   ///< workers that it has
  std::size_t room = 0;  ///< for how many more
};

// Those that have most now may have the one more.
std::vector<Hand> make_hands(std::span<const unsigned> now, std::span<const unsigned> lcores) {
  std::vector<Hand> hands;
  hands.reserve(lcores.size());
  for (const unsigned lcore : lcores) {
    const auto held = static_cast<std::size_t>(std::count(now.begin(), now.end(), lcore));
    hands.push_back({.lcore = lcore, .now = held, .room = now.size() / lcores.size()});
  }
  std::vector<Hand*> fullest;
  fullest.reserve(hands.size());
  for (Hand& hand : hands) fullest.push_back(&hand);
  std::stable_sort(fullest.begin(), fullest.end(), [](const Hand* a, const Hand* b) { return a->now > b->now; });
  for (std::size_t i = 0; i < now.size() % lcores.size(); ++i) ++fullest[i]->room;
  return hands;
}

class Deal {
 public:
  Deal(std::span<const unsigned> now, std::span<const unsigned> lcores)
      : now_(now), hands_(make_hands(now, lcores)), dealt_(now.size(), kNoLcore) {}

  std::vector<unsigned> dealt() {
    // Who may stay stays; first those whom the round would put where they are, so that the workers with the lone queues
    // of devices, who come first, do not stay together.
    for (std::size_t worker = 0; worker < now_.size(); ++worker)
      if (round(worker).lcore == now_[worker]) take(worker, round(worker));
    for (std::size_t worker = 0; worker < now_.size(); ++worker)
      for (Hand& hand : hands_)
        if (hand.lcore == now_[worker]) take(worker, hand);
    for (std::size_t worker = 0; worker < now_.size(); ++worker)
      for (std::size_t i = 0; i < hands_.size(); ++i) take(worker, round(worker + i));
    return dealt_;
  }

 private:
  Hand& round(std::size_t worker) { return hands_[worker % hands_.size()]; }

  void take(std::size_t worker, Hand& hand) {
    if (dealt_[worker] != kNoLcore || hand.room == 0) return;
    dealt_[worker] = hand.lcore;
    --hand.room;
  }

  std::span<const unsigned> now_;
  std::vector<Hand> hands_;
  std::vector<unsigned> dealt_;
};

}  // namespace

std::vector<unsigned> deal_workers(std::span<const unsigned> now, std::span<const unsigned> lcores) {
  assert(!lcores.empty() && lcores.size() <= now.size());
  return Deal(now, lcores).dealt();
}

}  // namespace hypernat::dataplane
