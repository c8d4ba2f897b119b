#include "control/workerhost/netlink.h"

#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <stdexcept>

namespace hypernat::workerhost {
namespace {

TEST(NetlinkMessage, AttributesAreAlignedAndNestsCoverWhatIsInThem) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE, "make a device");
  message.header<ifinfomsg>().ifi_index = 7;
  message.put_string(1, "ab");
  message.nest(2, [&] { message.put_value(3, std::uint16_t{0x1234}); });
  message.put_value(4, std::uint32_t{5});
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.bytes().data());
  EXPECT_EQ(header->nlmsg_type, RTM_NEWLINK);
  EXPECT_EQ(header->nlmsg_flags, NLM_F_CREATE | NLM_F_REQUEST);
  EXPECT_EQ(header->nlmsg_len, sizeof(nlmsghdr) + sizeof(ifinfomsg) + 8 + 12 + 8);

  const auto* first = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(header, sizeof(ifinfomsg)));
  EXPECT_EQ(mnl_attr_get_type(first), 1);
  EXPECT_STREQ(mnl_attr_get_str(first), "ab");
  const nlattr* nest = mnl_attr_next(first);
  EXPECT_EQ(mnl_attr_get_type(nest), 2);
  EXPECT_NE(nest->nla_type & NLA_F_NESTED, 0);
  const auto* inner = static_cast<const nlattr*>(mnl_attr_get_payload(nest));
  EXPECT_EQ(mnl_attr_get_type(inner), 3);
  EXPECT_EQ(mnl_attr_get_u16(inner), 0x1234);
  const nlattr* last = mnl_attr_next(nest);
  EXPECT_EQ(mnl_attr_get_type(last), 4);
  EXPECT_EQ(mnl_attr_get_u32(last), 5U);
}

TEST(NetlinkMessage, ARequestThatOutgrowsItsBufferIsRefusedByName) {
  NetlinkMessage message(RTM_NEWLINK, 0, "make a device");
  try {
    message.put_string(1, std::string(4096, 'x'));
    FAIL();
  } catch (const std::length_error& error) {
    EXPECT_STREQ(error.what(), "cannot make a device: the request is larger than its buffer");
  }
}

TEST(NetlinkSocket, ARefusalSaysWhatWasAskedAndWhy) {
  NetlinkMessage message(RTM_NEWLINK, 0, "bring up device 999999999");
  message.header<ifinfomsg>().ifi_index = 999'999'999;
  try {
    NetlinkSocket().execute(std::move(message));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(std::string(error.what()).find("cannot bring up device 999999999"), 0U) << error.what();
    EXPECT_NE(error.code().value(), 0);
  }
}

}  // namespace
}  // namespace hypernat::workerhost
