// What a command says to a program that asked for JSON.
#pragma once

#include <iostream>

#include "config/json.h"

namespace hypernat::cli {

/// Returns the command's exit status.
inline int print_json(const nlohmann::json& value) {
  std::cout << value.dump(2) << "\n";
  return 0;
}

}  // namespace hypernat::cli
