// Table → bytes. Everything is emitted in the table's own order and padding is zeroed by FlatBuffers, so equal tables
// give equal bytes.
#include <cstring>

#include "config/table.h"
#include "config/table_wire.h"

namespace hypernat::config {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

template <class T>
using VectorOffset = Offset<flatbuffers::Vector<T>>;

wire::Prefix to_wire(const Ipv4Prefix& prefix) {
  return {prefix.address.host(), prefix.length};
}

VectorOffset<Offset<wire::TunnelPeer>> write_peers(FlatBufferBuilder& builder, const Table& table) {
  std::vector<Offset<wire::TunnelPeer>> offsets;
  offsets.reserve(table.peers.size());
  for (const TunnelPeer& peer : table.peers) {
    const wire::Prefix block = to_wire(peer.block);
    const auto name = builder.CreateString(peer.name);
    offsets.push_back(wire::CreateTunnelPeer(builder, name, peer.address.host(), &block));
  }
  return builder.CreateVector(offsets);
}

std::uint32_t milliseconds_of(std::chrono::milliseconds duration) {
  return static_cast<std::uint32_t>(duration.count());
}

// What is zero takes no bytes: a tenant who never had such a limit or timeout is written as before there were any.
VectorOffset<Offset<wire::Tenant>> write_tenants(FlatBufferBuilder& builder, const Table& table) {
  std::vector<Offset<wire::Tenant>> offsets;
  offsets.reserve(table.tenants.size());
  for (const Tenant& tenant : table.tenants) {
    const auto account = builder.CreateString(tenant.account);
    const TenantLimits& limits = tenant.limits;
    const TenantTimeouts& timeouts = tenant.timeouts;
    offsets.push_back(wire::CreateTenant(
        builder, account, tenant.number, limits.flows, limits.new_flows_per_second, limits.packets_per_second,
        milliseconds_of(timeouts.tcp_opening), milliseconds_of(timeouts.tcp_established),
        milliseconds_of(timeouts.tcp_closing), milliseconds_of(timeouts.udp), milliseconds_of(timeouts.icmp)));
  }
  return builder.CreateVector(offsets);
}

VectorOffset<Offset<wire::RouteSet>> write_route_sets(FlatBufferBuilder& builder, const Table& table) {
  std::vector<Offset<wire::RouteSet>> offsets;
  offsets.reserve(table.route_sets.size());
  std::vector<wire::Route> rows;
  for (const RouteSet& set : table.route_sets) {
    rows.clear();
    for (const Route& route : set.routes) {
      rows.emplace_back(to_wire(route.prefix), static_cast<std::uint8_t>(route.target));
    }
    offsets.push_back(wire::CreateRouteSet(builder, builder.CreateVectorOfStructs(rows)));
  }
  return builder.CreateVector(offsets);
}

VectorOffset<Offset<wire::RuleSet>> write_rule_sets(FlatBufferBuilder& builder, const Table& table) {
  std::vector<Offset<wire::RuleSet>> offsets;
  offsets.reserve(table.rule_sets.size());
  std::vector<wire::EgressRule> rows;
  for (const RuleSet& set : table.rule_sets) {
    rows.clear();
    for (const EgressRule& rule : set.rules) {
      rows.emplace_back(to_wire(rule.destination), rule.protocol, rule.first_port, rule.last_port);
    }
    offsets.push_back(wire::CreateRuleSet(builder, builder.CreateVectorOfStructs(rows)));
  }
  return builder.CreateVector(offsets);
}

VectorOffset<Offset<wire::Subnet>> write_subnets(FlatBufferBuilder& builder, const Table& table) {
  std::vector<Offset<wire::Subnet>> offsets;
  offsets.reserve(table.subnets.size());
  std::vector<std::uint32_t> vteps;
  for (const Subnet& subnet : table.subnets) {
    vteps.clear();
    for (const Ipv4Address vtep : subnet.vteps) vteps.push_back(vtep.host());
    const wire::Prefix prefix = to_wire(subnet.prefix);
    const auto id = builder.CreateString(subnet.id);
    // Thousands of subnets lie on one attachment: its name is stored once.
    const auto attachment = builder.CreateSharedString(subnet.segment.attachment);
    const auto vtep_rows = builder.CreateVector(vteps);
    wire::SubnetBuilder row(builder);
    row.add_number(to_number(subnet.number));
    row.add_id(id);
    row.add_tenant(subnet.tenant);
    row.add_prefix(&prefix);
    row.add_segment_attachment(attachment);
    row.add_segment_id(subnet.segment.id);
    row.add_router(subnet.router.host());
    row.add_vteps(vtep_rows);
    row.add_route_set(subnet.route_set);
    offsets.push_back(row.Finish());
  }
  return builder.CreateVector(offsets);
}

struct MappingOffsets {
  VectorOffset<const wire::Mapping*> mappings;
  VectorOffset<const wire::Interface*> interfaces;
  VectorOffset<Offset<flatbuffers::String>> interface_ids;
  VectorOffset<std::uint32_t> draining;  ///< null, and so no bytes, when there is none
};

MappingOffsets write_mappings(FlatBufferBuilder& builder, const Table& table) {
  std::vector<wire::Mapping> mappings;
  mappings.reserve(table.mappings.size());
  std::vector<wire::Interface> interfaces;
  std::vector<Offset<flatbuffers::String>> ids;
  std::vector<std::uint32_t> draining;
  for (const Mapping& mapping : table.mappings) {
    mappings.emplace_back(mapping.uid, to_number(mapping.number), mapping.tenant, mapping.subnet, mapping.rule_set,
                          static_cast<std::uint32_t>(mapping.interfaces.size()));
    for (const Interface& interface : mapping.interfaces) {
      if (interface.drains) draining.push_back(static_cast<std::uint32_t>(interfaces.size()));
      interfaces.emplace_back(interface.uid, interface.address.host(),
                              flatbuffers::span<const std::uint8_t, 6>(interface.mac.bytes));
      ids.push_back(builder.CreateString(interface.id));
    }
  }
  return {builder.CreateVectorOfStructs(mappings), builder.CreateVectorOfStructs(interfaces), builder.CreateVector(ids),
          draining.empty() ? VectorOffset<std::uint32_t>() : builder.CreateVector(draining)};
}

}  // namespace

std::vector<std::byte> write_table(const Table& table) {
  validate(table);

  FlatBufferBuilder builder(1 << 20);
  const auto peers = write_peers(builder, table);
  const auto tenants = write_tenants(builder, table);
  const auto route_sets = write_route_sets(builder, table);
  const auto rule_sets = write_rule_sets(builder, table);
  const auto subnets = write_subnets(builder, table);
  const MappingOffsets rows = write_mappings(builder, table);
  wire::FinishPayloadBuffer(
      builder, wire::CreatePayload(builder, table.epoch, table.generation, peers, tenants, route_sets, rule_sets,
                                   subnets, rows.mappings, rows.interfaces, rows.interface_ids, rows.draining));

  const std::span<const std::byte> payload(reinterpret_cast<const std::byte*>(builder.GetBufferPointer()),
                                           builder.GetSize());
  wire::Header header;
  header.length = payload.size();
  header.digest = sha256(payload);
  std::vector<std::byte> bytes(sizeof header + payload.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, payload.data(), payload.size());
  return bytes;
}

}  // namespace hypernat::config
