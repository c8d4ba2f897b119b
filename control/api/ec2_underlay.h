// What the underlay wants of a VPC, subnet or security group and AWS has no word for: tags that begin with "hypernat:".
//
//   vpc             hypernat:resolver   the name server of every function in it
//   subnet          hypernat:segment    where it meets the data plane: ATTACHMENT/ID
//                   hypernat:vteps      ends of the segment's tunnels, separated by spaces
//                   hypernat:router     the way out; AWS's own, the first host, unless it is said
//                   hypernat:reserved   addresses that machines of the subnet have, separated by spaces
//   security-group  hypernat:members    addresses that belong to it beside functions' interfaces
//
// What a new subnet's tags leave out comes from `ec2` in control.yaml. A tag that is set later takes effect then.
#pragma once

#include "control/api/ec2_call.h"

namespace hypernat::control {

inline constexpr std::string_view kUnderlayTag = "hypernat:";

// Each throws Ec2Error naming the tag that is malformed, unknown to its kind, or missing.
void apply_underlay_tags(Vpc& vpc, const Tags& tags);
void apply_underlay_tags(SecurityGroup& group, const Tags& tags);
void apply_underlay_tags(Subnet& subnet, const Tags& tags);
/// The rest of a new subnet, from the configuration.
void complete_underlay(Ec2Call& call, Subnet& subnet, const Tags& tags);

}  // namespace hypernat::control
