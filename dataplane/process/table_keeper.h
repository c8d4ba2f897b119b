// The data plane's side of the store: on every beat the table is fetched, validated whole and, when it is a newer one,
// compiled and published to the workers; then the status goes back.
//
// The work is the same whether anything changed or not. A table that does not validate, or is older than the one in
// use, is refused whole and the reason is kept in the status; a store that does not answer changes nothing. Main lcore
// only, but for `current`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/store.h"
#include "dataplane/nat/table_compiler.h"
#include "dataplane/nat/tables.h"

namespace hypernat::dataplane {

/// How the keeper meets the workers.
struct TableReaders {
  std::function<void(const Tables*)> publish;      ///< to all of them; the pointer is good until they adopted another
  std::function<bool(const Tables*)> all_adopted;  ///< every worker uses it
  std::function<bool(const Tables*)> all_swept;    ///< and has no flow left of what is gone
};

class TableKeeper {
 public:
  TableKeeper(config::Store& store, TableCompiler::Options limits, TableReaders readers);

  /// Fetches and publishes. Throws nothing that the store or the table may be at fault for.
  void pull();
  /// Writes the status; `port_use` comes from the workers' counters.
  void report(config::DataplaneStatus status);

  /// Any thread: the tables last published; never null, generation 0 before the first.
  std::shared_ptr<const Tables> current() const;
  /// Why the store's table is not in use; empty: it is.
  std::string refusal() const;

 private:
  void retire();
  void consider(std::vector<std::byte> bytes);
  void use(std::shared_ptr<const Tables> tables);
  void refuse(const std::string& reason);

  config::Store& store_;
  TableCompiler compiler_;
  TableReaders readers_;
  std::shared_ptr<const Tables> previous_;  ///< may still be in use by a worker
  bool reclaimed_ = true;
  bool status_failed_ = false;

  mutable std::mutex mutex_;  ///< guards the two below, which telemetry reads
  std::shared_ptr<const Tables> current_;
  std::string refusal_;
};

}  // namespace hypernat::dataplane
