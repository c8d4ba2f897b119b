// Which route table a subnet has. One that is associated with none has the main one of its VPC.
#include <algorithm>

#include "control/api/ec2_actions.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

struct Associated {
  Subnet subnet;
  std::string id;
};

// Whether somebody associated it, rather than the main table being its by default.
bool is_associated(Ec2Call& call, const Subnet& subnet, const Notes& notes) {
  return notes.contains(kAssociationNote) ||
         (subnet.route_table && *subnet.route_table != main_route_table(call, subnet.vpc));
}

Associated find_association(Ec2Call& call) {
  const auto id = call.parameters.text("AssociationId");
  for (const auto& subnet : list_subnets(call.lifecycle.database, call.account)) {
    const auto notes = find_notes(call.lifecycle.database, call.account, subnet.id);
    if (is_associated(call, subnet, notes) && association_id(notes, subnet.id) == id)
      return {.subnet = subnet, .id = id};
  }
  for (const auto& vpc : list_vpcs(call.lifecycle.database, call.account))
    if (association_id({}, vpc.id) == id && !main_route_table(call, vpc.id).empty())
      throw invalid_value("cannot replace or disassociate the main route table association " + id);
  throw Ec2Error("InvalidAssociationID.NotFound", "The association ID '" + id + "' does not exist");
}

std::string associate(Ec2Call& call, Subnet subnet, const RouteTable& table) {
  if (table.vpc != subnet.vpc)
    throw invalid_value("Route table " + table.id + " and subnet " + subnet.id + " belong to different networks");
  subnet.route_table = table.id;
  call.lifecycle.networks.put_subnet(subnet);
  const auto id = new_id("rtbassoc");
  put_note(call.lifecycle.database, call.account, subnet.id, kAssociationNote, id);
  return id;
}

void write_state(Ec2Call& call) {
  call.xml.element("associationState", [&] { call.xml.text("state", "associated"); });
}

}  // namespace

std::string main_route_table(Ec2Call& call, const std::string& vpc) {
  for (const auto& table : list_route_tables(call.lifecycle.database, call.account))
    if (table.vpc == vpc && find_notes(call.lifecycle.database, call.account, table.id).contains(kDefaultNote))
      return table.id;
  return {};
}

std::string association_id(const Notes& notes, const std::string& of) {
  const auto given = note(notes, kAssociationNote);
  return given.empty() ? "rtbassoc" + of.substr(std::min(of.find('-'), of.size())) : given;
}

void associate_route_table(Ec2Call& call) {
  const auto table = find_route_table(call, call.parameters.text("RouteTableId"));
  const auto subnet = find_subnet(call, call.parameters.text("SubnetId"));
  if (is_associated(call, subnet, find_notes(call.lifecycle.database, call.account, subnet.id)))
    throw Ec2Error("Resource.AlreadyAssociated",
                   "the specified association for route table " + table.id + " conflicts with an existing association");
  call.xml.text("associationId", associate(call, subnet, table));
  write_state(call);
}

void replace_route_table_association(Ec2Call& call) {
  const auto table = find_route_table(call, call.parameters.text("RouteTableId"));
  call.xml.text("newAssociationId", associate(call, find_association(call).subnet, table));
  write_state(call);
}

void disassociate_route_table(Ec2Call& call) {
  auto subnet = find_association(call).subnet;
  const auto main = main_route_table(call, subnet.vpc);
  subnet.route_table = main.empty() ? std::nullopt : std::optional(main);
  call.lifecycle.networks.put_subnet(subnet);
  erase_note(call.lifecycle.database, call.account, subnet.id, kAssociationNote);
  call.xml.truth("return", true);
}

}  // namespace hypernat::control
