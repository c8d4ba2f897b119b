// Precompiled for test programs most of whose files speak JSON.

#include <gtest/gtest.h>

#include "config/pch/json.h"
