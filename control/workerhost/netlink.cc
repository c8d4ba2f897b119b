#include "control/workerhost/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>
#include <stdexcept>

namespace hypernat::workerhost {
namespace {

/// Acknowledgements of a batch must fit the socket's receive buffer.
constexpr std::size_t kMessagesPerBatch = 64;
constexpr std::size_t kReceiveBuffer = 64 * 1024;

/// The kernel's own words for a refusal, where it has any.
std::string extended_reason(const nlmsghdr& header) {
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&header));
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t skip = sizeof(nlmsgerr);
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0) skip += mnl_nlmsg_get_payload_len(&error->msg);
  std::string reason;
  const auto collect = [](const nlattr* attribute, void* into) {
    if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
      *static_cast<std::string*>(into) = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
  };
  mnl_attr_parse(&header, static_cast<unsigned>(skip), collect, &reason);
  return reason;
}

}  // namespace

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string what) : what_(std::move(what)) {
  nlmsg().nlmsg_len = sizeof(nlmsghdr);
  nlmsg().nlmsg_type = type;
  nlmsg().nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
}

std::byte* NetlinkMessage::grow(std::size_t size) {
  const std::size_t start = nlmsg().nlmsg_len;
  const std::size_t end = start + MNL_ALIGN(size);
  if (end > buffer_.size()) throw std::length_error("cannot " + what_ + ": the request is larger than its buffer");
  nlmsg().nlmsg_len = static_cast<std::uint32_t>(end);
  return buffer_.data() + start;
}

void* NetlinkMessage::put_header(std::size_t size) {
  return grow(size);
}

void NetlinkMessage::put(std::uint16_t attribute, std::span<const std::byte> value) {
  const nlattr head{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), .nla_type = attribute};
  std::byte* place = grow(sizeof(head) + value.size());
  std::memcpy(place, &head, sizeof(head));
  if (!value.empty()) std::memcpy(place + sizeof(head), value.data(), value.size());
}

void NetlinkMessage::put_string(std::uint16_t attribute, const std::string& value) {
  put(attribute, std::as_bytes(std::span(value.c_str(), value.size() + 1)));
}

std::size_t NetlinkMessage::begin_nest(std::uint16_t attribute) {
  const std::size_t start = nlmsg().nlmsg_len;
  const nlattr head{.nla_len = sizeof(nlattr), .nla_type = static_cast<std::uint16_t>(attribute | NLA_F_NESTED)};
  std::memcpy(grow(sizeof(head)), &head, sizeof(head));
  return start;
}

void NetlinkMessage::end_nest(std::size_t start) {
  const auto length = static_cast<std::uint16_t>(nlmsg().nlmsg_len - start);
  std::memcpy(buffer_.data() + start + offsetof(nlattr, nla_len), &length, sizeof(length));
}

NetlinkSocket::NetlinkSocket() : buffer_(kReceiveBuffer) {
  fd_ = UniqueFd(checked(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "opening a netlink socket"));
  const int on = 1;
  // Both only make errors shorter and clearer; a kernel without them still answers.
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
}

void NetlinkSocket::execute(std::span<NetlinkMessage> messages) {
  while (!messages.empty()) {
    const std::size_t count = std::min(messages.size(), kMessagesPerBatch);
    execute_batch(messages.first(count));
    messages = messages.subspan(count);
  }
}

void NetlinkSocket::execute_batch(std::span<NetlinkMessage> messages) {
  std::vector<iovec> parts;
  parts.reserve(messages.size());
  const std::uint32_t first = sequence_ + 1;
  for (NetlinkMessage& message : messages) {
    message.nlmsg().nlmsg_flags |= NLM_F_ACK;
    message.nlmsg().nlmsg_seq = ++sequence_;
    parts.push_back({.iov_base = message.bytes().data(), .iov_len = message.size()});
  }
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  checked(::sendmsg(fd_.get(), &packet, 0), "cannot " + messages.front().what() + ": sending to netlink");

  std::size_t awaited = messages.size();
  std::optional<std::system_error> refusal;
  while (awaited > 0) {
    const auto answer = receive();
    int left = static_cast<int>(answer.size());
    for (auto* header = reinterpret_cast<nlmsghdr*>(answer.data()); mnl_nlmsg_ok(header, left);
         header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      if (header->nlmsg_seq < first || header->nlmsg_seq - first >= messages.size()) continue;
      --awaited;
      const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
      if (error->error == 0 || refusal) continue;
      const std::string reason = extended_reason(*header);
      refusal.emplace(-error->error, std::generic_category(),
                      "cannot " + messages[header->nlmsg_seq - first].what() + (reason.empty() ? "" : ": " + reason));
    }
  }
  if (refusal) throw *refusal;
}

void NetlinkSocket::dump(NetlinkMessage request, const std::function<void(const nlmsghdr&)>& visit) {
  request.nlmsg().nlmsg_flags |= NLM_F_DUMP;
  request.nlmsg().nlmsg_seq = ++sequence_;
  const auto bytes = request.bytes();
  checked(::send(fd_.get(), bytes.data(), bytes.size(), 0), "cannot " + request.what() + ": sending to netlink");
  while (true) {
    const auto answer = receive();
    int left = static_cast<int>(answer.size());
    for (auto* header = reinterpret_cast<nlmsghdr*>(answer.data()); mnl_nlmsg_ok(header, left);
         header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence_) continue;
      if (header->nlmsg_type == NLMSG_DONE) return;
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
        throw std::system_error(-error->error, std::generic_category(), "cannot " + request.what());
      }
      visit(*header);
    }
  }
}

std::span<std::byte> NetlinkSocket::receive() {
  const auto size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
  checked(size, "receiving from netlink");
  return {buffer_.data(), static_cast<std::size_t>(size)};
}

}  // namespace hypernat::workerhost
