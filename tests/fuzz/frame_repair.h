// Sets the checksums of a frame right, as far as it has packets in it, so that mutations reach what lies behind them.
#pragma once

#include "tests/packet/craft.h"

namespace hypernat::fuzz {

/// The IPv4 header behind Ethernet and an 802.1Q tag, the TCP or ICMP checksum behind it, a UDP checksum unless it is
/// zero; and the same of the frame in a tunnel. Whatever is cut short or lies about its length is left as it is.
void repair_checksums(craft::Bytes& frame);

}  // namespace hypernat::fuzz
