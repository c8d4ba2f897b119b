// What a packet carries from worker to worker beside its bytes, in its own buffer: a Pass when one NAT passes it on to
// another, a DatagramMark when it is a fragment that has been gathered (packet.h).
//
// A dynamic flag says whether there is one and a dynamic field of the mbuf holds it, so that the two can not be parted
// whatever ring the buffer goes by, and a full ring drops both. Packets that are merely handed to their home, nearly
// all that cross a ring, neither write nor read the field: devices and pools give out buffers with the flag clear. A
// ring of pairs would cost every packet its second word, and headroom is the encapsulation's.
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "dataplane/packet/packet.h"

namespace hypernat::dataplane {

/// By which DPDK knows them; unique in the process.
template <class Value>
struct MarkNames;
template <>
struct MarkNames<Pass> {
  static constexpr std::string_view kField = "hypernat_dynfield_pass";
  static constexpr std::string_view kFlag = "hypernat_dynflag_pass";
};
template <>
struct MarkNames<DatagramMark> {
  static constexpr std::string_view kField = "hypernat_dynfield_datagram";
  static constexpr std::string_view kFlag = "hypernat_dynflag_datagram";
};

template <class Value>
class BufferMark {
 public:
  /// Reserves flag and field in every mbuf of the process; those reserved before serve again. Nothing when there is no
  /// room left: rte_errno says why.
  static std::optional<BufferMark> reserve() {
    using Names = MarkNames<Value>;
    static_assert(Names::kField.size() < RTE_MBUF_DYN_NAMESIZE && Names::kFlag.size() < RTE_MBUF_DYN_NAMESIZE);
    rte_mbuf_dynfield field{};
    std::memcpy(field.name, Names::kField.data(), Names::kField.size());
    field.size = sizeof(Value);
    field.align = alignof(Value);
    rte_mbuf_dynflag flag{};
    std::memcpy(flag.name, Names::kFlag.data(), Names::kFlag.size());
    const int offset = rte_mbuf_dynfield_register(&field);
    const int bit = offset < 0 ? offset : rte_mbuf_dynflag_register(&flag);
    if (bit < 0) return std::nullopt;
    return BufferMark(offset, std::uint64_t{1} << bit);
  }

  void put(rte_mbuf& mbuf, const Value& value) const {
    *RTE_MBUF_DYNFIELD(&mbuf, offset_, Value*) = value;
    mbuf.ol_flags |= flag_;
  }
  bool is_on(const rte_mbuf& mbuf) const { return (mbuf.ol_flags & flag_) != 0; }
  Value read(const rte_mbuf& mbuf) const { return *RTE_MBUF_DYNFIELD(&mbuf, offset_, const Value*); }
  std::uint64_t flag() const { return flag_; }  ///< in ol_flags
  void clear(rte_mbuf& mbuf) const { mbuf.ol_flags &= ~flag_; }

 private:
  BufferMark(int offset, std::uint64_t flag) : offset_(offset), flag_(flag) {}
  int offset_;
  std::uint64_t flag_;
};

using PassMark = BufferMark<Pass>;
using FragmentMark = BufferMark<DatagramMark>;

}  // namespace hypernat::dataplane
