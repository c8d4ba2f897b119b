// Telemetry: walking packets. See worker/trace.h.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>

#include "dataplane/telemetry/telemetry.h"

namespace hypernat::dataplane {
namespace {

constexpr std::int64_t kDefaultCount = 20;
constexpr std::int64_t kMostRecords = 16384;
// A record is long; this many fit into what DPDK sends at once.
constexpr std::size_t kTracePage = 10;

template <typename Number>
std::optional<Number> to_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::optional<Protocol> to_protocol(std::string_view text) {
  for (const Protocol protocol : {Protocol::kIcmp, Protocol::kTcp, Protocol::kUdp}) {
    if (text == to_string(protocol)) return protocol;
  }
  return std::nullopt;
}

// One "name=value"; false when it is none that is known.
bool set(TraceFilter& filter, std::string_view name, std::string_view value) {
  if (name == "mapping") {
    const auto number = to_number<std::uint32_t>(value);
    if (number) filter.mapping = MappingNumber{*number};
    return number.has_value();
  }
  if (name == "openings") {
    filter.openings_only = value == "only";
    return filter.openings_only;
  }
  if (name == "address") return (filter.address = parse_ipv4_address(value)).has_value();
  if (name == "protocol") return (filter.protocol = to_protocol(value)).has_value();
  if (name == "port") {
    const auto port = to_number<std::uint16_t>(value);
    if (port) filter.port = L4Port::from_host(*port);
    return port.has_value();
  }
  if (name != "count") return false;
  const auto count = to_number<std::int64_t>(value);
  if (count) filter.left = std::clamp<std::int64_t>(*count, 1, kMostRecords);
  return count.has_value();
}

bool parse(std::string_view text, TraceFilter& filter) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view term = text.substr(0, end);
    const std::size_t equals = term.find('=');
    if (equals == std::string_view::npos || !set(filter, term.substr(0, equals), term.substr(equals + 1))) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

const char* text_of(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kReset:
      return "RST";
    case AnswerKind::kTimeExceeded:
      return "ICMP time exceeded";
    case AnswerKind::kNetUnreachable:
      return "ICMP network unreachable";
    case AnswerKind::kHostUnreachable:
      return "ICMP host unreachable";
    case AnswerKind::kTooBig:
      return "ICMP fragmentation needed";
  }
  return "";
}

std::string verdict_of(const TraceRecord& record) {
  switch (record.verdict) {
    case Verdict::kForward:
      return record.held ? "held" : "sent";
    case Verdict::kDrop:
      return "dropped: " + std::string(name_of(record.drop));
    case Verdict::kAnswered:
      return std::string("answered with ") + text_of(record.answer);
    case Verdict::kHandedOver:
      return "handed over";
    case Verdict::kConsumed:
      return "consumed";
    case Verdict::kHeld:
      return "held until the first fragment comes";
    case Verdict::kPending:
      return "pending";
  }
  return "";
}

const char* reason_of(PassKind pass) {
  switch (pass) {
    case PassKind::kAtHome:
      return "it is at home there";
    case PassKind::kOpening:
      return "this worker has no port left, that one may have one";
    case PassKind::kReclaiming:
      return "no worker has a port left, that one may have one that rests";
    case PassKind::kFollowing:
      return "the opening of its flow went that way";
    case PassKind::kRedirected:
      return "its flow is there";
    case PassKind::kReturned:
      return "its flow is not here any more";
  }
  return "";
}

std::string flags_of(std::uint8_t flags) {
  static constexpr std::pair<std::uint8_t, char> kLetters[] = {{kTcpSyn, 'S'}, {kTcpAck, 'A'}, {kTcpFin, 'F'},
                                                               {kTcpRst, 'R'}, {kTcpPsh, 'P'}, {kTcpUrg, 'U'}};
  std::string text;
  for (const auto& [bit, letter] : kLetters) {
    if ((flags & bit) != 0) text += letter;
  }
  return text;
}

std::string endpoint(Ipv4Address address, L4Port port) {
  return to_string(address) + ":" + std::to_string(port.host());
}

// Names come from the table in use; slots of an older generation that are gone have none.
void describe(Answer& entry, const TraceRecord& record, const Tables& tables, const Attachments& attachments) {
  const bool outbound = record.side == Side::kInside;
  entry.add("tick_ms", record.tick)
      .add("monotonic_ns", static_cast<std::uint64_t>(record.monotonic_ns))
      .add("generation", record.generation)
      .add("worker", record.worker)
      .add("home", record.home)
      .add("direction", outbound ? "outbound" : "inbound")
      .add("attachment", attachments[record.attachment].name)
      .add("segment", record.segment_id)
      .add("tunnel_peer", to_string(record.peer))
      .add("protocol", to_string(record.protocol))
      .add("bytes", record.length)
      .add("src", endpoint(record.src, record.src_port))
      .add("dst", endpoint(record.dst, record.dst_port));
  if (record.content == Content::kError) {
    entry.add("icmp_error", "type " + std::to_string(record.error_type) + " code " + std::to_string(record.error_code))
        .add("icmp_error_from", to_string(record.error_from));
  } else if (record.protocol == Protocol::kTcp) {
    entry.add("tcp_flags", flags_of(record.tcp_flags));
  }
  if (record.mapping < tables.mappings.size()) {
    entry.add("mapping", hypernat::to_number(tables.mapping_numbers[record.mapping]));
  }
  if (record.subnet < tables.subnets.size()) entry.add("subnet", tables.subnets[record.subnet].id);
  if (record.flow != kNone) entry.add("flow", record.flow).add("flow_opened", record.opened ? "yes" : "no");
  if (record.opened) entry.add("rule", record.rule);
  if (record.interface < tables.interfaces.size()) entry.add("interface", tables.interfaces[record.interface].id);
  if (record.verdict == Verdict::kForward) {
    entry.add("out_src", endpoint(record.out_src, record.out_src_port))
        .add("out_dst", endpoint(record.out_dst, record.out_dst_port))
        .add("out_attachment", attachments[record.out_attachment].name)
        .add("next_hop", to_string(record.next_hop))
        .add("next_hop_mac", to_string(record.next_hop_mac))
        .add("tunnel_end", to_string(record.tunnel_end));
  }
  entry.add("verdict", verdict_of(record));
  if (record.verdict == Verdict::kHandedOver) {
    entry.add("to_worker", record.to_worker).add("reason", reason_of(record.pass));
  }
}

}  // namespace

