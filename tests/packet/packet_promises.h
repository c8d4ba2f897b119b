// What the data plane promises of a packet that it forwards, checked by comparing the bytes before and after: whatever
// came in, only what translation is about has changed, and a checksum is as right or wrong as it was.
#pragma once

#include "dataplane/nat/tables.h"
#include "dataplane/packet/packet.h"
#include "tests/packet/craft.h"

namespace hypernat::dataplane {

/// `before`: the frame as it came; `packet` was forwarded, its bytes are those after.
void check_forwarded(const craft::Bytes& before, const Packet& packet, const Tables& tables);

/// What the NAT itself says of `packet`: a whole IPv4 packet with right checksums to whom it came from, a RST in the
/// name of whom it was for, or an error that quotes it.
void check_answer(const craft::Bytes& answer, const Packet& packet);

}  // namespace hypernat::dataplane
