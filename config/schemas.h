// The schemas of the four files, for whoever needs the keys rather than the values: telling files apart, the reference.
#pragma once

#include "config/control_config.h"
#include "config/dataplane_config.h"
#include "config/functions_config.h"
#include "config/schema.h"
#include "config/workerhost_config.h"

namespace hypernat::config {

const Schema<DataplaneConfig>& dataplane_schema();
const Schema<ControlConfig>& control_schema();
const Schema<WorkerhostConfig>& workerhost_schema();
const Schema<FunctionsConfig>& functions_schema();

/// A group that more than one file has.
Schema<StoreConfig> store_schema();

}  // namespace hypernat::config
