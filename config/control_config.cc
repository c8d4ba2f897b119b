// The keys of control.yaml, and what its parts must have to do with each other.
#include "config/control_config.h"

#include <functional>
#include <set>

#include "config/schemas.h"

namespace hypernat::config {
namespace {

using std::chrono::milliseconds;

Scalar<std::optional<TcpEndpoint>> loopback_endpoint() {
  using Endpoint = std::optional<TcpEndpoint>;
  return {.type = "address:port",
          .unit = "",
          .range = "loopback; \"\" for none",
          .expected = "a loopback address and port, as 127.0.0.1:9040 (nothing is encrypted), or \"\" for none",
          .parse = [](std::string_view text) -> std::optional<Endpoint> {
            if (text.empty()) return std::optional<Endpoint>(std::in_place);  // found, and it says none
            const std::size_t colon = text.find(':');
            if (colon == std::string_view::npos) return std::nullopt;
            const auto address = parse_ipv4_address(text.substr(0, colon));
            const auto port = parse_decimal(text.substr(colon + 1));
            if (!address || address->host() >> 24 != 127 || !port || *port < 1 || *port > 65'535) return std::nullopt;
            return Endpoint(TcpEndpoint{*address, static_cast<std::uint16_t>(*port)});
          },
          .print =
              [](const Endpoint& endpoint) {
                return endpoint ? to_string(endpoint->address) + ":" + std::to_string(endpoint->port) : "\"\"";
              }};
}

Schema<ListenConfig> listen_schema() {
  Schema<ListenConfig> schema;
  schema.optional({"tcp", "Where the API listens for TCP."}, &ListenConfig::tcp, loopback_endpoint())
      .optional({"socket", "The Unix socket where the API listens."}, &ListenConfig::socket, socket_path())
      .optional({"connections", "How many connections are served at a time, on each of both."},
                &ListenConfig::connections, integer<std::uint32_t>(1, 4096))
      .optional(
          {"requests_per_second", "What an account may ask for over TCP; as much may come at once. 0 for no limit."},
          &ListenConfig::requests_per_second, integer<std::uint32_t>(0, 1'000'000));
  return schema;
}

Schema<LambdaVpcBlocks> lambda_vpc_blocks_schema() {
  Schema<LambdaVpcBlocks> schema;
  schema
      .optional({"prefix", "Where execution environments have their addresses from; as the data planes say."},
                &LambdaVpcBlocks::prefix, ipv4_prefix(8, 24))
      .optional({"worker_host_block", "Prefix length of the block that each worker host gets."},
                &LambdaVpcBlocks::worker_host_block, integer<std::uint8_t>(9, 30, "bits"));
  return schema;
}

Schema<ControlConfig> provisioning_schema() {
  Schema<ControlConfig> schema;
  schema.optional({"time", "How long making an interface takes in the median, as it does at AWS."},
                  &ControlConfig::provisioning_time, duration(milliseconds(0), milliseconds(3'600'000)));
  schema.optional({"slowest_percent", "Of that, what one interface in a hundred takes, or more; 100: all the same."},
                  &ControlConfig::provisioning_slowest_percent, integer<std::uint32_t>(100, 10'000, "percent"));
  schema.optional(
      {"environment_time",
       "How long making an interface for one environment takes; before 2019, a cold start took above 10 s."},
      &ControlConfig::environment_time, duration(milliseconds(0), milliseconds(3'600'000)));
  return schema;
}

Schema<Ec2Config> ec2_schema() {
  Schema<Ec2Config> schema;
  schema
      .optional({"attachment", "The outside attachment of their segments."}, &Ec2Config::attachment, name(),
                "none: a tag must say it")
      .optional({"first_segment", "The lowest VNI or VLAN id to be given out."}, &Ec2Config::first_segment,
                integer<std::uint32_t>(0, kMaxNumber24))
      .optional({"last_segment", "The highest one."}, &Ec2Config::last_segment, integer<std::uint32_t>(0, kMaxNumber24))
      .list({"vteps", "Ends of the segments' tunnels."}, &Ec2Config::vteps, ipv4_address(), {.least = 0, .most = 64});
  return schema;
}

Schema<ScalingConfig> scaling_schema() {
  Schema<ScalingConfig> schema;
  schema
      .optional({"widen_percent", "A mapping gets another interface when so many of its ports are in use."},
                &ScalingConfig::widen_percent, integer<std::uint32_t>(1, 100, "percent"))
      .optional({"narrow_percent", "It loses one when fewer would be in use without it."},
                &ScalingConfig::narrow_percent, integer<std::uint32_t>(0, 99, "percent"))
      .optional({"narrow_after", "How long that must have been so."}, &ScalingConfig::narrow_after,
                duration(milliseconds(0), milliseconds(7 * 86'400'000)))
      .optional({"retry_after", "When another interface is asked for again that could not be had."},
                &ScalingConfig::retry_after, duration(milliseconds(1'000), milliseconds(86'400'000)));
  return schema;
}

Schema<AccessKey> access_key_schema() {
  Schema<AccessKey> schema;
  schema.required({"id", "The account that requests signed with the key are for."}, &AccessKey::account, account())
      .required({"access_key_id", "The key's id, in the credential of a request's signature."},
                &AccessKey::access_key_id, name())
      .required({"secret_access_key", "What the request is signed with."}, &AccessKey::secret_access_key,
                text("wJalrXUtnFEMI"));
  return schema;
}

}  // namespace

const Schema<ControlConfig>& control_schema() {
  static const Schema<ControlConfig> kSchema = [] {
    Schema<ControlConfig> schema;
    schema.optional({"region", "The AWS region in ARNs."}, &ControlConfig::region, name())
        .group({"listen", "Where the API is."}, &ControlConfig::listen, listen_schema())
        .optional({"database", "The SQLite file that holds everything."}, &ControlConfig::database, absolute_path())
        .group({"store", "The mapping table's store."}, &ControlConfig::store, store_schema())
        .group({"lambda_vpc", "The inside network."}, &ControlConfig::lambda_vpc, lambda_vpc_blocks_schema())
        .group({"provisioning", "How interfaces are made."}, std::identity(), provisioning_schema())
        .optional(
            {"mapping_reuse_after", "How long a mapping's number rests; longer than any timeout of a data plane."},
            &ControlConfig::mapping_reuse_after, duration(milliseconds(1'000), milliseconds(7 * 86'400'000)))
        .optional(
            {"mapping_release_after", "How long a mapping outlives its last function; AWS takes up to 20 minutes."},
            &ControlConfig::mapping_release_after, duration(milliseconds(0), milliseconds(7 * 86'400'000)))
        .optional({"environment_idle_after",
                   "How long an execution environment of uploaded code waits for the next event; 0s: none waits."},
                  &ControlConfig::environment_idle_after, duration(milliseconds(0), milliseconds(11 * 3'600'000)))
        .optional(
            {"idle_after", "How long a function is unused until its interfaces are reclaimed; AWS's fourteen days."},
            &ControlConfig::idle_after, duration(milliseconds(1'000), milliseconds(3'650LL * 86'400'000)))
        .group({"scaling", "How many interfaces a mapping has."}, &ControlConfig::scaling, scaling_schema())
        .optional({"interfaces_per_vpc", "How many interfaces a VPC may have; AWS's quota."},
                  &ControlConfig::interfaces_per_vpc, integer<std::uint32_t>(1, 1'000'000, "interfaces"))
        .group({"ec2", "What a subnet made through EC2's API gets where its tags say nothing."}, &ControlConfig::ec2,
               ec2_schema())
        .list({"accounts", "The keys of accounts. Once there is one, requests over TCP must be signed."},
              &ControlConfig::access_keys, access_key_schema(), {.least = 0, .most = 10'000});
    return schema;
  }();
  return kSchema;
}

ControlConfig parse_control_config(std::string_view text, const std::string& file_name) {
  Loader loader(file_name);
  ControlConfig config = load_document(control_schema(), text, file_name, loader);

  const LambdaVpcBlocks& blocks = config.lambda_vpc;
  if (blocks.worker_host_block < blocks.prefix.length) {
    loader.refuse(Path() / "lambda_vpc" / "worker_host_block", "blocks of /" + std::to_string(blocks.worker_host_block),
                  "them within " + to_string(blocks.prefix));
  }
  const ScalingConfig& scaling = config.scaling;
  if (scaling.narrow_percent > scaling.widen_percent)
    loader.refuse(
        Path() / "scaling" / "narrow_percent", std::to_string(scaling.narrow_percent),
        "at most widen_percent, " + std::to_string(scaling.widen_percent) + ": what goes would be missed at once");
  const Ec2Config& ec2 = config.ec2;
  if (ec2.attachment.empty() && ec2.last_segment != 0)
    loader.refuse(Path() / "ec2" / "last_segment", "segments without an attachment", "an attachment that they are of");
  if (ec2.first_segment > ec2.last_segment)
    loader.refuse(Path() / "ec2" / "last_segment", std::to_string(ec2.last_segment),
                  "at least first_segment, " + std::to_string(ec2.first_segment));
  std::set<std::string> seen;
  for (std::size_t i = 0; i < config.access_keys.size(); ++i) {
    const std::string& key = config.access_keys[i].access_key_id;
    if (!seen.insert(key).second) {
      loader.refuse(Path() / "accounts" / i / "access_key_id", "the key " + quote(key) + " again", "every key once");
    }
  }
  loader.finish();
  return config;
}

ControlConfig load_control_config(const std::filesystem::path& file) {
  return parse_control_config(read_text(file), file.string());
}

}  // namespace hypernat::config
