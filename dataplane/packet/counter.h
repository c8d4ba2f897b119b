// A number that one thread counts and any thread reads.
//
// Readers may be late by a burst, never wrong by a lost update: nobody but the owner writes.
#pragma once

#include <atomic>
#include <cstdint>

namespace hypernat::dataplane {

class Counter {
 public:
  /// Owner only.
  void add(std::uint64_t amount = 1) { set(read() + amount); }
  /// Owner only.
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  /// Any thread.
  std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace hypernat::dataplane
