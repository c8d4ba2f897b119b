// What every command knows: where the two planes are, and for whom it prints.
#pragma once

#include <string>

namespace hypernat::cli {

enum class Output { kTables, kJson };

struct Options {
  std::string control = "/run/hypernat/control.sock";
  std::string dataplane;  ///< empty: the one on this machine that started last
  Output output = Output::kTables;
};

}  // namespace hypernat::cli
