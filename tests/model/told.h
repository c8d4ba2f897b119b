// From the types of the NAT and its world to those of the specification, which knows none of them.
#pragma once

#include "tests/model/nat_spec.h"
#include "tests/packet/nat_world.h"

namespace hypernat::model {

spec::Settings told(const dataplane::NatWorld::Options& options);
spec::Table told(const config::Table& table);
spec::Arrival told(const dataplane::NatWorld::Arrival& arrival);
/// `world` is as it was when the packet left.
spec::Fate told(const dataplane::Outcome& outcome, const dataplane::NatWorld::Arrival& arrival,
                dataplane::NatWorld& world);
/// What a flow looks like from outside, in words: for comparing the NAT's list of flows with the specification's.
std::string told(const dataplane::FlowView& view, dataplane::NatWorld& world);
std::string told(const spec::Flow& flow, spec::Time now);
spec::Tuple inner_of(const dataplane::FlowView& view);

}  // namespace hypernat::model
