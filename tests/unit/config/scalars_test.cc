// Single values: names, quoting, durations, addresses that something can have.
#include "config/scalars.h"

#include <gtest/gtest.h>

#include "config/names.h"

namespace hypernat::config {
namespace scalars {

using namespace std::chrono_literals;

TEST(Name, IsSafeAsAFileNameAndInAUrl) {
  for (const char* name : {"a", "9", "dp1", "subnet-0a1b", "a.b_c-d", "eu-west-3"}) EXPECT_TRUE(is_name(name)) << name;
  for (const char* name : {"", ".", "..", "-a", "_a", "a b", "a/b", "a\n", "a%", "\xc3\xa9"})
    EXPECT_FALSE(is_name(name));
  EXPECT_TRUE(is_name(std::string(kMaxNameLength, 'a')));
  EXPECT_FALSE(is_name(std::string(kMaxNameLength + 1, 'a')));
  EXPECT_FALSE(is_name(std::string_view("a\0b", 3)));
}

TEST(Account, IsTwelveDigits) {
  EXPECT_TRUE(is_account("000000000042"));
  for (const char* text : {"", "11112222333", "1111222233334", "11112222333a", "-11112222333", "1111 2222333"}) {
    EXPECT_FALSE(is_account(text)) << text;
  }
}

TEST(Quote, ShortensWithoutCuttingACharacter) {
  EXPECT_EQ(quote("text"), "\"text\"");
  EXPECT_EQ(quote("a\tb\x7f"), "\"a?b?\"");
  EXPECT_EQ(quote(std::string(60, 'a')), "\"" + std::string(60, 'a') + "\"");
  EXPECT_EQ(quote(std::string(61, 'a')), "\"" + std::string(60, 'a') + "…\"");
  EXPECT_EQ(quote(std::string(59, 'a') + "é and more"), "\"" + std::string(59, 'a') + "…\"");
}

TEST(Duration, IsDigitsAndAUnit) {
  EXPECT_EQ(parse_duration("50us"), 50us);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("3m"), 3min);
  EXPECT_EQ(parse_duration("4h"), 4h);
  EXPECT_EQ(parse_duration("14d"), 14 * 24h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  for (const char* text : {"", "5", "s", "-5s", "+5s", "5 s", "5.5s", "5S", "5sec", "0x5s", "106751992d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, IsPrintedSoThatItReadsBack) {
  for (const auto duration : {0us, 1us, 1'500us, 250'000us, 90'000'000us, 7'200'000'000us, 86'400'000'000us}) {
    EXPECT_EQ(parse_duration(print_duration(duration)), duration) << print_duration(duration);
  }
  EXPECT_EQ(print_duration(90s), "90s");
  EXPECT_EQ(print_duration(120s), "2m");
}

TEST(Ipv4Address, IsUnicastWhenSomethingCanHaveIt) {
  for (const char* text : {"1.0.0.0", "10.0.0.1", "126.255.255.255", "128.0.0.0", "169.254.1.1", "223.255.255.255"}) {
    EXPECT_TRUE(parse_ipv4_address(text)->is_unicast()) << text;
  }
  for (const char* text : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"}) {
    EXPECT_FALSE(parse_ipv4_address(text)->is_unicast()) << text;
  }
}

}  // namespace scalars
}  // namespace hypernat::config
