// What the parts of a dataplane.yaml must have to do with each other.
#include "config/dataplane_config.h"

#include <algorithm>
#include <map>
#include <set>

#include "config/schemas.h"

namespace hypernat::config {
namespace {

/// IPv4 and TCP headers without options (RFC 9293 3.7.1).
constexpr std::uint16_t kTcpHeaders = 20 + 20;

/// What a tunnel adds to an inner IPv4 packet: inner Ethernet, VXLAN (RFC 7348) or Geneve without options (RFC 8926),
/// UDP and outer IPv4 headers.
constexpr std::uint16_t kTunnelOverhead = 14 + 8 + 8 + 20;

void check_workers(const DataplaneConfig& config, Loader& loader) {
  std::set<unsigned> seen;
  for (std::size_t i = 0; i < config.workers.lcores.size(); ++i) {
    const unsigned lcore = config.workers.lcores[i];
    if (!seen.insert(lcore).second) {
      loader.refuse(Path() / "workers" / "lcores" / i, "lcore " + std::to_string(lcore) + " again", "each lcore once");
    }
  }
  const std::size_t lcores = config.workers.lcores.size();
  if (config.workers.count && lcores > *config.workers.count) {
    const std::string count = std::to_string(*config.workers.count);
    loader.refuse(Path() / "workers" / "lcores", std::to_string(lcores) + " lcores for workers.count " + count,
                  "at most " + count + " of them, as each runs one worker or more");
  }
  if (config.workers.scheduling == WorkerScheduling::kRealTime && config.workers.idle == IdleMode::kSpin) {
    loader.refuse(Path() / "workers" / "scheduling", "real_time with idle: spin",
                  "idle: sleep, as the kernel's own threads need the CPU, too");
  }
}

void check_eal(const DataplaneConfig& config, Loader& loader) {
  for (std::size_t i = 0; i < config.eal.size(); ++i) {
    if (config.eal[i].starts_with("--file-prefix")) {
      loader.refuse(Path() / "eal" / i, quote(config.eal[i]), "the key file_prefix instead");
    }
  }
}

void check_ports(const DataplaneConfig& config, Loader& loader) {
  std::set<std::string> names;
  std::set<std::string> devices;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const PortConfig& port = config.ports[i];
    const Path at = Path() / "ports" / i;
    if (!names.insert(port.name).second) {
      loader.refuse(at / "name", "the port " + quote(port.name) + " again", "every name once");
    }
    if (!devices.insert(port.device).second) {
      loader.refuse(at / "device", "the device " + quote(port.device) + " again", "every device in one port");
    }
  }
}

/// One attachment by itself and with its port.
class AttachmentCheck {
 public:
  AttachmentCheck(const DataplaneConfig& config, Loader& loader) : config_(config), loader_(loader) {}

  void check(AttachmentConfig& attachment, const Path& at) {
    const PortConfig* port = port_of(attachment);
    if (port == nullptr) {
      loader_.refuse(at / "port", "the unknown port " + quote(attachment.port), "one of " + port_names());
    } else {
      settle_mtu(attachment, *port, at);
    }
    check_mapping(attachment, at);
    if (is_tunnel(attachment.encapsulation)) {
      settle_udp_port(attachment, at);
      check_tunnel(attachment, at);
    } else {
      refuse_tunnel_keys(attachment, at);
    }
  }

 private:
  const PortConfig* port_of(const AttachmentConfig& attachment) const {
    const auto port = std::find_if(config_.ports.begin(), config_.ports.end(),
                                   [&](const PortConfig& known) { return known.name == attachment.port; });
    return port == config_.ports.end() ? nullptr : &*port;
  }

  std::string port_names() const {
    std::string names;
    for (const PortConfig& port : config_.ports) names += (names.empty() ? "" : ", ") + port.name;
    return names;
  }

