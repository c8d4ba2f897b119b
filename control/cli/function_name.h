// Which function is meant: a bare name where only one account has it, "account/name", or AWS's ARN.
#pragma once

#include <string>

#include "control/cli/control_connection.h"

namespace hypernat::cli {

struct FunctionName {
  std::string account;  ///< empty: not said
  std::string name;
  bool operator==(const FunctionName&) const = default;
};

/// Throws CommandError when the text is none of the three.
FunctionName parse_function_name(const std::string& text);

/// Finds the account when none was said. Throws CommandError when no account has the function, or several.
FunctionName resolve(const ControlConnection& control, FunctionName function);

}  // namespace hypernat::cli
