// Precompiled for targets most of whose files speak JSON.

#include "config/json.h"
#include "config/pch/standard.h"
