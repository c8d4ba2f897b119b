// The database underneath: statements that are kept, and parts of a transaction that are undone alone.
#include <gtest/gtest.h>

#include "control/store/sqlite.h"

namespace hypernat::control {
namespace {

class Store : public ::testing::Test {
 protected:
  Store() { database.run_script("CREATE TABLE numbers (number INTEGER PRIMARY KEY) STRICT"); }
  void add(int number) { database.run("INSERT INTO numbers VALUES (?1)", number); }
  std::vector<int> all() {
    auto rows = database.query("SELECT number FROM numbers ORDER BY number");
    std::vector<int> numbers;
    while (rows.step()) numbers.push_back(rows.as<int>(0));
    return numbers;
  }
  Database database{":memory:"};
};

TEST_F(Store, reads_through_a_statement_that_is_being_read_already) {
  for (const int number : {1, 2, 3}) add(number);
  std::vector<int> seen;
  auto outer = database.query("SELECT number FROM numbers ORDER BY number");
  while (outer.step()) {
    EXPECT_EQ(all(), (std::vector<int>{1, 2, 3}));
    seen.push_back(outer.as<int>(0));
  }
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

TEST_F(Store, uses_a_statement_again_after_it_failed_or_was_left) {
  add(1);
  EXPECT_THROW(add(1), DatabaseError);
  add(2);
  EXPECT_TRUE(database.query("SELECT number FROM numbers WHERE number = ?1", 2).step());
  EXPECT_FALSE(database.query("SELECT number FROM numbers WHERE number = ?1", 3).step());
  EXPECT_THROW(database.query("SELECT nothing FROM numbers"), DatabaseError);
  database.run_script("ALTER TABLE numbers ADD COLUMN name TEXT");
  EXPECT_EQ(all(), (std::vector<int>{1, 2})) << "a table that changed is no surprise";
}

TEST_F(Store, binds_nothing_of_the_time_before) {
  const char* sql = "SELECT ?1 IS NULL";
  EXPECT_EQ(
      [&] {
        auto row = database.query(sql, 5);
        row.step();
        return row.integer(0);
      }(),
      0);
  EXPECT_EQ(
      [&] {
        auto row = database.query(sql);
        row.step();
        return row.integer(0);
      }(),
      1);
}

TEST_F(Store, undoes_a_part_and_keeps_the_others) {
  Transaction transaction(database);
  {
    Savepoint part(database);
    add(1);
    part.keep();
  }
  {
    Savepoint part(database);
    add(2);
    part.undo();
  }
  {
    const Savepoint part(database);
    add(3);
  }
  add(4);
  transaction.commit();
  EXPECT_EQ(all(), (std::vector<int>{1, 4}));
}

TEST_F(Store, says_so_when_the_whole_transaction_is_gone) {
  Transaction transaction(database);
  Savepoint part(database);
  add(1);
  database.run("ROLLBACK");  // as SQLite does when a disk is full
  EXPECT_THROW(part.undo(), DatabaseError);
  EXPECT_TRUE(all().empty());
}

}  // namespace
}  // namespace hypernat::control
