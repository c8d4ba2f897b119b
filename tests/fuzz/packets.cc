// Frames from every attachment, and time between them, to a data plane with flows open.
//
// The input is a sequence of steps (packet_steps.h): nothing crashes, leaks or grows, the account closes, and every
// packet gets what is promised.
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/packet_steps.h"
#include "tests/packet/packet_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypernat;
  dataplane::PacketWorld world;
  fuzz::take_steps(world, {data, size});
  world.settle();
  return 0;
}
