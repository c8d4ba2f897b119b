#include "tests/model/traffic.h"

#include <algorithm>

#include "tests/packet/fragments.h"

namespace hypernat::model {

using craft::Echo;
using craft::IcmpError;
using craft::Ip;
using craft::Tcp;
using craft::Udp;
using dataplane::Environment;
using dataplane::Side;
using spec::Flow;
using spec::Tuple;

namespace {

const std::vector<std::string> kFlags = {"S", "S", "S", "SA", "SA", "A", "A", "PA", "FA", "FA", "R", "RA"};
// An MSS of 1460 at an even and at an odd place, one of 512, a window scale.
const std::vector<craft::Bytes> kOptions = {
    {2, 4, 5, 180}, {1, 2, 4, 5, 180, 0, 0, 0}, {1, 1, 1, 1, 2, 4, 2, 0}, {3, 3, 7, 0}};
const std::vector<std::string> kOddFlags = {"F", "", "SF", "SR", "SFA", "SRA", "FRA", "UPF", "SEC"};

// Two bytes of payload that make the translated packet's checksum come out at the edge of its range.
void tune(craft::Datagram& datagram, Dice& dice, spec::End end, spec::Address address, unsigned port) {
  datagram.payload.assign(2 + dice.below(2) * 2, 0);
  // The word that brings the sum to all ones, or to the next number after.
  const unsigned word =
      spec::checksum_field(spec::translated(datagram.bytes(), {.end = end, .address = address, .port = port})) +
      static_cast<unsigned>(dice.below(2));
  datagram.payload[0] = static_cast<std::uint8_t>(word >> 8);
  datagram.payload[1] = static_cast<std::uint8_t>(word);
}

void corrupt(craft::Datagram& datagram, Dice& dice) {
  const auto wrong = static_cast<std::uint16_t>(spec::checksum_field(datagram.bytes()) ^ (1 + dice.below(0xfffe)));
  std::visit([&](auto& header) { header.checksum = wrong; }, datagram.l4);
}

// RFC 4884: padded, with an object of an unknown class behind that no checksum covers.
constexpr std::size_t kLeastExtended = 128;
void extend(craft::Bytes& quote, Dice& dice) {
  quote.resize(kLeastExtended);
  const auto any = [&] { return static_cast<std::uint8_t>(dice.next()); };
  const craft::Bytes extension = {0x20, any(), 0, 0, 0, 8, any(), any(), 100, 64, 0, any()};
  if (dice.one_in(4)) return;
  quote.insert(quote.end(), extension.begin(), extension.end());
}

craft::Datagram datagram_of(Dice& dice, const Ip& ip, unsigned protocol, unsigned src, unsigned dst,
                            std::uint8_t echo_type) {
  craft::Datagram made;
  made.ip = ip;
  made.ip.identification = static_cast<std::uint16_t>(dice.next());
  made.ip.dscp_ecn = static_cast<std::uint8_t>(dice.one_in(4) ? dice.next() : 0);
  made.ip.fragment = dice.one_in(2) ? 0x4000 : 0;  // DF
  if (dice.one_in(16)) made.ip.options = {1, 1, 7, 7, 4, 0, 0, 0, 0, 0, 0, 0};
  if (dice.one_in(32)) made.ip.ttl = dice.of(std::vector<std::uint8_t>{0, 1, 2, 255});
  for (auto left = dice.below(10); left > 0; --left) made.payload.push_back(static_cast<std::uint8_t>(dice.next()));
  const auto from = static_cast<std::uint16_t>(src);
  const auto to = static_cast<std::uint16_t>(dst);
  if (protocol == spec::kUdp) {
    made.l4 = Udp{.src = from, .dst = to, .checksum = {}};
    if (dice.one_in(4)) std::get<Udp>(made.l4).checksum = 0;
  } else if (protocol == spec::kIcmp) {
    made.l4 = Echo{.id = from, .seq = static_cast<std::uint16_t>(dice.next()), .type = echo_type, .checksum = {}};
    if (dice.one_in(32)) std::get<Echo>(made.l4).type ^= 8;
  } else {
    Tcp tcp{.src = from, .dst = to, .flags = dice.of(dice.one_in(32) ? kOddFlags : kFlags)};
    tcp.seq = static_cast<std::uint32_t>(dice.next());
    tcp.ack = static_cast<std::uint32_t>(dice.next());
    if (dice.one_in(2)) tcp.options = dice.of(kOptions);
    made.l4 = tcp;
  }
  return made;
}

void shuffle(std::vector<craft::Bytes>& pieces, Dice& dice) {
  for (std::size_t left = pieces.size(); left > 1; --left) std::swap(pieces[left - 1], pieces[dice.below(left)]);
}

// Behind the transport header, or seldom in the middle of it.
std::vector<craft::Bytes> cut_somewhere(const craft::Bytes& packet, Dice& dice) {
  const std::size_t payload = craft::payload_of(packet).size();
  const std::size_t first = dice.one_in(12) ? 8 : 32;
  std::vector<std::size_t> cuts;
  for (std::size_t at = first + 8 * dice.below(3); at < payload && cuts.size() < 5; at += 8 * (1 + dice.below(3)))
    cuts.push_back(at);
  return craft::cut(packet, cuts);
}

// As one that overlaps, says that it is the last, or is not, ends in the middle of eight bytes or beyond the longest
// datagram, is of another datagram, or must not be cut.
void spoil(craft::Bytes& piece, Dice& dice) {
  const std::uint64_t kind = dice.below(8);
  const auto move = [&](unsigned eights) { piece[7] = static_cast<std::uint8_t>(piece[7] + eights); };
  if (kind == 0) move(1);
  if (kind == 1 && piece[7] > 0) move(0xff);
  if (kind == 2) piece[6] ^= 0x20;
  if (kind == 3 && piece.size() > 21) {
    piece.pop_back();
    piece[3] = static_cast<std::uint8_t>(piece[3] - 1);
  }
  if (kind == 4) piece[6] |= 0x1f, piece[7] = 0xff;
  if (kind == 5) piece[5] ^= 1;
  if (kind == 6) piece[9] = piece[9] == spec::kUdp ? spec::kTcp : spec::kUdp;
  if (kind == 7) piece[6] |= 0x40;
  piece = spec::with_identification(piece, unsigned{piece[4]} << 8 | piece[5]);
}

}  // namespace

std::vector<Traffic::Arrival> Traffic::some_fragments(Dice& dice, const Tuple& inner,
                                                      const std::map<Tuple, Flow>& flows) const {
  Arrival whole = some_arrival(dice, inner, flows);
  craft::Datagram& datagram = whole.datagram;
  datagram.ip.fragment = 0;
  if (dice.one_in(2)) datagram.ip.identification = static_cast<std::uint16_t>(1 + dice.below(3));
  const std::size_t longest = 48 + dice.below(120);
  while (datagram.payload.size() < longest) datagram.payload.push_back(static_cast<std::uint8_t>(dice.next()));
  std::vector<craft::Bytes> pieces = cut_somewhere(datagram.bytes(), dice);
  if (dice.one_in(2)) shuffle(pieces, dice);
  if (dice.one_in(6)) spoil(pieces[dice.below(pieces.size())], dice);
  std::erase_if(pieces, [](const craft::Bytes& piece) { return !spec::read(piece).is_fragment(); });
  if (dice.one_in(8)) pieces.insert(pieces.begin(), pieces[dice.below(pieces.size())]);
  if (pieces.size() > 1 && dice.one_in(8)) pieces.pop_back();
  std::vector<Arrival> arrivals;
  for (craft::Bytes& piece : pieces) {
    whole.piece = std::move(piece);
    arrivals.push_back(whole);
  }
  return arrivals;
}

// Half of all packets belong to a few tuples, so that one flow sees a long life.
Tuple Traffic::some_tuple(Dice& dice) const {
  const bool hot = dice.one_in(2);
  const unsigned protocol = dice.of(cast_.protocols);
  const auto& remote = hot ? cast_.remotes.front() : dice.of(cast_.remotes);
  const auto remote_port = hot ? cast_.remote_ports.front() : dice.of(cast_.remote_ports);
  return {.network = dice.of(cast_.mappings),
          .protocol = protocol,
          .local = 0x64400001 + static_cast<unsigned>(hot ? 0 : dice.below(3)),
          .remote = parse_ipv4_address(remote).value().host(),
          .remote_port = protocol == spec::kIcmp ? 0U : remote_port,
          .local_port = hot ? cast_.ports[dice.below(2)] : dice.of(cast_.ports)};
}

Traffic::Arrival Traffic::some_arrival(Dice& dice, const Tuple& inner, const std::map<Tuple, Flow>& flows) const {
  const auto known = flows.find(inner);
  const Flow* const flow = known == flows.end() ? nullptr : &known->second;
  if (dice.below(100) >= 58) return inbound(dice, outer_of(dice, inner, flow), flow);
  if (flow == nullptr || !dice.one_in(16)) return outbound(dice, inner, flow);
  // Somebody else in the network of that number has the flow's outer address and port as his own.
  return outbound(
      dice,
      {flow->outer.network, inner.protocol, flow->outer.local, inner.remote, inner.remote_port, flow->outer.local_port},
      nullptr);
}

// Now and then by another way, from elsewhere or to where nobody is.
Traffic::Arrival Traffic::outbound(Dice& dice, const Tuple& inner, const Flow* flow) const {
  static const std::vector<std::string> kOddSources = {"100.64.16.1", "10.0.1.20",       "127.0.0.1", "0.0.0.0",
                                                       "169.254.1.1", "255.255.255.255", "224.0.0.1", "100.128.0.1"};
  static const std::vector<std::string> kOddDestinations = {"10.0.1.20", "10.0.1.0",  "10.0.1.255", "169.254.100.1",
                                                            "127.0.0.1", "224.0.0.1", "240.0.0.1",  "0.0.0.0",
                                                            "10.9.0.1",  "10.0.1.30", "100.64.0.1"};
  Environment from{.mapping = inner.network};
  from.mac.bytes[5] = static_cast<std::uint8_t>(inner.local + dice.below(2));
  Ip ip{.src = spec::text_of(inner.local), .dst = spec::text_of(inner.remote), .options = {}, .checksum = {}};
  switch (dice.below(40)) {
    case 0:
      from.worker_host = dice.of(std::vector<std::string>{"192.0.2.12", "192.0.2.99", "0.0.0.0"});
      break;
    case 1:
      from.attachment = 2;
      break;
    case 2:
      ip.src = dice.of(kOddSources);
      break;
    case 3:
      ip.dst = dice.of(kOddDestinations);
      break;
    case 4:
      from.mapping = 99;
      break;
    default:
      break;
  }
  craft::Datagram datagram = datagram_of(dice, ip, inner.protocol, inner.local_port, inner.remote_port, 8);
  if (flow != nullptr && dice.one_in(16))
    tune(datagram, dice, spec::End::kSource, flow->outer.local, flow->outer.local_port);
  if (dice.one_in(32)) corrupt(datagram, dice);
  return {.side = Side::kInside, .from = from, .subnet = 1, .datagram = datagram};
}

// Of the flow, or the one that was; now and then wrong in one thing.
Tuple Traffic::outer_of(Dice& dice, const Tuple& inner, const Flow* flow) const {
  const auto last = last_outer_.find(inner);
  Tuple outer = flow != nullptr
                    ? flow->outer
                    : (last != last_outer_.end() ? last->second
                                                 : Tuple{.network = 1 + static_cast<unsigned>(dice.below(2)),
                                                         .protocol = inner.protocol,
                                                         .local = 0x0a000114,
                                                         .remote = inner.remote,
                                                         .remote_port = inner.remote_port,
                                                         .local_port = 2000});
  switch (dice.below(24)) {
    case 0:
      outer.network = 3 - outer.network;
      break;
    case 1:
      outer.remote = 0x0a000142;
      break;
    case 2:
      outer.local_port ^= 1U << dice.below(16);
      break;
    case 3:
      outer.local = 0x0a000114 + static_cast<unsigned>(dice.below(12));
      break;
    case 4:
      if (outer.protocol != spec::kIcmp) outer.remote_port = 53 + static_cast<unsigned>(dice.below(28));
      break;
    case 5:
      if (outer.protocol != spec::kIcmp) outer.protocol = spec::kTcp + spec::kUdp - outer.protocol;
      break;
    default:
      break;
  }
  return outer;
}

Traffic::Arrival Traffic::inbound(Dice& dice, const Tuple& outer, const Flow* flow) const {
  const Ip ip{.src = spec::text_of(outer.remote), .dst = spec::text_of(outer.local), .options = {}, .checksum = {}};
  const bool echo = outer.protocol == spec::kIcmp;
  craft::Datagram datagram = datagram_of(dice, ip, outer.protocol, echo ? outer.local_port : outer.remote_port,
                                         outer.local_port, craft::kReply);
  if (flow != nullptr && dice.one_in(16))
    tune(datagram, dice, spec::End::kDestination, flow->inner.local, flow->inner.local_port);
  if (dice.one_in(32)) corrupt(datagram, dice);
  return {.side = Side::kOutside, .from = {}, .subnet = outer.network, .datagram = datagram};
}

// About a packet as the end that speaks got it, or a router on its way there; whole or cut.
Traffic::Arrival Traffic::some_error(Dice& dice, const Tuple& inner, const std::map<Tuple, Flow>& flows) const {
  static const std::vector<std::string> kRouters = {"10.0.1.1", "10.0.1.10", "192.0.2.77", "10.0.1.20", "127.0.0.1"};
  const auto known = flows.find(inner);
  const Tuple outer = outer_of(dice, inner, known == flows.end() ? nullptr : &known->second);
  const bool inside = dice.one_in(3);
  const bool echo = outer.protocol == spec::kIcmp;
  const std::string remote = spec::text_of(outer.remote);
  const std::string local = spec::text_of(inside ? inner.local : outer.local);
  const unsigned local_port = inside ? inner.local_port : outer.local_port;
  const Ip about{.src = inside ? remote : local, .dst = inside ? local : remote, .options = {}, .checksum = {}};
  craft::Datagram quoted = datagram_of(dice, about, outer.protocol, inside && !echo ? outer.remote_port : local_port,
                                       inside || echo ? local_port : outer.remote_port, 8);
  if (auto* message = std::get_if<Echo>(&quoted.l4)) message->type = inside ? craft::kReply : 8;
  // Of a datagram that left in fragments, the first one.
  const auto given = last_identification_.find(outer);
  if (!inside && given != last_identification_.end() && dice.one_in(2)) {
    quoted.ip.identification = static_cast<std::uint16_t>(given->second);
    quoted.ip.fragment = 0x2000;
  }
  craft::Bytes quote = quoted.bytes();
  const std::size_t least = 20 + quoted.ip.options.size() + 8;
  const bool extended = quote.size() <= kLeastExtended && dice.one_in(6);
  if (extended)
    extend(quote, dice);
  else if (dice.one_in(2))
    quote.resize(least + dice.below(quote.size() - least + 1));
  else if (dice.one_in(4))
    quote.resize(quote.size() + dice.below(9), 0x64);  // as if something followed

  Ip ip{.src = inside ? local : dice.of(kRouters), .dst = inside ? remote : local, .options = {}, .checksum = {}};
  if (dice.one_in(32)) ip.ttl = 1;
  const IcmpError message{.type = dice.of(std::vector<std::uint8_t>{3, 11, 12}),
                          .code = static_cast<std::uint8_t>(dice.below(6)),
                          .length = extended ? std::uint8_t{kLeastExtended / 4} : std::uint8_t{0},
                          .mtu = static_cast<std::uint16_t>(dice.next()),
                          .checksum = {}};
  Environment from{.mapping = inner.network};
  if (dice.one_in(16)) from.worker_host = "192.0.2.12";
  return {.side = inside ? Side::kInside : Side::kOutside,
          .from = from,
          .subnet = outer.network,
          .datagram = ip / message / quote};
}

}  // namespace hypernat::model
