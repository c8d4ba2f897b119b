#include "control/lifecycle/publisher.h"

#include <algorithm>
#include <system_error>

#include "control/lifecycle/journal.h"
#include "control/lifecycle/table_builder.h"
#include "control/store/counters.h"
#include "control/store/interface_store.h"

namespace hypernat::control {
namespace {

// Gives a lock up for as long as this lives.
class Unlocked {
 public:
  explicit Unlocked(std::unique_lock<std::mutex>& lock) : lock_(lock) { lock_.unlock(); }
  ~Unlocked() { lock_.lock(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  std::unique_lock<std::mutex>& lock_;
};

}  // namespace

void Publisher::publish(std::unique_lock<std::mutex>& lock, TimePoint wall) {
  std::string problem;
  try {
    if (!is_compared_) compare_with_store(lock, wall);
    if (read_content_version(database_) != version_seen_ || (!is_in_store_ && bytes_.empty())) prepare(lock);
    if (!is_in_store_) {
      {
        const Unlocked unlocked(lock);
        store_.publish(bytes_);
      }
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
void Publisher::compare_with_store(std::unique_lock<std::mutex>& lock, TimePoint wall) {
  is_compared_ = true;  // before the lock is given up: somebody may come to distrust it again
  const auto publication = read_publication(database_);
  std::optional<std::vector<std::byte>> stored;
  std::string stored_sha256;
  try {
    const Unlocked unlocked(lock);
    stored = store_.fetch();
    if (stored) stored_sha256 = config::sha256_hex(*stored);
  } catch (...) {
    is_compared_ = false;
    throw;
  }
  is_in_store_ = stored && publication.generation > 0 && stored_sha256 == publication.table_sha256;
  if (stored && !is_in_store_) {
    try {
      const auto table = config::read_table(*stored);
      if (std::pair(table.epoch, table.generation) >= std::pair(publication.epoch, publication.generation)) {
        const auto epoch = std::max(static_cast<std::uint64_t>(to_milliseconds(wall)), table.epoch + 1);
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
  if (!is_in_store_) version_seen_ = -1;
}

// Builds the table; gives it the next generation when it differs from the one given last.
void Publisher::prepare(std::unique_lock<std::mutex>& lock) {
  const auto version = read_content_version(database_);
  auto content = read_table_content(database_);
  if (content.warnings != warnings_)
    for (const auto& warning : content.warnings) log_warning(warning);
  warnings_ = content.warnings;
  const auto next_uid = read_next_uid(database_);
  auto publication = read_publication(database_);
  std::vector<std::byte> bytes;
  bool is_new = publication.generation == 0;
  {
    const Unlocked unlocked(lock);
    auto table = make_table(std::move(content));
    if (!is_new) {
      bytes = config::write_table(table);
      is_new = config::sha256_hex(bytes) != publication.table_sha256;
    }
    if (is_new) {
      table.generation = ++publication.generation;
      bytes = config::write_table(table);
      publication.table_sha256 = config::sha256_hex(bytes);
    }
  }
  if (is_new || has_interfaces_to_publish(database_, next_uid)) {
    Transaction transaction(database_);
    write_publication(database_, publication);
    set_first_generation(database_, publication.generation, next_uid);
    transaction.commit();
  }
  if (is_new) is_in_store_ = false;
  version_seen_ = version;
  if (!is_in_store_) bytes_ = std::move(bytes);
}

}  // namespace hypernat::control
