// functions.yaml, by itself and with a data plane that its segments are held against.
#include "config/functions_config.h"

#include "tests/fuzz/configuration.h"

namespace {

// As the example that comes with the product has it, so that the example's own segments are there.
const hypernat::config::DataplaneConfig& dataplane() {
  static const auto kConfig = hypernat::config::parse_dataplane_config(R"(
node: dp1
ports:
  - {name: a, device: net_tap0}
  - {name: b, device: net_tap1}
attachments:
  - {name: hosts, side: inside, port: a, encapsulation: vxlan, address: 192.0.2.1/24}
  - {name: tenants, side: outside, port: b, encapsulation: vxlan, address: 198.51.100.1/24}
  - {name: trunk, side: outside, port: b, encapsulation: vlan}
)",
                                                                       "dataplane.yaml");
  return kConfig;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypernat;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::load([&] { return config::parse_functions_config(text, "functions.yaml"); }, text, "functions.yaml");
  fuzz::load([&] { return config::parse_functions_config(text, "functions.yaml", &dataplane()); }, text,
             "functions.yaml");
  return 0;
}
