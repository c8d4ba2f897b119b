// Where the two planes meet: one table, and one status per data plane.
//
// The table is replaced as a whole and read as a whole; nobody watches, everybody asks on a beat. A directory is the
// store that needs nothing installed; a cluster puts etcd behind the same four calls.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hypernat::config {

/// How full one interface is: the share of its ports in use towards the fullest remote endpoint.
struct PortUse {
  std::string interface_id;
  std::uint32_t ports_in_use = 0;  ///< of kInterfacePorts, towards the fullest remote endpoint
  std::uint64_t exhausted = 0;     ///< openings refused since start because no port was left
  bool operator==(const PortUse&) const = default;
};

/// What a data plane says of itself on every beat.
struct DataplaneStatus {
  std::string node;
  std::uint64_t epoch = 0;
  std::uint64_t generation = 0;                  ///< of the table in use; 0: none yet
  std::string table_sha256;                      ///< of the table in use
  std::int64_t unix_milliseconds = 0;            ///< when the status was written
  std::uint64_t beat_milliseconds = 0;           ///< how often it is written
  std::string refusal;                           ///< why the store's table is not in use; empty: it is
  std::vector<PortUse> port_use;                 ///< interfaces with any port in use, fullest first, at most 1,024
  std::vector<std::uint16_t> stalled_workers{};  ///< numbers of those that do not poll
  bool operator==(const DataplaneStatus&) const = default;
};

class Store {
 public:
  virtual ~Store() = default;

  /// Replaces the table atomically and durably: a reader sees the old bytes or the new ones. Throws std::system_error.
  virtual void publish(std::span<const std::byte> table) = 0;
  /// The bytes last published, or nothing when none ever were. Throws std::system_error.
  virtual std::optional<std::vector<std::byte>> fetch() = 0;
  /// Replaces this node's status atomically. Throws std::system_error.
  virtual void report(const DataplaneStatus& status) = 0;
  /// Every node's last status, sorted by node; a file that cannot be understood is left out. Throws std::system_error.
  virtual std::vector<DataplaneStatus> statuses() = 0;
};

/// `directory/table` and `directory/status/<node>.json`; makes the directories. Throws std::system_error.
std::unique_ptr<Store> open_directory_store(const std::filesystem::path& directory);

std::string to_json(const DataplaneStatus& status);
/// Throws std::invalid_argument naming the member that is missing or of the wrong type.
DataplaneStatus status_from_json(std::string_view text);

}  // namespace hypernat::config
