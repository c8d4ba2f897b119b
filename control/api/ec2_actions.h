// The actions of EC2 that there are. Each reads its parameters, works on the state machine, and writes what stands
// between the response's request id and its end. Those that change anything run in a transaction that a refusal undoes.
#pragma once

#include "control/api/ec2_call.h"

namespace hypernat::control {

// ec2_vpcs.cc
void create_vpc(Ec2Call& call);
void describe_vpcs(Ec2Call& call);
void delete_vpc(Ec2Call& call);

// ec2_subnets.cc
void create_subnet(Ec2Call& call);
void describe_subnets(Ec2Call& call);
void delete_subnet(Ec2Call& call);

// ec2_route_tables.cc
void create_route_table(Ec2Call& call);
void describe_route_tables(Ec2Call& call);
void delete_route_table(Ec2Call& call);
void create_route(Ec2Call& call);
void replace_route(Ec2Call& call);
void delete_route(Ec2Call& call);

// ec2_associations.cc
void associate_route_table(Ec2Call& call);
void replace_route_table_association(Ec2Call& call);
void disassociate_route_table(Ec2Call& call);

// ec2_security_groups.cc
void create_security_group(Ec2Call& call);
void describe_security_groups(Ec2Call& call);
void delete_security_group(Ec2Call& call);

// ec2_rules.cc
void authorize_security_group_egress(Ec2Call& call);
void revoke_security_group_egress(Ec2Call& call);
void describe_security_group_rules(Ec2Call& call);
/// Refuses: nothing opens a flow towards a function.
void authorize_security_group_ingress(Ec2Call& call);

// ec2_interfaces.cc
void describe_network_interfaces(Ec2Call& call);
/// Both refuse, as AWS does: the interfaces are functions'.
void delete_network_interface(Ec2Call& call);
void detach_network_interface(Ec2Call& call);

// ec2_tags.cc
void create_tags(Ec2Call& call);
void delete_tags(Ec2Call& call);
void describe_tags(Ec2Call& call);

/// The route table that a VPC's subnets have unless they are associated with another: the one made with it, by
/// CreateVpc. Empty: none was.
std::string main_route_table(Ec2Call& call, const std::string& vpc);
/// The id of a subnet's association with a route table, or of a VPC's with its main one.
std::string association_id(const Notes& notes, const std::string& of);
/// "The vpc 'vpc-1' has dependencies …" unless nothing stands in the way of `erase`.
void erase_or_tell_dependency(const std::function<void()>& erase, const std::string& what);

}  // namespace hypernat::control
