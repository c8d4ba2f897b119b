// Requests to the kernel's network configuration, many to a system call.
//
// A message knows in words what it asks for, so that a refusal reads "cannot create device hv…: File exists" and not
// as a number. A socket belongs to the network namespace that it was opened in, for good.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

class NetlinkMessage {
 public:
  /// `what` completes "cannot …".
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string what);

  /// The family's fixed header (ifinfomsg, tcmsg, …), zeroed; call once, before any attribute.
  template <class Header>
  Header& header() {
    static_assert(std::is_trivially_copyable_v<Header>);
    return *static_cast<Header*>(put_header(sizeof(Header)));
  }

  void put(std::uint16_t attribute, std::span<const std::byte> value);
  template <class Value>
  void put_value(std::uint16_t attribute, const Value& value) {
    put(attribute, std::as_bytes(std::span(&value, 1)));
  }
  void put_string(std::uint16_t attribute, const std::string& value);
  /// Attributes (and, for some families, a header) that `fill` adds go inside `attribute`.
  template <class Fill>
  void nest(std::uint16_t attribute, Fill&& fill) {
    const std::size_t start = begin_nest(attribute);
    fill();
    end_nest(start);
  }

  const std::string& what() const { return what_; }
  std::span<std::byte> bytes() { return {buffer_.data(), size()}; }

 private:
  friend class NetlinkSocket;
  std::size_t size() const { return nlmsg().nlmsg_len; }
  nlmsghdr& nlmsg() { return *reinterpret_cast<nlmsghdr*>(buffer_.data()); }
  const nlmsghdr& nlmsg() const { return *reinterpret_cast<const nlmsghdr*>(buffer_.data()); }
  void* put_header(std::size_t size);
  std::byte* grow(std::size_t size);
  std::size_t begin_nest(std::uint16_t attribute);
  void end_nest(std::size_t start);

  alignas(nlmsghdr) std::array<std::byte, 512> buffer_{};
  std::string what_;
};

class NetlinkSocket {
 public:
  /// A route socket in the calling thread's network namespace. Throws std::system_error.
  NetlinkSocket();

  /// Sends all, in order, and waits for each acknowledgement. Throws std::system_error for the first refusal, after all
  /// have been tried.
  void execute(std::span<NetlinkMessage> messages);
  void execute(NetlinkMessage message) { execute(std::span(&message, 1)); }

  /// Sends a dump request and hands over each message of the answer. Throws std::system_error.
  void dump(NetlinkMessage request, const std::function<void(const nlmsghdr&)>& visit);

 private:
  void execute_batch(std::span<NetlinkMessage> messages);
  std::span<std::byte> receive();

  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace hypernat::workerhost
