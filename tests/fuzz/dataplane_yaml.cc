// dataplane.yaml.
#include "config/dataplane_config.h"

#include "tests/fuzz/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypernat;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::load([&] { return config::parse_dataplane_config(text, "dataplane.yaml"); }, text, "dataplane.yaml");
  return 0;
}
