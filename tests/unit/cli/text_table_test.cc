#include "control/cli/text_table.h"
#include "config/json.h"

#include <gtest/gtest.h>

namespace hypernat::cli {
namespace {

TEST(TextTable, AlignsColumnsAndPutsNumbersToTheRight) {
  TextTable table({"NAME", "COUNT", "NOTE"});
  table.add({"a", "5", "x"});
  table.add({"längst", "1234"});
  EXPECT_EQ(table.to_string(),
            "NAME    COUNT  NOTE\n"
            "a           5  x\n"
            "längst   1234\n");
}

TEST(TextTable, PutsFractionsToTheRightAndAddressesToTheLeft) {
  TextTable table({"A", "B"});
  table.add({"0.250", "10.0.1.4"});
  table.add({"1000.000", "10.0.1.10"});
  table.add({"?", ""});
  EXPECT_EQ(table.to_string(),
            "       A  B\n"
            "   0.250  10.0.1.4\n"
            "1000.000  10.0.1.10\n"
            "       ?\n");
}

TEST(TextTable, WithoutRowsIsItsHeading) {
  EXPECT_EQ(TextTable({"A", "B"}).to_string(), "A  B\n");
}

TEST(PlainText, ShowsValuesAsAPersonWritesThem) {
  EXPECT_EQ(plain_text("text"), "text");
  EXPECT_EQ(plain_text(7), "7");
  EXPECT_EQ(plain_text(true), "yes");
  EXPECT_EQ(plain_text(nullptr), "");
  EXPECT_EQ(plain_text({"a", "b"}), "a, b");
  EXPECT_EQ(member_text({{"Id", 1}}, "Id"), "1");
  EXPECT_EQ(member_text({{"Id", 1}}, "Name"), "");
}

}  // namespace
}  // namespace hypernat::cli
