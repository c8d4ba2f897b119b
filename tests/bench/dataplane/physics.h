// What the memory of this machine allows: the least that a flow table of rte_hash has to do for a packet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/bench/dataplane/report.h"

namespace hypernat::bench {

/// A bare table: as many 16-byte keys as entries, in bursts of 64, and a 64-byte entry for each.
class Physics {
 public:
  /// Throws std::runtime_error when the memory can not be had.
  explicit Physics(std::uint32_t entries);
  ~Physics();
  Physics(const Physics&) = delete;
  Physics& operator=(const Physics&) = delete;

  /// Uniformly random keys: rte_hash_lookup_bulk_data, then read, change and write each entry.
  Figure measure(std::uint32_t run);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hypernat::bench
