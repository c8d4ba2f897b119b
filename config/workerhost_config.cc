// The keys of workerhost.yaml, and what its parts must have to do with each other.
#include "config/workerhost_config.h"

#include "config/schemas.h"

namespace hypernat::config {
namespace {

/// A device's name as the kernel takes it.
Scalar<std::string> device_name() {
  constexpr std::size_t kLongest = 15;  // IFNAMSIZ - 1
  Scalar<std::string> scalar = name();
  scalar.type = "device";
  scalar.range = "at most " + std::to_string(kLongest) + " characters";
  scalar.expected = "a network device's name of at most " + std::to_string(kLongest) + " characters";
  scalar.parse = [parse = scalar.parse](std::string_view text) {
    return text.size() <= kLongest ? parse(text) : std::nullopt;
  };
  return scalar;
}

Scalar<std::string> control_endpoint() {
  const Scalar<std::filesystem::path> socket = socket_path();
  return {.type = "path or URL",
          .unit = "",
          .range = "absolute path, or http://host:port",
          .expected = socket.expected + ", or http://host:port",
          .parse = [socket](std::string_view text) -> std::optional<std::string> {
            constexpr std::string_view kScheme = "http://";
            if (!text.starts_with(kScheme)) {
              return socket.parse(text) ? std::optional(std::string(text)) : std::nullopt;
            }
            const std::string_view authority = text.substr(kScheme.size());
            const std::size_t colon = authority.find(':');
            if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
            const auto port = parse_decimal(authority.substr(colon + 1));
            return port && *port >= 1 && *port <= 65'535 ? std::optional(std::string(text)) : std::nullopt;
          },
          .print = [](const std::string& endpoint) { return endpoint; }};
}

Schema<UnderlayConfig> underlay_schema() {
  Schema<UnderlayConfig> schema;
  schema.required({"device", "The device that tunnels leave by."}, &UnderlayConfig::device, device_name())
      .required({"address", "This host's end of its tunnels."}, &UnderlayConfig::address, ipv4_address());
  return schema;
}

}  // namespace

const Schema<WorkerhostConfig>& workerhost_schema() {
  static const Schema<WorkerhostConfig> kSchema = [] {
    Schema<WorkerhostConfig> schema;
    schema.required({"name", "The worker host's name, its own among all."}, &WorkerhostConfig::name, name())
        .required({"zone", "The availability zone: decides between a function's subnets."}, &WorkerhostConfig::zone,
                  name())
        .group({"underlay", "The network that carries the tunnels."}, &WorkerhostConfig::underlay, underlay_schema())
        .required({"dataplane", "The data plane's end of the tunnels."}, &WorkerhostConfig::dataplane, ipv4_address())
        .optional(
            {"gateway", "The address of every environment's default route; as the data planes say."},
            [](WorkerhostConfig & c) -> auto& { return c.gateway.address; }, ipv4_address())
        .optional(
            {"gateway_mac", "The MAC that environments send to; as the data planes say."},
            [](WorkerhostConfig & c) -> auto& { return c.gateway.mac; }, unicast_mac())
        .optional({"vxlan_port", "The destination port of the tunnels."}, &WorkerhostConfig::vxlan_port,
                  integer<std::uint16_t>(1, 65'535))
        .optional({"mtu", "The MTU of an environment's device."}, &WorkerhostConfig::mtu,
                  integer<std::uint16_t>(576, 9'000, "bytes"))
        .optional({"socket", "The Unix socket where the worker host takes commands."}, &WorkerhostConfig::socket,
                  socket_path())
        .optional({"control", "Where the control plane is."}, &WorkerhostConfig::control, control_endpoint())
        .optional({"slots", "Environments at a time; their networks are made at start."}, &WorkerhostConfig::slots,
                  integer<std::uint32_t>(1, 16'384))
        .optional({"state_directory",
                   "Where the worker host remembers its address block and what runs; one process at a time."},
                  &WorkerhostConfig::state_directory, absolute_path());
    return schema;
  }();
  return kSchema;
}

WorkerhostConfig parse_workerhost_config(std::string_view text, const std::string& file_name) {
  Loader loader(file_name);
  WorkerhostConfig config = load_document(workerhost_schema(), text, file_name, loader);
  if (config.dataplane == config.underlay.address) {
    loader.refuse(Path() / "dataplane", "the worker host's own address " + to_string(config.dataplane),
                  "the data plane's");
  }
  loader.finish();
  return config;
}

WorkerhostConfig load_workerhost_config(const std::filesystem::path& file) {
  return parse_workerhost_config(read_text(file), file.string());
}

}  // namespace hypernat::config
