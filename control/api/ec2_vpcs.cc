// VPCs: a network of an account, with the route table and the security group that AWS makes beside it.
#include "control/api/ec2_actions.h"
#include "control/api/ec2_underlay.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::uint8_t kShortestPrefix = 16;
constexpr std::uint8_t kLongestPrefix = 28;

void write_vpc(Ec2Call& call, const Vpc& vpc, const Notes& notes) {
  auto& xml = call.xml;
  xml.text("vpcId", vpc.id);
  xml.text("ownerId", vpc.account);
  xml.text("state", "available");
  xml.text("cidrBlock", to_string(vpc.cidr));
  xml.items("cidrBlockAssociationSet", std::vector{vpc.cidr}, [&](const auto& cidr) {
    xml.text("cidrBlock", to_string(cidr));
    xml.text("associationId", "vpc-cidr-assoc" + vpc.id.substr(std::min(vpc.id.find('-'), vpc.id.size())));
    xml.element("cidrBlockState", [&] { xml.text("state", "associated"); });
  });
  xml.text("dhcpOptionsId", "default");
  xml.text("instanceTenancy", "default");
  xml.truth("isDefault", false);
  write_tags(call, notes);
}

// The route table and the group that every VPC of AWS has from the start.
void make_defaults(Ec2Call& call, const Vpc& vpc) {
  auto& lifecycle = call.lifecycle;
  const RouteTable table{.account = vpc.account, .id = new_id("rtb"), .vpc = vpc.id, .routes = {}};
  lifecycle.networks.put_route_table(table);
  put_note(lifecycle.database, vpc.account, table.id, kDefaultNote, "true");
  const SecurityGroup group{.account = vpc.account,
                            .id = new_id("sg"),
                            .vpc = vpc.id,
                            .egress = {config::GroupRule{}},  // everything to everywhere
                            .members = {}};
  lifecycle.networks.put_security_group(group);
  put_note(lifecycle.database, vpc.account, group.id, kNameNote, "default");
  put_note(lifecycle.database, vpc.account, group.id, kDescriptionNote, "default VPC security group");
  put_note(lifecycle.database, vpc.account, group.id, kDefaultNote, "true");
}

}  // namespace

void erase_or_tell_dependency(const std::function<void()>& erase, const std::string& what) {
  try {
    erase();
  } catch (const Refusal& refusal) {
    if (refusal.kind() != RefusalKind::kConflict) throw;
    throw dependency_violation(what + " (" + refusal.what() + ")");
  }
}

void create_vpc(Ec2Call& call) {
  Vpc vpc{
      .account = call.account, .id = new_id("vpc"), .cidr = read_prefix(call.parameters, "CidrBlock"), .resolver = {}};
  if (vpc.cidr.length < kShortestPrefix || vpc.cidr.length > kLongestPrefix)
    throw Ec2Error("InvalidVpc.Range", "The CIDR '" + to_string(vpc.cidr) + "' is invalid.");
  if (call.parameters.text("InstanceTenancy", "default") != "default")
    throw Ec2Error("UnsupportedOperation", "InstanceTenancy: expected default; there are no instances here");
  const auto tags = read_tag_specifications(call, "vpc");
  apply_underlay_tags(vpc, tags);
  call.lifecycle.networks.put_vpc(vpc);
  put_tags(call, vpc.id, tags);
  make_defaults(call, vpc);
  call.xml.element("vpc", [&] { write_vpc(call, vpc, find_notes(call.lifecycle.database, call.account, vpc.id)); });
}

void describe_vpcs(Ec2Call& call) {
  const auto notes = list_notes(call.lifecycle.database, call.account);
  std::vector<Ec2Item> items;
  for (const auto& vpc : list_vpcs(call.lifecycle.database, call.account)) {
    const auto found = notes.find(vpc.id);
    const auto own = found == notes.end() ? Notes() : found->second;
    FilterValues values{{"vpc-id", vpc.id},
                        {"cidr", to_string(vpc.cidr)},
                        {"cidr-block-association.cidr-block", to_string(vpc.cidr)},
                        {"cidr-block-association.state", "associated"},
                        {"dhcp-options-id", "default"},
                        {"state", "available"},
                        {"is-default", "false"},
                        {"isDefault", "false"},
                        {"owner-id", vpc.account}};
    add_tags(values, own);
    items.push_back({.id = vpc.id, .values = values, .write = [&call, vpc, own] { write_vpc(call, vpc, own); }});
  }
  write_list(call,
             {.element = "vpcSet",
              .ids = "VpcId",
              .not_found = "InvalidVpcID.NotFound",
              .what = "vpc ID",
              .filters = {"vpc-id", "cidr", "cidr-block-association.cidr-block", "cidr-block-association.state",
                          "dhcp-options-id", "state", "is-default", "isDefault", "owner-id"}},
             std::move(items));
}

void delete_vpc(Ec2Call& call) {
  auto& lifecycle = call.lifecycle;
  const auto vpc = find_vpc(call, call.parameters.text("VpcId"));
  const auto is_default = [&](const std::string& id) {
    return find_notes(lifecycle.database, call.account, id).contains(kDefaultNote);
  };
  erase_or_tell_dependency(
      [&] {
        // What came with it goes with it; whatever else is in it stands in the way.
        for (const auto& table : list_route_tables(lifecycle.database, call.account))
          if (table.vpc == vpc.id && is_default(table.id)) lifecycle.networks.erase_route_table(call.account, table.id);
        for (const auto& group : list_security_groups(lifecycle.database, call.account))
          if (group.vpc == vpc.id && is_default(group.id))
            lifecycle.networks.erase_security_group(call.account, group.id);
        lifecycle.networks.erase_vpc(call.account, vpc.id);
      },
      "The vpc '" + vpc.id + "' has dependencies and cannot be deleted.");
  call.xml.truth("return", true);
}

}  // namespace hypernat::control
