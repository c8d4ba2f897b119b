// A check that ends the process: for what holds whatever a test does, where there is no test to fail, and in every
// build.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace hypernat {

inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace hypernat
