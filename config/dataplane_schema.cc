// The keys of dataplane.yaml.
#include <bit>

#include "config/schemas.h"

namespace hypernat::config {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kLongestFragmentTimeout{60'000};

Schema<LambdaVpcConfig> lambda_vpc_schema() {
  Schema<LambdaVpcConfig> schema;
  schema
      .optional({"prefix", "Where execution environments have their addresses from."}, &LambdaVpcConfig::prefix,
                ipv4_prefix(8, 24))
      .optional(
          {"gateway", "The address of every environment's default route."},
          [](LambdaVpcConfig & c) -> auto& { return c.gateway.address; }, ipv4_address())
      .optional(
          {"gateway_mac", "The MAC that environments send to."},
          [](LambdaVpcConfig & c) -> auto& { return c.gateway.mac; }, unicast_mac());
  return schema;
}

Scalar<std::uint16_t> home_bucket_count() {
  Scalar<std::uint16_t> scalar = integer<std::uint16_t>(64, 512);
  scalar.range = "64, 128, 256 or 512";
  scalar.expected = scalar.range;
  scalar.parse = [parse = scalar.parse](std::string_view text) {
    const auto value = parse(text);
    return value && std::has_single_bit(*value) ? value : std::nullopt;
  };
  return scalar;
}

Schema<WorkersConfig> workers_schema() {
  Schema<WorkersConfig> schema;
  schema
      .list({"lcores", "The EAL lcores that run the workers. SIGHUP has a running data plane read them again."},
            &WorkersConfig::lcores, integer<unsigned>(0, 127), {.least = 0, .most = 64}, "every one but the main lcore")
      .optional({"count", "How many workers the flows are divided among, for good; each lcore runs one or more."},
                &WorkersConfig::count, integer<std::uint16_t>(1, 64), "one for each lcore")
      .optional({"idle", "What a worker without packets does: sleep, or ask again at once."}, &WorkersConfig::idle,
                one_of<IdleMode>({{"sleep", IdleMode::kSleep}, {"spin", IdleMode::kSpin}}))
      .optional({"idle_sleep", "How long it sleeps."}, &WorkersConfig::idle_sleep,
                duration(microseconds(1), microseconds(10'000)))
      .optional(
          {"scheduling", "What a worker with packets is to whatever else shares its CPU: one among all, or first."},
          &WorkersConfig::scheduling,
          one_of<WorkerScheduling>(
              {{"ordinary", WorkerScheduling::kOrdinary}, {"real_time", WorkerScheduling::kRealTime}}))
      .optional({"burst", "The most packets a worker takes from a port at a time."}, &WorkersConfig::burst,
                integer<std::uint16_t>(1, 256, "packets"))
      .optional({"home_buckets", "Size of the table that gives every flow its worker."}, &WorkersConfig::home_buckets,
                home_bucket_count());
  return schema;
}

Schema<PortConfig> port_schema() {
  Schema<PortConfig> schema;
  schema.required({"name", "What attachments call the port."}, &PortConfig::name, name())
      .required({"device", "What EAL calls the device."}, &PortConfig::device, text("net_tap0 or 0000:01:00.0"))
      .optional({"mtu", "The largest packet on the wire, without its Ethernet header."}, &PortConfig::mtu,
                integer<std::uint16_t>(576, 9'600, "bytes"))
      .optional({"rx_descriptors", "Receive ring of each queue."}, &PortConfig::rx_descriptors,
                integer<std::uint16_t>(64, 8'192))
      .optional({"tx_descriptors", "Transmit ring of each queue."}, &PortConfig::tx_descriptors,
                integer<std::uint16_t>(64, 8'192))
      .optional({"mac", "The port's MAC address."}, &PortConfig::mac, unicast_mac(), "the device's own");
  return schema;
}

Scalar<MappingNumber> mapping_number() {
  const Scalar<std::uint32_t> number = integer<std::uint32_t>(1, kMaxNumber24);
  return {.type = number.type,
          .unit = number.unit,
          .range = number.range,
          .expected = number.expected,
          .parse = [parse = number.parse](std::string_view text) -> std::optional<MappingNumber> {
            const auto value = parse(text);
            return value ? std::optional(MappingNumber{*value}) : std::nullopt;
          },
          .print = [](const MappingNumber& value) { return std::to_string(to_number(value)); }};
}

Schema<AttachmentConfig> attachment_schema() {
  Schema<AttachmentConfig> schema;
  schema.required({"name", "What subnets' segments call the attachment."}, &AttachmentConfig::name, name())
      .required({"side", "The Lambda VPC is inside, the tenants' subnets are outside."}, &AttachmentConfig::side,
                one_of<Side>({{"inside", Side::kInside}, {"outside", Side::kOutside}}))
      .required({"port", "The name of the port that carries it."}, &AttachmentConfig::port, name())
      .required({"encapsulation", "What packets wear; inside, the VLAN id or VNI is the mapping's number."},
                &AttachmentConfig::encapsulation,
                one_of<Encapsulation>({{"plain", Encapsulation::kPlain},
                                       {"vlan", Encapsulation::kVlan},
                                       {"vxlan", Encapsulation::kVxlan},
                                       {"geneve", Encapsulation::kGeneve}}))
      .optional({"mapping", "Plain inside only, and required there: the number of the one mapping behind the port."},
                &AttachmentConfig::mapping, mapping_number(), "none")
      .optional({"mtu", "The largest inner IPv4 packet."}, &AttachmentConfig::mtu,
                integer<std::uint16_t>(576, 9'600, "bytes"), "the port's, less 50 for a tunnel")
      .optional({"mss", "The largest TCP MSS that SYNs across it, either way, may announce; 0 for any."},
                &AttachmentConfig::mss, integer<std::uint16_t>(0, 9'560, "bytes"), "the mtu less 40")
      .optional({"address", "Tunnels only, and required there: the tunnel's own end and its prefix."},
                &AttachmentConfig::address, device_address(), "none")
      .optional({"router", "Tunnels only: the way to peers outside the prefix."}, &AttachmentConfig::router,
                ipv4_address(), "none: every peer is a neighbour")
      .optional({"udp_port", "Tunnels only: the destination port of the tunnel."}, &AttachmentConfig::udp_port,
                integer<std::uint16_t>(1, 65'535), "4789 for vxlan, 6081 for geneve")
      .optional({"ttl", "Tunnels only: TTL of the outer header."}, &AttachmentConfig::ttl,
                integer<std::uint8_t>(1, 255, "hops"))
      .optional({"df", "Tunnels only: whether the outer header forbids fragments."}, &AttachmentConfig::df, yes_or_no())
      .list({"peers", "Tunnels only: prefixes that peers may have, beside the ends that the mapping table names."},
            &AttachmentConfig::peers, ipv4_prefix(0, 32), {.least = 0, .most = 64});
  return schema;
}

Schema<LimitsConfig> limits_schema() {
  const auto count = [](std::uint32_t most, const char* unit = "") { return integer<std::uint32_t>(1, most, unit); };
  Schema<LimitsConfig> schema;
  schema.optional({"flows", "Flows at a time, of each worker."}, &LimitsConfig::flows, count(1 << 26))
      .optional({"flows_per_tenant",
                 "How many of them may be one tenant's, whatever its own limit says, while the table names several "
                 "tenants; one alone may have all."},
                &LimitsConfig::flows_per_tenant, count(1 << 26), "half of flows")
      .optional(
          {"redirects",
           "Flows of each worker that another one owns, since the first had no port or no flow entry left for them."},
          &LimitsConfig::redirects, count(1 << 19))
      .optional(
          {"redirects_per_tenant", "How many of them may be one tenant's, while the table names several tenants."},
          &LimitsConfig::redirects_per_tenant, count(1 << 19), "half of redirects")
      .optional({"mappings", "Mappings in a table."}, &LimitsConfig::mappings, count(1 << 20))
      .optional({"interfaces", "Interfaces in a table."}, &LimitsConfig::interfaces, count(1 << 20))
      .optional({"subnets", "Subnets in a table."}, &LimitsConfig::subnets, count(1 << 20))
      .optional({"next_hops", "Neighbours known at a time, of each worker."}, &LimitsConfig::next_hops, count(1 << 20))
      .optional({"held_packets", "Packets that wait for a neighbour's answer, of each worker."},
                &LimitsConfig::held_packets, count(1 << 16, "packets"))
      .optional({"held_per_next_hop", "How many of them wait for the same neighbour."},
                &LimitsConfig::held_per_next_hop, count(1 << 10, "packets"))
      .optional({"held_per_tenant", "How many of them may be one tenant's; at most half of all."},
                &LimitsConfig::held_per_tenant, count(1 << 15, "packets"), "a quarter of held_packets")
      .optional({"fragmented_datagrams", "Datagrams in fragments that are followed at a time, of each worker."},
                &LimitsConfig::fragmented_datagrams, count(1 << 16))
      .optional({"fragmented_per_tenant", "How many of them may be one tenant's; at most half of all."},
                &LimitsConfig::fragmented_per_tenant, count(1 << 15), "a quarter of fragmented_datagrams")
      .optional({"held_fragments", "Fragments that wait for the first one of their datagram, of each worker."},
                &LimitsConfig::held_fragments, count(1 << 16, "packets"))
      .optional({"held_fragments_per_tenant", "How many of them may be one tenant's; at most half of all."},
                &LimitsConfig::held_fragments_per_tenant, count(1 << 15, "packets"), "a quarter of held_fragments")
      .optional({"held_fragments_per_datagram", "How many of them may be of the same datagram."},
                &LimitsConfig::held_fragments_per_datagram, count(1 << 10, "packets"))
      .optional({"port_bitmaps", "Remote endpoints whose ports are counted exactly, of each worker."},
                &LimitsConfig::port_bitmaps, count(1 << 20))
      .optional({"resets_per_second", "RSTs to a tenant whose segments have no flow, of each worker; as many at once."},
                &LimitsConfig::resets_per_second, count(1 << 20, "packets"))
      .optional({"icmp_errors_per_second", "ICMP errors to a tenant and his remotes, likewise."},
                &LimitsConfig::icmp_errors_per_second, count(1 << 20, "packets"))
      .optional({"trace_records", "Decisions that `hypernat trace` can hold, of each worker."},
                &LimitsConfig::trace_records, count(1 << 20));
  return schema;
}

Schema<TimeoutsConfig> timeouts_schema() {
  const auto timeout = [] { return duration(kShortestTimeout, kLongestTimeout); };
  Schema<TimeoutsConfig> schema;
  schema
      .optional({"tcp_opening", "A TCP flow whose handshake is not complete."}, &TimeoutsConfig::tcp_opening, timeout())
      .optional({"tcp_established", "An idle TCP flow."}, &TimeoutsConfig::tcp_established, timeout())
      .optional({"tcp_closing", "A TCP flow after both FINs or a RST; its port's quarantine."},
                &TimeoutsConfig::tcp_closing, timeout())
      .optional({"udp", "An idle UDP flow."}, &TimeoutsConfig::udp, timeout())
      .optional({"icmp", "An idle echo flow."}, &TimeoutsConfig::icmp, timeout())
      .optional({"fragments", "A datagram of which a fragment has come and others have not."},
                &TimeoutsConfig::fragments, duration(kShortestTimeout, kLongestFragmentTimeout))
      .optional({"neighbour", "A neighbour's MAC, before it is asked for again."}, &TimeoutsConfig::neighbour,
                timeout());
  return schema;
}

}  // namespace

Schema<StoreConfig> store_schema() {
  Schema<StoreConfig> schema;
  schema
      .optional({"directory", "Where the mapping table and the statuses lie; the same for both planes."},
                &StoreConfig::directory, absolute_path())
      .optional({"beat", "How often the table is pulled, or statuses are looked at."}, &StoreConfig::beat,
                duration(milliseconds(10), milliseconds(60'000)));
  return schema;
}

const Schema<DataplaneConfig>& dataplane_schema() {
  static const Schema<DataplaneConfig> kSchema = [] {
    Schema<DataplaneConfig> schema;
    schema.required({"node", "The data plane's name in the store."}, &DataplaneConfig::node, name())
        .list({"eal", "EAL arguments; the command line's, behind `--`, are appended."}, &DataplaneConfig::eal,
              text("--no-huge"), {.least = 0, .most = 64})
        .optional({"file_prefix", "EAL --file-prefix: tells the data planes of one machine apart."},
                  &DataplaneConfig::file_prefix, name())
        .group({"store", "The mapping table's store."}, &DataplaneConfig::store, store_schema())
        .group({"lambda_vpc", "The inside network."}, &DataplaneConfig::lambda_vpc, lambda_vpc_schema())
        .group({"workers", "Who forwards packets."}, &DataplaneConfig::workers, workers_schema())
        .list({"ports", "The Ethernet devices."}, &DataplaneConfig::ports, port_schema(), {.least = 1, .most = 32})
        .list({"attachments", "What the ports carry; at least one on each side."}, &DataplaneConfig::attachments,
              attachment_schema(), {.least = 1, .most = 64})
        .optional({"fragments", "Of which protocols fragments are translated; AWS's NAT gateway translates UDP's."},
                  &DataplaneConfig::fragments,
                  one_of<FragmentMode>({{"all", FragmentMode::kAll}, {"udp", FragmentMode::kUdp}}))
        .group({"limits", "Sizes of what is allocated at start."}, &DataplaneConfig::limits, limits_schema())
        .group({"timeouts", "After how long without a packet things go."}, &DataplaneConfig::timeouts,
               timeouts_schema());
    return schema;
  }();
  return kSchema;
}

}  // namespace hypernat::config
