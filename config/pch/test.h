// Precompiled for test programs.

#include <gtest/gtest.h>

#include "config/pch/standard.h"