  void settle_mtu(AttachmentConfig& attachment, const PortConfig& port, const Path& at) {
    const int overhead = is_tunnel(attachment.encapsulation) ? kTunnelOverhead : 0;
    const auto largest = static_cast<std::uint16_t>(port.mtu - overhead);
    if (!loader_.has(at / "mtu")) {
      attachment.mtu = largest;
    } else if (attachment.mtu > largest) {
      loader_.refuse(at / "mtu", "an MTU of " + std::to_string(attachment.mtu),
                     "at most " + std::to_string(largest) + ", what port " + quote(port.name) + " leaves");
    }
    if (!loader_.has(at / "mss")) attachment.mss = static_cast<std::uint16_t>(attachment.mtu - kTcpHeaders);
  }

  void settle_udp_port(AttachmentConfig& attachment, const Path& at) {
    if (loader_.has(at / "udp_port")) return;
    attachment.udp_port = attachment.encapsulation == Encapsulation::kGeneve ? kGenevePort : kVxlanPort;
  }

  void check_mapping(const AttachmentConfig& attachment, const Path& at) {
    const bool needed = attachment.side == Side::kInside && attachment.encapsulation == Encapsulation::kPlain;
    if (needed && !attachment.mapping) {
      loader_.refuse(at, "no \"mapping\" for the plain inside attachment " + quote(attachment.name),
                     "the number of the mapping behind the port");
    } else if (!needed && attachment.mapping) {
      loader_.refuse(
          at / "mapping",
          "a mapping for a " + to_string(attachment.encapsulation) + " " + to_string(attachment.side) + " attachment",
          "one on a plain inside attachment only");
    }
  }

  void check_tunnel(const AttachmentConfig& attachment, const Path& at) {
    if (!attachment.address) {
      loader_.refuse(
          at, "no \"address\" for the " + to_string(attachment.encapsulation) + " attachment " + quote(attachment.name),
          "the tunnel's own address, as 192.0.2.1/24");
      return;
    }
    if (!attachment.router) return;
    const Ipv4Prefix prefix = attachment.address->prefix();
    if (!prefix.contains(*attachment.router) || *attachment.router == attachment.address->address) {
      loader_.refuse(at / "router", "router " + to_string(*attachment.router),
                     "another address of " + to_string(prefix));
    }
  }

  void refuse_tunnel_keys(const AttachmentConfig& attachment, const Path& at) {
    for (const char* key : {"address", "router", "udp_port", "ttl", "df", "peers"}) {
      if (!loader_.has(at / key)) continue;
      loader_.refuse(at / key, quote(key) + " for a " + to_string(attachment.encapsulation) + " attachment",
                     "it on a vxlan or geneve attachment only");
    }
  }

  const DataplaneConfig& config_;
  Loader& loader_;
};

/// Whether one port cannot tell the packets of two attachments apart: both untagged, or both tagged.
bool collide(const AttachmentConfig& a, const AttachmentConfig& b) {
  const bool a_tagged = a.encapsulation == Encapsulation::kVlan;
  const bool b_tagged = b.encapsulation == Encapsulation::kVlan;
  return a.port == b.port && a_tagged == b_tagged;
}

void check_attachments(DataplaneConfig& config, Loader& loader) {
  AttachmentCheck each(config, loader);
  auto& attachments = config.attachments;
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    const Path at = Path() / "attachments" / i;
    each.check(attachments[i], at);
    for (std::size_t j = 0; j < i; ++j) {
      if (attachments[j].name == attachments[i].name) {
        loader.refuse(at / "name", "the attachment " + quote(attachments[i].name) + " again", "every name once");
      } else if (collide(attachments[j], attachments[i])) {
        loader.refuse(at,
                      "attachment " + quote(attachments[i].name) + " (" + to_string(attachments[i].encapsulation) +
                          ") colliding with " + quote(attachments[j].name) + " (" +
                          to_string(attachments[j].encapsulation) + ") on port " + quote(attachments[i].port),
                      "one untagged and one vlan attachment on a port");
      } else if (attachments[i].address && attachments[j].address &&
                 attachments[i].address->address == attachments[j].address->address) {
        loader.refuse(at / "address", "the address of attachment " + quote(attachments[j].name), "another");
      }
    }
  }
  for (const Side side : {Side::kInside, Side::kOutside}) {
    const bool present = std::any_of(attachments.begin(), attachments.end(),
                                     [side](const AttachmentConfig& known) { return known.side == side; });
    if (!present) loader.refuse(Path() / "attachments", "no " + to_string(side) + " attachment", "at least one");
  }
}

