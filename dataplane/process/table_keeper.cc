#include "dataplane/process/table_keeper.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

namespace hypernat::dataplane {
namespace {

// How long a beat waits for the workers to switch, so that its own status tells of it already.
constexpr int kAdoptionRounds = 100;
constexpr std::chrono::milliseconds kAdoptionRound{1};

std::string name_of(const config::Table& table) {
  return "epoch " + std::to_string(table.epoch) + ", generation " + std::to_string(table.generation);
}

}  // namespace

TableKeeper::TableKeeper(config::Store& store, TableCompiler::Options limits, TableReaders readers)
    : store_(store),
      compiler_(std::move(limits)),
      readers_(std::move(readers)),
      current_(compiler_.compile(config::Table{}, "")) {
  readers_.publish(current_.get());
}

std::shared_ptr<const Tables> TableKeeper::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::string TableKeeper::refusal() const {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

void TableKeeper::refuse(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (reason == refusal_) return;
  if (!reason.empty()) spdlog::warn("table not taken: {}; generation {} stays", reason, current_->generation);
  refusal_ = reason;
}

// Frees what nobody reads any more, and gives slots back when no flow holds them.
void TableKeeper::retire() {
  if (previous_ && readers_.all_adopted(current_.get())) previous_.reset();
  if (reclaimed_ || !readers_.all_swept(current_.get())) return;
  compiler_.reclaim();
  reclaimed_ = true;
}

void TableKeeper::pull() {
  retire();
  try {
    auto bytes = store_.fetch();
    if (bytes) {
      consider(std::move(*bytes));
    } else {
      refuse("the store holds no table");
    }
  } catch (const config::TableError& error) {
    refuse(error.what());
  } catch (const std::system_error& error) {
    refuse(std::string("the store does not answer: ") + error.what());
  }
}

void TableKeeper::consider(std::vector<std::byte> bytes) {
  const config::Table table = config::read_table(bytes);
  std::string sha256 = config::sha256_hex(bytes);
  if (sha256 == current_->sha256) return refuse("");
  const auto number = std::pair(table.epoch, table.generation);
  const auto in_use = std::pair(current_->epoch, current_->generation);
  if (number == in_use) return refuse(name_of(table) + " is in use already, with other content");
  if (number < in_use) return refuse(name_of(table) + " is older than the one in use");
  if (previous_) return;  // some worker has not switched yet: next beat
  use(compiler_.compile(table, std::move(sha256)));
}

void TableKeeper::use(std::shared_ptr<const Tables> tables) {
  previous_ = std::exchange(tables, nullptr);
  {
    const std::lock_guard lock(mutex_);
    std::swap(current_, previous_);
    refusal_.clear();
  }
  reclaimed_ = false;
  readers_.publish(current_.get());
  spdlog::info("table: epoch {}, generation {}, {}: in use", current_->epoch, current_->generation, current_->sha256);
  for (int round = 0; round < kAdoptionRounds && !readers_.all_adopted(current_.get()); ++round) {
    std::this_thread::sleep_for(kAdoptionRound);
  }
  retire();
}

// The generation that is reported is one that every worker uses.
void TableKeeper::report(config::DataplaneStatus status) {
  const Tables& used = readers_.all_adopted(current_.get()) || !previous_ ? *current_ : *previous_;
  status.epoch = used.epoch;
  status.generation = used.generation;
  status.table_sha256 = used.sha256;
  status.refusal = refusal();
  try {
    store_.report(status);
    status_failed_ = false;
  } catch (const std::system_error& error) {
    if (!status_failed_) spdlog::error("the status can not be written: {}", error.what());
    status_failed_ = true;
  }
}

}  // namespace hypernat::dataplane
