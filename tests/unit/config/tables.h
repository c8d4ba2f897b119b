// Tables for tests: a small one with every kind of row, random ones, and one as large as a deployment's.
#pragma once

#include <cstdint>
#include <random>

#include "config/table.h"

namespace hypernat::config {

/// Two tenants with the same 10.0.0.0/16, three mappings, four interfaces.
Table small_table();

/// A valid table of up to a few dozen rows of each kind.
Table random_table(std::mt19937_64& random);

/// `mappings` mappings with one interface each, 200 to a subnet.
Table large_table(std::uint32_t mappings);

}  // namespace hypernat::config