int Telemetry::trace_start(const char* parameter, Answer& answer) {
  TraceFilter& filter = filters_.emplace_back();
  filter.left = kDefaultCount;
  if (!parse(parameter == nullptr ? "" : parameter, filter)) {
    filters_.pop_back();
    answer.add("error",
               "expected mapping=NUMBER;address=A.B.C.D;port=NUMBER;protocol=tcp|udp|icmp;openings=only;count=NUMBER");
    return 0;
  }
  collect_trace();
  records_.clear();
  dataplane_.trace(&filter);
  answer.add("count", static_cast<std::uint64_t>(filter.left.load()));
  return 0;
}

int Telemetry::trace_stop(const char*, Answer& answer) {
  dataplane_.trace(nullptr);
  collect_trace();
  answer.add("records", records_.size());
  return 0;
}

void Telemetry::collect_trace() {
  for (const auto& worker : dataplane_.workers()) {
    while (const auto record = worker->trace().pop()) {
      if (static_cast<std::int64_t>(records_.size()) < kMostRecords) records_.push_back(*record);
    }
  }
  std::stable_sort(records_.begin(), records_.end(),
                   [](const TraceRecord& a, const TraceRecord& b) { return a.tick < b.tick; });
}

int Telemetry::trace(const char* parameter, Answer& answer) {
  const std::size_t page = number_in(parameter, 0);
  if (page == 0) collect_trace();
  const auto tables = dataplane_.tables().current();
  for (std::size_t i = page * kTracePage; i < records_.size() && answer.entries() < kTracePage; ++i) {
    answer.entry([&](Answer& entry) { describe(entry, records_[i], *tables, dataplane_.attachments()); });
  }
  return 0;
}

}  // namespace hypernat::dataplane
