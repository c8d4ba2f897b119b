// Functions by the hundred thousand, each with a network configuration of its own: what a large installation looks like
// to the control plane. For measurements and for tests of size.
#pragma once

#include <cstdint>

#include "control/lifecycle/controller.h"

namespace hypernat::control {

/// The function of that index: an account has a thousand, in ten subnets of one VPC, a security group each.
Function many_function(std::uint32_t index);

/// Declares the accounts and networks of the first `count` functions and of one more, and creates the functions.
void make_many_functions(Controller& controller, std::uint32_t count);

}  // namespace hypernat::control
