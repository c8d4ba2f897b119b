// What a packet that one NAT passes on to another carries between the workers: a Pass (packet.h), in its own buffer.
//
// A dynamic flag says whether there is one and a dynamic field of the mbuf holds it, so that the two can not be parted
// whatever ring the buffer goes by, and a full ring drops both. Packets that are merely handed to their home, nearly
// all that cross a ring, neither write nor read the field: devices and pools give out buffers with the flag clear. A
// ring of pairs would cost every packet its second word, and headroom is the encapsulation's.
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cstdint>
#include <optional>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

class PassMark {
 public:
  /// Reserves flag and field in every mbuf of the process; those reserved before serve again. Nothing when there is no
  /// room left: rte_errno says why.
  static std::optional<PassMark> reserve() {
    static constexpr rte_mbuf_dynfield kField = {
        .name = "hypernat_dynfield_pass", .size = sizeof(Pass), .align = alignof(Pass), .flags = 0};
    static constexpr rte_mbuf_dynflag kFlag = {.name = "hypernat_dynflag_pass", .flags = 0};
    const int offset = rte_mbuf_dynfield_register(&kField);
    const int bit = offset < 0 ? offset : rte_mbuf_dynflag_register(&kFlag);
    if (bit < 0) return std::nullopt;
    return PassMark(offset, std::uint64_t{1} << bit);
  }

  void put(rte_mbuf& mbuf, const Pass& pass) const {
    *RTE_MBUF_DYNFIELD(&mbuf, offset_, Pass*) = pass;
    mbuf.ol_flags |= flag_;
  }
  bool is_on(const rte_mbuf& mbuf) const { return (mbuf.ol_flags & flag_) != 0; }
  Pass read(const rte_mbuf& mbuf) const { return *RTE_MBUF_DYNFIELD(&mbuf, offset_, const Pass*); }
  void clear(rte_mbuf& mbuf) const { mbuf.ol_flags &= ~flag_; }

 private:
  PassMark(int offset, std::uint64_t flag) : offset_(offset), flag_(flag) {}
  int offset_;
  std::uint64_t flag_;
};

}  // namespace hypernat::dataplane
