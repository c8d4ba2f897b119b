// What a client and a worker host say to each other, and what a data plane says of itself: JSON that another process
// wrote. A message, or std::invalid_argument; what was understood says the same once more.
#include <stdexcept>
#include <string_view>

#include "config/store.h"
#include "control/api/environment_protocol.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

template <class Read, class Write>
void check(std::string_view text, Read read, Write write) {
  try {
    const auto message = read(text);
    hypernat::require(read(write(message)) == message, "a message that was read can be said again");
  } catch (const std::invalid_argument& refusal) {
    hypernat::require(refusal.what()[0] != '\0', "a refusal says why");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypernat;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  control::is_environment_status_query(text);
  check(text, control::environment_request_from_json,
        [](const control::EnvironmentRequest& request) { return control::to_json(request); });
  check(text, control::environment_event_from_json,
        [](const control::EnvironmentEvent& event) { return control::to_json(event); });
  check(text, config::status_from_json, [](const config::DataplaneStatus& status) { return config::to_json(status); });
  return 0;
}
