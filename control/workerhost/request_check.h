// What a well-formed request may still get wrong, found before anything is done for it.
#pragma once

#include <cstddef>

#include "control/api/environment_protocol.h"

namespace hypernat::workerhost {

/// `descriptors`: how many came with it. Throws std::invalid_argument saying what was found and what was expected.
void check_request(const control::EnvironmentRequest& request, std::size_t descriptors);

}  // namespace hypernat::workerhost
