// Precompiled for test programs.

#include <gtest/gtest.h>

#include "pch/standard.h"
