// SQLite, as the control plane uses it: one connection, statements bound by position and prepared once, transactions
// that roll back unless committed.
//
// Everything throws DatabaseError, which names the statement. The connection is not shared between threads without a
// lock around it.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace hypernat::control {

class DatabaseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A statement that its connection keeps for the next time; one use at a time.
struct KeptStatement {
  sqlite3_stmt* statement = nullptr;
  bool is_in_use = false;
};

class Statement {
 public:
  /// One that goes with this object.
  Statement(sqlite3* connection, std::string_view sql);
  /// One that is kept; it must not be in use.
  explicit Statement(KeptStatement& kept);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;

  /// Values of ?1, ?2, …
  template <class... Values>
  void bind(const Values&... values) {
    int position = 0;
    (bind_one(++position, values), ...);
  }

  /// Moves to the next row; false: there is none.
  bool step();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;
  template <class Number>
  Number as(int column) const {
    return static_cast<Number>(integer(column));
  }

 private:
  template <std::integral Value>
  void bind_one(int position, Value value) {
    bind_integer(position, static_cast<std::int64_t>(value));
  }
  void bind_one(int position, std::string_view value);
  template <class Value>
  void bind_one(int position, const std::optional<Value>& value) {
    if (value) bind_one(position, *value);
  }
  void bind_integer(int position, std::int64_t value);
  void check(int code) const;

  sqlite3_stmt* statement_ = nullptr;
  KeptStatement* kept_ = nullptr;
};

class Database {
 public:
  /// Opens or makes the file in WAL mode with full synchronisation. ":memory:" is a database of its own.
  explicit Database(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// A statement with its values bound, to be stepped through.
  template <class... Values>
  Statement query(std::string_view sql, const Values&... values) {
    Statement statement = prepare(sql);
    statement.bind(values...);
    return statement;
  }

  /// Runs a statement that gives no rows.
  template <class... Values>
  void run(std::string_view sql, const Values&... values) {
    query(sql, values...).step();
  }

  /// Runs several statements, separated by semicolons.
  void run_script(const char* sql);

  /// Rows written since opening; equal numbers mean that nothing was changed in between.
  std::int64_t total_changes() const;

 private:
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Statement prepare(std::string_view sql);
  void close();

  sqlite3* connection_ = nullptr;
  std::unordered_map<std::string, KeptStatement, TextHash, std::equal_to<>> kept_;  ///< by their text
};

/// Taken immediately; undone unless `commit` was called. Transactions do not nest.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool is_open_ = true;
};

/// A part of a transaction that can be undone alone; undone unless `keep` was called. Savepoints do not nest.
class Savepoint {
 public:
  explicit Savepoint(Database& database);
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;

  void keep();
  /// Throws when the whole transaction is gone, as SQLite undoes one by itself when a disk is full.
  void undo();

 private:
  Database& database_;
  bool is_open_ = true;
};

}  // namespace hypernat::control
