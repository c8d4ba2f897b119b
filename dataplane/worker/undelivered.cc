// What senders are told of packets that died: at once by the NAT, or after it, when their next hop did not answer.
// Those go back through the NAT, which knows whose they are.
#include "dataplane/nat/answer.h"
#include "dataplane/worker/worker.h"

namespace hypernat::dataplane {

// What `admit` refused it has counted itself.
void Worker::count_refused(const Burst& burst) {
  for (std::uint32_t i = 0; i < burst.size; ++i) {
    const Packet& packet = burst.packets[i];
    if (packet.verdict == Verdict::kDrop && packet.drop != Drop::tenant_packet_limit)
      nat_->count_refused(tenant_of(packet));
  }
}

void Worker::tell_undelivered(Tick now) {
  while (const auto undelivered = sender_.next_undelivered()) {
    Packet packet;
    if (describe_undelivered(*undelivered, packet) && nat_->return_undelivered(packet, now)) answer(packet, now);
    rte_pktmbuf_free(undelivered->mbuf);
  }
}

// By the segment that it was to leave by; false when the tables have no such one any more.
bool Worker::describe_undelivered(const Outgoing& outgoing, Packet& packet) const {
  const Attachment& attachment = around_.attachments[outgoing.attachment];
  const std::uint32_t id = outgoing.headers.segment_id;
  packet.side = attachment.side;
  packet.slot = attachment.side == Side::kInside ? tables_->mapping_by_number.find(id)
                                                 : tables_->subnet_by_segment[attachment.index].find(id);
  if (packet.slot == NumberMap::kMissing) return false;
  packet.frame = rte_pktmbuf_mtod(outgoing.mbuf, std::uint8_t*);
  packet.length = rte_pktmbuf_data_len(outgoing.mbuf);
  packet.ip = reinterpret_cast<Ipv4Header*>(packet.frame);
  packet.l4 = packet.frame + packet.ip->header_length();
  packet.l4_length = static_cast<std::uint16_t>(packet.length - packet.ip->header_length());
  packet.protocol = static_cast<Protocol>(packet.ip->protocol);
  packet.fragment = fragment_of(*packet.ip);
  packet.src = packet.ip->src();
  packet.dst = packet.ip->dst();
  return true;
}

}  // namespace hypernat::dataplane
