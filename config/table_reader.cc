// Bytes → table. Nothing of the bytes is trusted: first the header, then the digest, then FlatBuffers' own verifier
// (every offset), then `validate` (every meaning).
#include <cstring>
#include <string>

#include "config/names.h"
#include "config/table.h"
#include "config/table_wire.h"

namespace hypernat::config {
namespace {

[[noreturn]] void refuse(const std::string& found, const std::string& expected) {
  throw TableError("table: found " + found + "; expected " + expected);
}

/// The payload, once header and digest agree with it.
std::span<const std::byte> open_envelope(std::span<const std::byte> bytes) {
  wire::Header header;
  if (bytes.size() < sizeof header) {
    refuse(std::to_string(bytes.size()) + " bytes", "a header of " + std::to_string(sizeof header));
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto payload = bytes.subspan(sizeof header);
  if (header.magic != wire::kMagic) refuse("other bytes at the start", "a mapping table's magic");
  if (header.version != wire::kVersion) {
    refuse("version " + std::to_string(header.version), "version " + std::to_string(wire::kVersion));
  }
  if (header.reserved != 0) refuse("a reserved member of " + std::to_string(header.reserved), "0");
  if (header.length != payload.size()) {
    refuse(std::to_string(payload.size()) + " bytes of payload",
           std::to_string(header.length) + ", as the header says (truncated?)");
  }
  if (header.digest != sha256(payload)) refuse("a payload of another SHA-256", "the header's (corrupted?)");
  return payload;
}

// A FlatBuffer may refer to one place any number of times, and so mean far more than it holds. The writer does that
// with names alone, which are short, so nobody else has to: the rows that hang on lists of lists are counted, and there
// are no more of them than the payload has room for. Reading takes a small multiple of the payload's size, whatever it
// says.
class Rows {
 public:
  explicit Rows(std::size_t payload_bytes) : left_(payload_bytes) {}

  template <class Struct>
  const auto& take(const flatbuffers::Vector<const Struct*>& rows) {
    count(rows.size(), sizeof(Struct));
    return rows;
  }
  const auto& take(const flatbuffers::Vector<std::uint32_t>& rows) {
    count(rows.size(), sizeof(std::uint32_t));
    return rows;
  }

 private:
  void count(std::size_t rows, std::size_t bytes_each) {
    if (rows > left_ / bytes_each)
      refuse("more rows than the payload has room for", "every list in a place of its own");
    left_ -= rows * bytes_each;
  }

  std::size_t left_;
};

std::string text_of(const flatbuffers::String& text) {
  if (text.size() > kMaxNameLength) {
    refuse("a name of " + std::to_string(text.size()) + " bytes", std::string(kNameRule));
  }
  return text.str();
}

Ipv4Prefix from_wire(const wire::Prefix& prefix) {
  return {Ipv4Address::from_host(prefix.address()), prefix.length()};
}

Tenant read_tenant(const wire::Tenant& row) {
  using std::chrono::milliseconds;
  return {.account = text_of(*row.account()),
          .number = row.number(),
          .limits = {.flows = row.flow_limit(),
                     .new_flows_per_second = row.new_flows_per_second(),
                     .packets_per_second = row.packets_per_second()},
          .timeouts = {.tcp_opening = milliseconds(row.tcp_opening_ms()),
                       .tcp_established = milliseconds(row.tcp_established_ms()),
                       .tcp_closing = milliseconds(row.tcp_closing_ms()),
                       .udp = milliseconds(row.udp_ms()),
                       .icmp = milliseconds(row.icmp_ms())}};
}

void read_tenancy(const wire::Payload& rows, Table& table) {
  table.peers.reserve(rows.peers()->size());
  for (const wire::TunnelPeer* row : *rows.peers()) {
    table.peers.push_back({.name = text_of(*row->name()),
                           .address = Ipv4Address::from_host(row->address()),
                           .block = from_wire(*row->block())});
  }
  table.tenants.reserve(rows.tenants()->size());
  for (const wire::Tenant* row : *rows.tenants()) table.tenants.push_back(read_tenant(*row));
}

void read_shared_sets(const wire::Payload& rows, Rows& counted, Table& table) {
  table.route_sets.reserve(rows.route_sets()->size());
  for (const wire::RouteSet* set : *rows.route_sets()) {
    RouteSet& routes = table.route_sets.emplace_back();
    const auto& list = counted.take(*set->routes());
    routes.routes.reserve(list.size());
    for (const wire::Route* row : list) {
      routes.routes.push_back({from_wire(row->prefix()), static_cast<RouteTarget>(row->target())});
    }
  }
  table.rule_sets.reserve(rows.rule_sets()->size());
  for (const wire::RuleSet* set : *rows.rule_sets()) {
    RuleSet& rules = table.rule_sets.emplace_back();
    const auto& list = counted.take(*set->rules());
    rules.rules.reserve(list.size());
    for (const wire::EgressRule* row : list) {
      rules.rules.push_back({.protocol = row->protocol(),
                             .first_port = row->first_port(),
                             .last_port = row->last_port(),
                             .destination = from_wire(row->destination())});
    }
  }
}

void read_subnets(const wire::Payload& rows, Rows& counted, Table& table) {
  table.subnets.reserve(rows.subnets()->size());
  for (const wire::Subnet* row : *rows.subnets()) {
    Subnet& subnet = table.subnets.emplace_back();
    subnet.number = SubnetNumber{row->number()};
    subnet.id = text_of(*row->id());
    subnet.tenant = row->tenant();
    subnet.prefix = from_wire(*row->prefix());
    subnet.segment = {.attachment = text_of(*row->segment_attachment()), .id = row->segment_id()};
    subnet.router = Ipv4Address::from_host(row->router());
    const auto& vteps = counted.take(*row->vteps());
    subnet.vteps.reserve(vteps.size());
    for (const std::uint32_t vtep : vteps) subnet.vteps.push_back(Ipv4Address::from_host(vtep));
    subnet.route_set = row->route_set();
  }
}

Interface read_interface(const wire::Interface& row, const flatbuffers::String& id) {
  Interface interface {
    .id = text_of(id), .uid = row.uid(), .address = Ipv4Address::from_host(row.address()), .mac = {}
  };
  std::memcpy(interface.mac.bytes.data(), row.mac()->data(), interface.mac.bytes.size());
  return interface;
}

// The places among all interfaces of those that drain, taken in turn.
class Draining {
 public:
  Draining(const flatbuffers::Vector<std::uint32_t>* places, std::uint32_t interfaces) : places_(places) {
    if (places == nullptr) return;
    for (std::uint32_t i = 0; i < places->size(); ++i) {
      if (places->Get(i) >= interfaces || (i > 0 && places->Get(i) <= places->Get(i - 1))) {
        refuse("draining interface " + std::to_string(places->Get(i)) + " of " + std::to_string(interfaces),
               "places in ascending order, each once");
      }
    }
  }

  /// Whether this one does; asked for each in order.
  bool take(std::uint32_t interface) {
    if (places_ == nullptr || next_ == places_->size() || places_->Get(next_) != interface) return false;
    ++next_;
    return true;
  }

 private:
  const flatbuffers::Vector<std::uint32_t>* places_;
  std::uint32_t next_ = 0;
};

void read_mappings(const wire::Payload& rows, Table& table) {
  const std::uint32_t available = rows.interfaces()->size();
  if (rows.interface_ids()->size() != available) {
    refuse(std::to_string(rows.interface_ids()->size()) + " interface ids",
           std::to_string(available) + ", one for each interface");
  }
  Draining draining(rows.draining(), available);
  std::uint32_t next = 0;
  table.mappings.reserve(rows.mappings()->size());
  for (const wire::Mapping* row : *rows.mappings()) {
    if (row->interface_count() > available - next) {
      refuse("mapping " + std::to_string(row->number()) + " with " + std::to_string(row->interface_count()) +
                 " interfaces",
             "at most the " + std::to_string(available - next) + " that are left");
    }
    Mapping& mapping = table.mappings.emplace_back();
    mapping.number = MappingNumber{row->number()};
    mapping.uid = row->uid();
    mapping.tenant = row->tenant();
    mapping.subnet = row->subnet();
    mapping.rule_set = row->rule_set();
    mapping.interfaces.reserve(row->interface_count());
    for (std::uint32_t i = 0; i < row->interface_count(); ++i, ++next) {
      mapping.interfaces.push_back(read_interface(*rows.interfaces()->Get(next), *rows.interface_ids()->Get(next)));
      mapping.interfaces.back().drains = draining.take(next);
    }
  }
  if (next != available) {
    refuse(std::to_string(available - next) + " interfaces of no mapping", "every interface to have one");
  }
}

const wire::Payload& verified_root(std::span<const std::byte> payload) {
  if (payload.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    refuse(std::to_string(payload.size()) + " bytes of payload",
           "fewer than " + std::to_string(FLATBUFFERS_MAX_BUFFER_SIZE));
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(payload.data());
  flatbuffers::Verifier::Options options;
  options.max_tables = static_cast<flatbuffers::uoffset_t>(payload.size());  // the bytes are the limit
  flatbuffers::Verifier verifier(data, payload.size(), options);
  if (!wire::VerifyPayloadBuffer(verifier)) refuse("offsets that lead out of the payload", "a whole FlatBuffer");
  return *wire::GetPayload(data);
}

}  // namespace

Table read_table(std::span<const std::byte> bytes) {
  std::span<const std::byte> payload = open_envelope(bytes);
  std::vector<std::byte> aligned;
  if (reinterpret_cast<std::uintptr_t>(payload.data()) % wire::kPayloadAlignment != 0) {
    aligned.assign(payload.begin(), payload.end());
    payload = aligned;
  }

  const wire::Payload& rows = verified_root(payload);
  Table table;
  table.epoch = rows.epoch();
  table.generation = rows.generation();
  read_tenancy(rows, table);
  Rows counted(payload.size());
  read_shared_sets(rows, counted, table);
  read_subnets(rows, counted, table);
  read_mappings(rows, table);
  validate(table);
  return table;
}

}  // namespace hypernat::config
