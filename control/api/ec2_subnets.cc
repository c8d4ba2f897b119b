// Subnets: a part of a VPC, and where it meets the data plane.
#include <algorithm>

#include "control/api/ec2_actions.h"
#include "control/api/ec2_underlay.h"
#include "control/lifecycle/addresses.h"
#include "control/store/interface_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::uint8_t kShortestPrefix = 16;
constexpr std::uint8_t kLongestPrefix = 28;

std::string free_addresses(Ec2Call& call, const Subnet& subnet) {
  const auto vpc = find_vpc(call, subnet.vpc);
  return std::to_string(count_free_addresses(subnet, vpc, used_addresses(call.lifecycle.database, subnet.number)));
}

std::string arn(const Ec2Call& call, const Subnet& subnet) {
  return "arn:aws:ec2:" + call.region + ":" + subnet.account + ":subnet/" + subnet.id;
}

void write_subnet(Ec2Call& call, const Subnet& subnet, const Notes& notes) {
  auto& xml = call.xml;
  xml.text("subnetId", subnet.id);
  xml.text("subnetArn", arn(call, subnet));
  xml.text("state", "available");
  xml.text("ownerId", subnet.account);
  xml.text("vpcId", subnet.vpc);
  xml.text("cidrBlock", to_string(subnet.cidr));
  xml.text("availableIpAddressCount", free_addresses(call, subnet));
  xml.text("availabilityZone", zone_name(call, subnet.zone));
  xml.truth("defaultForAz", false);
  xml.truth("mapPublicIpOnLaunch", false);
  xml.truth("assignIpv6AddressOnCreation", false);
  write_tags(call, notes);
}

void check_place(Ec2Call& call, const Subnet& subnet, const Vpc& vpc) {
  const auto cidr = to_string(subnet.cidr);
  if (subnet.cidr.length < kShortestPrefix || subnet.cidr.length > kLongestPrefix || !vpc.cidr.contains(subnet.cidr))
    throw Ec2Error("InvalidSubnet.Range", "The CIDR '" + cidr + "' is invalid.");
  for (const auto& other : list_subnets(call.lifecycle.database, call.account))
    if (other.vpc == vpc.id && other.cidr.overlaps(subnet.cidr))
      throw Ec2Error("InvalidSubnet.Conflict", "The CIDR '" + cidr + "' conflicts with another subnet");
}

}  // namespace

void create_subnet(Ec2Call& call) {
  auto& lifecycle = call.lifecycle;
  const auto vpc = find_vpc(call, call.parameters.text("VpcId"));
  Subnet subnet;
  subnet.account = call.account;
  subnet.id = new_id("subnet");
  subnet.vpc = vpc.id;
  subnet.cidr = read_prefix(call.parameters, "CidrBlock");
  subnet.zone = zone_of(call, call.parameters.text("AvailabilityZone", "a"));
  check_place(call, subnet, vpc);
  if (const auto main = main_route_table(call, vpc.id); !main.empty()) subnet.route_table = main;
  const auto tags = read_tag_specifications(call, "subnet");
  apply_underlay_tags(subnet, tags);
  complete_underlay(call, subnet, tags);
  lifecycle.networks.put_subnet(subnet);
  put_tags(call, subnet.id, tags);
  const auto made = find_subnet(call, subnet.id);
  call.xml.element("subnet",
                   [&] { write_subnet(call, made, find_notes(lifecycle.database, call.account, subnet.id)); });
}

void describe_subnets(Ec2Call& call) {
  const auto notes = list_notes(call.lifecycle.database, call.account);
  std::vector<Ec2Item> items;
  for (const auto& subnet : list_subnets(call.lifecycle.database, call.account)) {
    const auto found = notes.find(subnet.id);
    const auto own = found == notes.end() ? Notes() : found->second;
    FilterValues values{{"subnet-id", subnet.id},
                        {"subnet-arn", arn(call, subnet)},
                        {"vpc-id", subnet.vpc},
                        {"state", "available"},
                        {"availability-zone", zone_name(call, subnet.zone)},
                        {"availabilityZone", zone_name(call, subnet.zone)},
                        {"cidr-block", to_string(subnet.cidr)},
                        {"cidr", to_string(subnet.cidr)},
                        {"cidrBlock", to_string(subnet.cidr)},
                        {"available-ip-address-count", free_addresses(call, subnet)},
                        {"default-for-az", "false"},
                        {"map-public-ip-on-launch", "false"},
                        {"owner-id", subnet.account}};
    add_tags(values, own);
    items.push_back(
        {.id = subnet.id, .values = values, .write = [&call, subnet, own] { write_subnet(call, subnet, own); }});
  }
  write_list(call,
             {.element = "subnetSet",
              .ids = "SubnetId",
              .not_found = "InvalidSubnetID.NotFound",
              .what = "subnet ID",
              .filters = {"subnet-id", "subnet-arn", "vpc-id", "state", "availability-zone", "availabilityZone",
                          "cidr-block", "cidr", "cidrBlock", "available-ip-address-count", "default-for-az",
                          "map-public-ip-on-launch", "owner-id"}},
             std::move(items));
}

void delete_subnet(Ec2Call& call) {
  const auto subnet = find_subnet(call, call.parameters.text("SubnetId"));
  erase_or_tell_dependency([&] { call.lifecycle.networks.erase_subnet(call.account, subnet.id); },
                           "The subnet '" + subnet.id + "' has dependencies and cannot be deleted.");
  call.xml.truth("return", true);
}

}  // namespace hypernat::control
