// control.yaml and workerhost.yaml: the same text to both loaders.
#include "config/control_config.h"
#include "config/workerhost_config.h"
#include "tests/fuzz/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypernat;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::load([&] { return config::parse_control_config(text, "control.yaml"); }, text, "control.yaml");
  fuzz::load([&] { return config::parse_workerhost_config(text, "workerhost.yaml"); }, text, "workerhost.yaml");
  return 0;
}
