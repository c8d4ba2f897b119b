// Keeps the store's table equal to the database.
//
// A generation is given in the database first and published afterwards, so that whatever happens in between, the same
// bytes are published in the end and no generation ever names two tables. Content that did not change keeps its
// generation. A store that fails is tried again on every beat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "config/store.h"
#include "control/lifecycle/clock.h"
#include "control/store/sqlite.h"

namespace hypernat::control {

/// What was given to the store since this process started.
struct Published {
  std::uint64_t tables = 0;
  std::uint64_t bytes = 0;
};

class Publisher {
 public:
  Publisher(Database& database, config::Store& store) : database_(database), store_(store) {}

  /// Publishes when the database's content differs from what was published last. Not inside a transaction; one call at
  /// a time. A failure is remembered and logged, not thrown. `lock` is that of the database: it is given up while a
  /// table is written or the store is used, so what is published is the database as it was at some moment of the call.
  void publish(std::unique_lock<std::mutex>& lock, TimePoint wall);
  /// The store's table is looked at again before the next publication: it may have been lost or replaced.
  void distrust_store() { is_compared_ = false; }

  /// Whether the store holds the generation last given.
  bool is_in_store() const { return is_in_store_; }
  const Published& published() const { return published_; }
  /// Why the store does not hold the database's content; empty when it does.
  const std::string& problem() const { return problem_; }

 private:
  void compare_with_store(std::unique_lock<std::mutex>& lock, TimePoint wall);
  void prepare(std::unique_lock<std::mutex>& lock);

  Database& database_;
  config::Store& store_;
  std::int64_t version_seen_ = -1;  ///< of the content when `prepare` last looked
  bool is_compared_ = false;        ///< the store's table has been compared with what was published last
  bool is_in_store_ = false;        ///< the store holds the generation last given
  std::vector<std::byte> bytes_;    ///< of the generation last given, until the store holds them
  std::string problem_;
  std::vector<std::string> warnings_;  ///< of the content last built
  Published published_;
};

}  // namespace hypernat::control
