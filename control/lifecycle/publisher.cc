#include "control/lifecycle/publisher.h"

#include <algorithm>
#include <system_error>

#include "control/lifecycle/journal.h"
#include "control/lifecycle/table_builder.h"
#include "control/store/counters.h"
#include "control/store/mapping_store.h"

namespace hypernat::control {

void Publisher::publish(TimePoint now) {
  std::string problem;
  try {
    if (!is_compared_) compare_with_store(now);
    if (database_.total_changes() != changes_seen_ || (!is_in_store_ && bytes_.empty())) prepare();
    if (!is_in_store_) {
      store_.publish(bytes_);
      ++published_.tables;
      published_.bytes += bytes_.size();
      is_in_store_ = true;
      bytes_.clear();
      const auto publication = read_publication(database_);
      log_line("published generation " + std::to_string(publication.generation) + " of epoch " +
               std::to_string(publication.epoch) + ", SHA-256 " + publication.table_sha256);
    }
  } catch (const std::system_error& error) {
    problem = std::string("the store cannot be used: ") + error.what();
  } catch (const config::TableError& error) {
    problem = std::string("the table would not validate: ") + error.what();
  }
  if (!problem.empty() && problem != problem_) log_warning(problem);
  problem_ = problem;
}

// A store that is ahead of the database, or says something else by the same number, is what a database restored from
// an older copy finds: its numbers have been used, so it starts a new epoch.
void Publisher::compare_with_store(TimePoint now) {
  const auto publication = read_publication(database_);
  const auto stored = store_.fetch();
  is_in_store_ = stored && publication.generation > 0 && config::sha256_hex(*stored) == publication.table_sha256;
  if (stored && !is_in_store_) {
    try {
      const auto table = config::read_table(*stored);
      if (std::pair(table.epoch, table.generation) >= std::pair(publication.epoch, publication.generation)) {
        const auto epoch = std::max(static_cast<std::uint64_t>(to_milliseconds(now)), table.epoch + 1);
        log_warning("the store holds generation " + std::to_string(table.generation) + " of epoch " +
                    std::to_string(table.epoch) + ", which this database did not write; starting epoch " +
                    std::to_string(epoch));
        Transaction transaction(database_);
        start_epoch(database_, epoch);
        transaction.commit();
      }
    } catch (const config::TableError& error) {
      log_warning(std::string("the store's table cannot be read and will be replaced: ") + error.what());
    }
  }
  if (!is_in_store_) changes_seen_ = -1;
  is_compared_ = true;
}

// Builds the table; gives it the next generation when it differs from the one given last.
void Publisher::prepare() {
  const auto changes = database_.total_changes();
  auto publication = read_publication(database_);
  auto table = build_table(database_);
  std::vector<std::byte> bytes;
  if (publication.generation > 0) bytes = config::write_table(table);
  if (publication.generation == 0 || config::sha256_hex(bytes) != publication.table_sha256) {
    table.generation = ++publication.generation;
    bytes = config::write_table(table);
    publication.table_sha256 = config::sha256_hex(bytes);
    Transaction transaction(database_);
    write_publication(database_, publication);
    set_first_generation(database_, publication.generation);
    transaction.commit();
    is_in_store_ = false;
    changes_seen_ = database_.total_changes();
  } else {
    changes_seen_ = changes;
  }
  if (!is_in_store_) bytes_ = std::move(bytes);
}

}  // namespace hypernat::control
