// What every fuzz target is: one function of bytes that may do anything but break a promise.
//
// libFuzzer calls it with what is in the corpus, so that the seeds, and every input that once found a mistake, are
// ordinary tests of the address sanitizer's build, and then with bytes of its own making. A target has no state from
// one input to the next: a file alone must show again what it found.
#pragma once

#include <cstddef>
#include <cstdint>
#include "tests/packet/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
