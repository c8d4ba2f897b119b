#include "config/types.h"

#include <gtest/gtest.h>

namespace hypernat {
namespace types {

TEST(Ipv4AddressText, round_trips) {
  for (const char* text : {"0.0.0.0", "10.0.1.10", "255.255.255.255"}) {
    const auto address = parse_ipv4_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), text);
  }
}

TEST(Ipv4AddressText, refuses_what_is_not_four_plain_octets) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "-1.2.3.4", "1..2.3"})
    EXPECT_FALSE(parse_ipv4_address(text)) << '"' << text << '"';
}

TEST(Ipv4AddressOrder, is_that_of_the_numbers_a_person_reads) {
  EXPECT_LT(Ipv4Address::of(9, 255, 255, 255), Ipv4Address::of(10, 0, 0, 0));
  EXPECT_LT(L4Port::from_host(255), L4Port::from_host(256));
}

TEST(Ipv4PrefixText, refuses_host_bits_and_bad_lengths) {
  EXPECT_EQ(to_string(parse_ipv4_prefix("10.0.1.0/24").value()), "10.0.1.0/24");
  EXPECT_EQ(to_string(parse_ipv4_prefix("0.0.0.0/0").value()), "0.0.0.0/0");
  for (const char* text : {"10.0.1.1/24", "10.0.1.0", "10.0.1.0/33", "10.0.1.0/", "10.0.1.0/24x", "10.0.1.0/08"})
    EXPECT_FALSE(parse_ipv4_prefix(text)) << text;
}

TEST(Ipv4PrefixRange, contains_its_first_and_last_address_only) {
  const auto prefix = parse_ipv4_prefix("10.0.1.0/24").value();
  EXPECT_TRUE(prefix.contains(Ipv4Address::of(10, 0, 1, 0)));
  EXPECT_TRUE(prefix.contains(Ipv4Address::of(10, 0, 1, 255)));
  EXPECT_FALSE(prefix.contains(Ipv4Address::of(10, 0, 2, 0)));
  EXPECT_FALSE(prefix.contains(Ipv4Address::of(10, 0, 0, 255)));
  EXPECT_TRUE(Ipv4Prefix{}.contains(prefix));
  EXPECT_EQ(prefix.last(), Ipv4Address::of(10, 0, 1, 255));
}

TEST(MacAddressText, round_trips_and_refuses_the_rest) {
  EXPECT_EQ(to_string(parse_mac_address("02:00:5e:10:00:ff").value()), "02:00:5e:10:00:ff");
  for (const char* text :
       {"", "02:00:5e:10:00", "02:00:5e:10:00:ff:00", "02-00-5e-10-00-ff", "0x:00:5e:10:00:ff", "2:0:5e:10:0:ff"})
    EXPECT_FALSE(parse_mac_address(text)) << text;
}

}  // namespace types
}  // namespace hypernat
