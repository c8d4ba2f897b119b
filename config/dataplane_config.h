// dataplane.yaml: one data plane's ports, attachments, workers and limits.
//
// A passive value: whoever gets one may rely on everything that the loader checks (dataplane_config.cc): names are
// unique, attachments name ports that exist and do not collide, numbers are in range.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/common_config.h"
#include "config/config_error.h"
#include "config/types.h"

namespace hypernat::config {

enum class Side : std::uint8_t { kInside, kOutside };

/// What a packet wears on an attachment. Inside, a VLAN id or VNI is the mapping's number; outside, the table's
/// segments name it.
enum class Encapsulation : std::uint8_t { kPlain, kVlan, kVxlan, kGeneve };

/// Whether frames travel in UDP between two addresses of an underlay.
constexpr bool is_tunnel(Encapsulation encapsulation) {
  return encapsulation == Encapsulation::kVxlan || encapsulation == Encapsulation::kGeneve;
}

inline constexpr std::uint16_t kVxlanPort = 4789;   ///< RFC 7348
inline constexpr std::uint16_t kGenevePort = 6081;  ///< RFC 8926

std::string to_string(Side side);
std::string to_string(Encapsulation encapsulation);

struct LambdaVpcConfig {
  Ipv4Prefix prefix = kDefaultLambdaVpc;
  GatewayConfig gateway;
  bool operator==(const LambdaVpcConfig&) const = default;
};

/// What a worker does when its ports and rings were empty.
enum class IdleMode : std::uint8_t {
  kSleep,  ///< pause, then sleep: for machines with other things to do
  kSpin,   ///< ask again at once: for benches
};

/// Before whom a worker runs that has work.
enum class WorkerScheduling : std::uint8_t {
  kOrdinary,  ///< one among all on its CPU
  kRealTime,  ///< before every ordinary process and kernel thread, which have its CPU while it sleeps
};

struct WorkersConfig {
  std::vector<unsigned> lcores;        ///< that run the workers; empty: every EAL lcore but the main one
  std::optional<std::uint16_t> count;  ///< of workers, at least one for each lcore; absent: one for each
  IdleMode idle = IdleMode::kSleep;
  std::chrono::microseconds idle_sleep{50};
  WorkerScheduling scheduling = WorkerScheduling::kOrdinary;
  std::uint16_t burst = 64;          ///< packets received at a time
  std::uint16_t home_buckets = 128;  ///< size of the redirection table that gives every flow its home; a power of two
  bool operator==(const WorkersConfig&) const = default;
};

struct PortConfig {
  std::string name;
  std::string device;  ///< as EAL names it: "net_tap0", "0000:01:00.0"
  std::uint16_t mtu = 1500;
  std::uint16_t rx_descriptors = 1024;
  std::uint16_t tx_descriptors = 1024;
  std::optional<MacAddress> mac;  ///< absent: the device's own
  bool operator==(const PortConfig&) const = default;
};

struct AttachmentConfig {
  std::string name;
  Side side = Side::kInside;
  std::string port;  ///< a PortConfig's name
  Encapsulation encapsulation = Encapsulation::kPlain;
  std::optional<MappingNumber> mapping;  ///< set exactly on a plain inside attachment
  /// Largest inner IPv4 packet in bytes. The loader fills it: the port's MTU less what the tunnel adds.
  std::uint16_t mtu = 1500;
  /// Largest TCP MSS that SYNs across it may announce, 0 for any. The loader fills it: the MTU less both headers.
  std::uint16_t mss = 1460;

  // Tunnels (vxlan, geneve) only; `address` is always set there.
  std::optional<DeviceAddress> address;  ///< the tunnel's own end in the underlay
  std::optional<Ipv4Address> router;     ///< of the underlay; absent: every peer is a neighbour
  std::uint16_t udp_port = kVxlanPort;   ///< the loader fills it with the encapsulation's own
  std::uint8_t ttl = 64;                 ///< of the outer header
  bool df = true;                        ///< DF of the outer header
  std::vector<Ipv4Prefix> peers;         ///< prefixes that tunnel peers may have, beside those the table names

  bool operator==(const AttachmentConfig&) const = default;
};

/// The size of everything that is allocated at start.
struct LimitsConfig {
  std::uint32_t flows = 65536;                ///< of each worker
  std::uint32_t flows_per_tenant = 32768;     ///< of these
  std::uint32_t redirects = 16384;            ///< of each worker
  std::uint32_t redirects_per_tenant = 8192;  ///< of these
  std::uint32_t mappings = 4096;
  std::uint32_t interfaces = 4096;
  std::uint32_t subnets = 1024;
  std::uint32_t next_hops = 4096;    ///< of each worker
  std::uint32_t held_packets = 256;  ///< of each worker, while next hops are unresolved
  std::uint32_t held_per_next_hop = 8;
  std::uint32_t held_per_tenant = 64;
  std::uint32_t fragmented_datagrams = 1024;  ///< of each worker, whose fragments are on their way
  std::uint32_t fragmented_per_tenant = 256;
  std::uint32_t held_fragments = 512;  ///< of each worker, while the first fragment of their datagram has not come
  std::uint32_t held_fragments_per_tenant = 128;
  std::uint32_t held_fragments_per_datagram = 64;
  std::uint32_t port_bitmaps = 256;            ///< of each worker
  std::uint32_t resets_per_second = 100;       ///< of each worker to each tenant
  std::uint32_t icmp_errors_per_second = 100;  ///< likewise
  std::uint32_t trace_records = 1024;          ///< of each worker
  bool operator==(const LimitsConfig&) const = default;
};

/// After how long without a packet a flow goes.
struct TimeoutsConfig {
  std::chrono::milliseconds tcp_opening{240'000};
  std::chrono::milliseconds tcp_established{350'000};
  std::chrono::milliseconds tcp_closing{60'000};  ///< also the port's quarantine towards that remote endpoint
  std::chrono::milliseconds udp{120'000};
  std::chrono::milliseconds icmp{60'000};
  std::chrono::milliseconds fragments{2'000};   ///< of a datagram, from the first of its fragments to come
  std::chrono::milliseconds neighbour{60'000};  ///< after which a resolved MAC is asked for again
  bool operator==(const TimeoutsConfig&) const = default;
};

/// Of which protocols fragments are translated.
enum class FragmentMode : std::uint8_t {
  kAll,
  kUdp,  ///< as AWS's NAT gateway does
};

struct DataplaneConfig {
  std::string node;
  std::vector<std::string> eal;          ///< EAL arguments, passed through after the program's name
  std::string file_prefix = "hypernat";  ///< EAL --file-prefix, always given
  StoreConfig store;
  LambdaVpcConfig lambda_vpc;
  WorkersConfig workers;
  std::vector<PortConfig> ports;
  std::vector<AttachmentConfig> attachments;
  FragmentMode fragments = FragmentMode::kAll;
  LimitsConfig limits;
  TimeoutsConfig timeouts;
  bool operator==(const DataplaneConfig&) const = default;
};

/// What a running data plane can not take from its file when it reads it again, everything but workers.lcores: for each
/// key that differs "limits.flows (65536, now 1000)". A `wanted` without workers.count wants the running one.
std::vector<std::string> differences_for_good(const DataplaneConfig& running, const DataplaneConfig& wanted);

/// Both throw ConfigError with every mistake found.
DataplaneConfig load_dataplane_config(const std::filesystem::path& file);
DataplaneConfig parse_dataplane_config(std::string_view text, const std::string& file_name);

}  // namespace hypernat::config