struct Whole {
  const char* key = "";
  std::uint32_t size = 0;
};

// A tenant's share is never so large that one alone could leave another less than that.
void settle_share(const char* key, std::uint32_t& share, const Whole& whole, Loader& loader) {
  const Path at = Path() / "limits" / key;
  const std::uint32_t half = std::max(1U, whole.size / 2);
  if (!loader.has(at)) {
    share = std::max(1U, whole.size / 4);
  } else if (share > half) {
    loader.refuse(at, std::to_string(share), std::string("at most half of ") + whole.key + ", " + std::to_string(half));
  }
}

// Half of the whole where nothing is said, and never more than the whole: who has but one tenant may let it have all.
void settle_large_share(const char* key, std::uint32_t& share, const Whole& whole, Loader& loader) {
  const Path at = Path() / "limits" / key;
  if (!loader.has(at)) {
    share = std::max(1U, whole.size / 2);
  } else if (share > whole.size) {
    loader.refuse(at, std::to_string(share), std::string("at most ") + whole.key + ", " + std::to_string(whole.size));
  }
}

void settle_limits(DataplaneConfig& config, Loader& loader) {
  LimitsConfig& limits = config.limits;
  settle_large_share("flows_per_tenant", limits.flows_per_tenant, {"flows", limits.flows}, loader);
  settle_large_share("redirects_per_tenant", limits.redirects_per_tenant, {"redirects", limits.redirects}, loader);
  settle_share("held_per_tenant", limits.held_per_tenant, {"held_packets", limits.held_packets}, loader);
  settle_share("fragmented_per_tenant", limits.fragmented_per_tenant,
               {"fragmented_datagrams", limits.fragmented_datagrams}, loader);
  settle_share("held_fragments_per_tenant", limits.held_fragments_per_tenant, {"held_fragments", limits.held_fragments},
               loader);
  if (limits.held_per_next_hop > limits.held_packets) {
    loader.refuse(Path() / "limits" / "held_per_next_hop", std::to_string(limits.held_per_next_hop),
                  "at most held_packets, " + std::to_string(limits.held_packets));
  }
}

}  // namespace

std::string to_string(Side side) {
  return side == Side::kInside ? "inside" : "outside";
}

std::string to_string(Encapsulation encapsulation) {
  switch (encapsulation) {
    case Encapsulation::kPlain:
      return "plain";
    case Encapsulation::kVlan:
      return "vlan";
    case Encapsulation::kVxlan:
      return "vxlan";
    case Encapsulation::kGeneve:
      return "geneve";
  }
  return "";
}

std::vector<std::string> differences_for_good(const DataplaneConfig& running, const DataplaneConfig& wanted) {
  DataplaneConfig before = running;
  DataplaneConfig after = wanted;
  after.workers.lcores = before.workers.lcores;
  if (!after.workers.count) after.workers.count = before.workers.count;
  std::vector<Difference> found;
  dataplane_schema().compare(before, after, {}, found);
  std::vector<std::string> texts;
  for (const Difference& difference : found)
    texts.push_back(difference.key + " (" + difference.before + ", now " + difference.after + ")");
  return texts;
}

DataplaneConfig parse_dataplane_config(std::string_view text, const std::string& file_name) {
  Loader loader(file_name);
  DataplaneConfig config = load_document(dataplane_schema(), text, file_name, loader);
  check_eal(config, loader);
  check_workers(config, loader);
  check_ports(config, loader);
  check_attachments(config, loader);
  settle_limits(config, loader);
  loader.finish();
  return config;
}

DataplaneConfig load_dataplane_config(const std::filesystem::path& file) {
  return parse_dataplane_config(read_text(file), file.string());
}

}  // namespace hypernat::config
