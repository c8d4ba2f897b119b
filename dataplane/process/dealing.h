// Which lcore runs which worker: as many each, or one more, with as few moves as that takes.
#pragma once

#include <span>
#include <vector>

namespace hypernat::dataplane {

/// The lcore of a worker that nobody runs yet.
inline constexpr unsigned kNoLcore = ~0U;

/// The lcore of each worker. `now` has the same for the present; `lcores` are distinct, at least one and no more than
/// workers. Dealt for the first time, worker n goes to lcore n, round and round.
std::vector<unsigned> deal_workers(std::span<const unsigned> now, std::span<const unsigned> lcores);

}  // namespace hypernat::dataplane
