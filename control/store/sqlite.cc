#include "control/store/sqlite.h"

#include <sqlite3.h>

#include <utility>

namespace hypernat::control {

Statement::Statement(sqlite3* connection, std::string_view sql) {
  const int code = sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  if (code != SQLITE_OK)
    throw DatabaseError("database: " + std::string(sqlite3_errmsg(connection)) + " in: " + std::string(sql));
}

Statement::Statement(KeptStatement& kept) : statement_(kept.statement), kept_(&kept) {
  kept.is_in_use = true;
}

Statement::~Statement() {
  if (kept_ == nullptr) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);  // repeats the error of the last step, which was thrown
  sqlite3_clear_bindings(statement_);
  kept_->is_in_use = false;
}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), kept_(std::exchange(other.kept_, nullptr)) {}

void Statement::check(int code) const {
  if (code == SQLITE_OK) return;
  throw DatabaseError("database: " + std::string(sqlite3_errmsg(sqlite3_db_handle(statement_))) +
                      " in: " + sqlite3_sql(statement_));
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  check(code);
  return false;
}

void Statement::bind_integer(int position, std::int64_t value) {
  check(sqlite3_bind_int64(statement_, position, value));
}

void Statement::bind_one(int position, std::string_view value) {
  check(sqlite3_bind_text64(statement_, position, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(const std::filesystem::path& file) {
  const int code = sqlite3_open_v2(file.c_str(), &connection_,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (code != SQLITE_OK) {
    const std::string reason = connection_ != nullptr ? sqlite3_errmsg(connection_) : sqlite3_errstr(code);
    sqlite3_close(connection_);
    throw DatabaseError("database " + file.string() + ": " + reason);
  }
  try {
    sqlite3_busy_timeout(connection_, 5000);
    run_script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
  } catch (const DatabaseError& error) {
    close();
    throw DatabaseError("database " + file.string() + ": " + error.what());
  }
}

Database::~Database() {
  close();
}

void Database::close() {
  for (auto& [sql, kept] : kept_) sqlite3_finalize(kept.statement);
  sqlite3_close(connection_);
}

Statement Database::prepare(std::string_view sql) {
  auto place = kept_.find(sql);
  if (place == kept_.end()) {
    KeptStatement kept;
    const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &kept.statement, nullptr);
    if (code != SQLITE_OK)
      throw DatabaseError("database: " + std::string(sqlite3_errmsg(connection_)) + " in: " + std::string(sql));
    place = kept_.emplace(sql, kept).first;
  }
  if (place->second.is_in_use) return {connection_, sql};  // asked again while its rows are being read
  return Statement(place->second);
}

void Database::run_script(const char* sql) {
  char* message = nullptr;
  if (sqlite3_exec(connection_, sql, nullptr, nullptr, &message) == SQLITE_OK) return;
  const std::string reason = message != nullptr ? message : "unknown error";
  sqlite3_free(message);
  throw DatabaseError("database: " + reason + " in: " + sql);
}

std::int64_t Database::total_changes() const {
  return sqlite3_total_changes64(connection_);
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!is_open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const DatabaseError&) {
    // SQLite has rolled back by itself after errors such as a full disk.
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  is_open_ = false;
}

Savepoint::Savepoint(Database& database) : database_(database) {
  database_.run("SAVEPOINT part");
}

Savepoint::~Savepoint() {
  if (!is_open_) return;
  try {
    undo();
  } catch (const DatabaseError&) {
    // The whole transaction is gone, and this part with it.
  }
}

void Savepoint::keep() {
  database_.run("RELEASE part");
  is_open_ = false;
}

void Savepoint::undo() {
  is_open_ = false;
  database_.run("ROLLBACK TO part");
  database_.run("RELEASE part");
}

}  // namespace hypernat::control
