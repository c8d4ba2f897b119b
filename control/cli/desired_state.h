// functions.yaml and the control plane's answers, both brought into the one shape that can be compared.
#pragma once

#include <string>

#include "config/functions_config.h"
#include "control/cli/control_connection.h"
#include "control/cli/difference.h"

namespace hypernat::cli {

/// The objects that a file wishes for, with bodies as the API takes them.
ObjectSet wished_objects(const config::FunctionsConfig& config);

/// The objects that the control plane has in one account; none when it does not know the account.
void add_present_objects(const ControlConnection& control, const std::string& account, ObjectSet& objects);

/// Carries one step out.
void take(const ControlConnection& control, const Step& step);

}  // namespace hypernat::cli
