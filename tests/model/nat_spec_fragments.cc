// Fragments (RFC 791 3.2): those of a datagram wait for its first one, which alone tells the ports.
#include <algorithm>

#include "tests/model/nat_spec.h"

namespace hypernat::spec {
namespace {

constexpr unsigned kLongest = 65535;
constexpr unsigned kTcpHeader = 20;
constexpr unsigned kOtherHeader = 8;

// RFC 1858, RFC 3128: nothing begins within a TCP header.
std::string fault_of(const Header& header, std::size_t length) {
  if (header.offset + length > kLongest) return "fragment_too_long";
  if (header.data == 0 || (header.more && header.data % 8 != 0)) return "fragment_misaligned";
  return header.protocol == kTcp && header.offset != 0 && header.offset < kTcpHeader ? "fragment_tiny" : "";
}

std::string fault_of_first(const Header& header, Side side) {
  if (header.data < (header.protocol == kTcp ? kTcpHeader : kOtherHeader)) return "fragment_tiny";
  if (header.protocol == kTcp) {
    if (header.tcp_header < kTcpHeader) return "bad_l4_header";
    if (header.tcp_header > header.data) return "fragment_tiny";
    return legal_flags(header) ? "" : "bad_tcp_flags";
  }
  if (header.protocol == kUdp) return header.udp_length < kOtherHeader ? "bad_l4_header" : "";
  if ((header.icmp_type != 0 && header.icmp_type != 8) || header.icmp_code != 0) return "unsupported_icmp";
  return header.icmp_type == (side == Side::kInside ? 8U : 0U) ? "" : "no_flow";
}

Datagram::Part part_of(const Header& header) {
  return {.from = header.offset / 8,
          .to = header.offset / 8 + static_cast<unsigned>((header.data + 7) / 8),
          .last = !header.more};
}

// One part after the other, eight bytes by eight bytes.
std::string fault_among(const std::vector<Datagram::Part>& parts, const Datagram::Part& part) {
  unsigned known = 0;
  bool contradicts = false;
  for (const Datagram::Part& other : parts) {
    for (unsigned at = part.from; at < part.to; ++at) known += other.from <= at && at < other.to ? 1 : 0;
    contradicts |= (other.last && (part.last || part.to > other.to)) || (part.last && other.to > part.to);
  }
  if (known == part.to - part.from) return "fragment_duplicate";
  return known > 0 || contradicts ? "fragment_overlap" : "";
}

}  // namespace

bool Datagram::is_complete() const {
  unsigned there = 0;
  for (const Part& part : parts) there += part.to - part.from;
  return std::ranges::any_of(parts, [&](const Part& part) { return part.last && part.to == there; });
}

Fate NatSpec::gather(const Arrival& arrival, const Fate& seen) {
  const Header header = read(arrival.packet);
  if (settings_.fragments.udp_only && header.protocol != kUdp) return dropped("fragment", arrival, seen);
  const Datagram::Name name{.side = arrival.side,
                            .network = arrival.side == Side::kInside ? arrival.way.mapping : arrival.subnet,
                            .protocol = header.protocol,
                            .src = header.src,
                            .dst = header.dst,
                            .identification = header.identification};
  if (find(name) == datagrams_.end()) {
    const std::string full = begin({.name = name,
                                    .tenant = tenant_of(arrival),
                                    .subnet = subnet_of(arrival),
                                    .gatherer = seen.gatherer,
                                    .began = now_});
    if (!full.empty()) return dropped(full, arrival, seen);
  }
  const std::shared_ptr<Datagram> datagram = *find(name);
  if (datagram->gatherer != seen.gatherer) return {.reason = "where the others of its datagram are"};
  if (datagram->refused) return dropped("fragment_refused", arrival, seen);
  std::string fault = fault_of(header, arrival.packet.size());
  if (fault.empty()) fault = fault_among(datagram->parts, part_of(header));
  if (fault == "fragment_duplicate") return dropped(fault, arrival, seen);
  if (fault.empty() && header.offset == 0) fault = fault_of_first(header, arrival.side);
  const bool waits = header.offset != 0 && !datagram->first;
  if (fault.empty() && waits) fault = room_to_hold(*datagram);
  if (!fault.empty()) {
    datagram->refused = true;
    let_go(*datagram, fault);
    return dropped(fault, arrival, seen);
  }
  datagram->parts.push_back(part_of(header));
  if (waits) {
    held_.push_back({.arrival = arrival, .datagram = datagram});
    return {.what = Fate::What::kHeld,
            .packet = arrival.packet,
            .home = seen.home,
            .worker = seen.worker,
            .gatherer = seen.gatherer};
  }
  if (header.offset == 0) {
    datagram->first = header;
    let_go(*datagram, "");
  }
  if (datagram->is_complete()) end(find(name), "");
  return go_on({.arrival = arrival, .datagram = datagram}, seen);
}

NatSpec::Datagrams::iterator NatSpec::find(const Datagram::Name& name) {
  return std::ranges::find_if(datagrams_, [&](const auto& datagram) { return datagram->name == name; });
}

// A tenant has no more than its share, and no more than are free; for another one its own oldest goes.
std::string NatSpec::begin(const Datagram& datagram) {
  const FragmentLimits& limits = settings_.fragments;
  const auto is_here = [&](const auto& other) { return other->gatherer == datagram.gatherer; };
  const auto is_own = [&](const auto& other) { return is_here(other) && other->tenant == datagram.tenant; };
  const auto has = static_cast<std::size_t>(std::ranges::count_if(datagrams_, is_own));
  const auto here = static_cast<std::size_t>(std::ranges::count_if(datagrams_, is_here));
  if (has >= std::min<std::size_t>(limits.datagrams_per_tenant, limits.datagrams - here)) {
    if (has == 0) return "fragments_full";
    end(std::ranges::find_if(datagrams_, is_own), "fragment_share_full");
  }
  datagrams_.push_back(std::make_shared<Datagram>(datagram));
  return "";
}

// Those that are about to leave still have their places.
std::string NatSpec::room_to_hold(const Datagram& datagram) const {
  const FragmentLimits& limits = settings_.fragments;
  const auto count = [&](const std::vector<Fragment>& fragments, const auto& which) {
    return static_cast<std::size_t>(
        std::ranges::count_if(fragments, [&](const Fragment& fragment) { return which(*fragment.datagram); }));
  };
  const auto is_here = [&](const Datagram& other) { return other.gatherer == datagram.gatherer; };
  const auto is_own = [&](const Datagram& other) { return is_here(other) && other.tenant == datagram.tenant; };
  const auto is_same = [&](const Datagram& other) { return is_here(other) && other.name == datagram.name; };
  const std::size_t free = limits.held - count(held_, is_here) - count(leaving_, is_here);
  if (free == 0) return "fragments_full";
  const bool full = count(held_, is_own) >= std::min<std::size_t>(limits.held_per_tenant, free) ||
                    count(held_, is_same) == limits.held_per_datagram;
  return full ? "fragment_share_full" : "";
}

void NatSpec::let_go(const Datagram& datagram, const std::string& dropped) {
  for (const Fragment& fragment : held_)
    if (fragment.datagram.get() == &datagram)
      leaving_.push_back({.arrival = fragment.arrival, .datagram = fragment.datagram, .dropped = dropped});
  std::erase_if(held_, [&](const Fragment& fragment) { return fragment.datagram.get() == &datagram; });
}

void NatSpec::end(Datagrams::iterator datagram, const std::string& dropped) {
  let_go(**datagram, dropped);
  datagrams_.erase(datagram);
}

void NatSpec::end_old_datagrams() {
  while (!datagrams_.empty() && now_ - datagrams_.front()->began >= settings_.fragments.timeout)
    end(datagrams_.begin(), "fragment_timeout");
}

std::optional<Fragment> NatSpec::next_to_leave() {
  if (leaving_.empty()) return std::nullopt;
  Fragment next = leaving_.front();
  leaving_.erase(leaving_.begin());
  return next;
}

std::string NatSpec::step(const Fragment& fragment, const Fate& seen) {
  const Arrival& arrival = fragment.arrival;
  const bool known = arrival.side == Side::kInside ? table_.mappings.contains(arrival.way.mapping)
                                                   : table_.subnets.contains(arrival.subnet);
  Fate fate;
  if (!fragment.dropped.empty()) {
    fate = dropped(fragment.dropped, arrival, seen);
    ++tenant_counts_[fragment.datagram->tenant].drops;
  } else {
    fate = known ? go_on(fragment, seen) : dropped("unknown_segment", arrival, seen);
    count(arrival, fate);
  }
  return fate == seen ? "" : text_of(fate);
}

// Its ports known, it is a packet like any other, but for its identification on the way out: those of environments
// would meet behind an interface, so the NAT gives the datagram one that no other one on its way to that remote has.
Fate NatSpec::go_on(const Fragment& fragment, const Fate& seen) {
  const Arrival& arrival = fragment.arrival;
  Datagram& datagram = *fragment.datagram;
  Header header = read(arrival.packet);
  header.src_port = datagram.first->src_port;
  header.dst_port = datagram.first->dst_port;
  Fate known = seen;
  known.gatherer = 0;
  const bool leaves = arrival.side == Side::kInside && seen.what == Fate::What::kForwarded;
  if (leaves) {
    const unsigned given = datagram.given.value_or(read(seen.packet).identification);
    if (!datagram.given && is_given(datagram, given))
      return {.what = Fate::What::kForwarded, .reason = "with an identification that no other one has"};
    datagram.given = given;
    known.packet = with_identification(seen.packet, header.identification);
  }
  Fate fate = translate(arrival, header, known);
  fate.gatherer = datagram.gatherer;
  if (fate.what != Fate::What::kForwarded || !fate.reason.empty()) return fate;
  if (const Flow* const flow = find(arrival.side, tuple_of(arrival, header)); flow != nullptr && header.offset == 0) {
    datagram.mss = largest_mss(*flow);
    if (leaves) own_[flow->outer][*datagram.given] = header.identification;
  }
  if (leaves) fate.packet = with_identification(fate.packet, *datagram.given);
  datagram.came[header.offset] = arrival.packet;
  datagram.left[header.offset] = fate.packet;
  const std::string wrong = joined_wrongly(datagram);
  return wrong.empty() ? fate : Fate{.what = Fate::What::kForwarded, .reason = wrong};
}

bool NatSpec::is_given(const Datagram& datagram, unsigned identification) const {
  return std::ranges::any_of(datagrams_, [&](const auto& other) {
    return other.get() != &datagram && other->given == identification && other->name.side == datagram.name.side &&
           other->subnet == datagram.subnet && other->name.protocol == datagram.name.protocol &&
           other->name.dst == datagram.name.dst;
  });
}

// Whoever puts the fragments together has what he would have had, had nobody cut the datagram.
std::string NatSpec::joined_wrongly(const Datagram& datagram) {
  if (!datagram.is_complete() || datagram.left.size() != datagram.parts.size()) return "";
  const Bytes is = joined(datagram.left);
  const Header header = read(is);
  const bool outward = datagram.name.side == Side::kInside;
  const Bytes whole = joined(datagram.came);
  const Bytes should_be = translated(datagram.given ? with_identification(whole, *datagram.given) : whole,
                                     {.end = outward ? End::kSource : End::kDestination,
                                      .address = outward ? header.src : header.dst,
                                      .port = outward ? header.src_port : header.dst_port,
                                      .mss = datagram.mss,
                                      .wrong = checksum_field(is)});
  return is == should_be ? "" : "joined: " + text_of(should_be);
}

}  // namespace hypernat::spec
