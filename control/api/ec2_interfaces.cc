// Network interfaces: what functions' mappings have in subnets, as EC2 shows those of Lambda.
#include <algorithm>
#include <span>

#include "config/table.h"
#include "control/api/ec2_actions.h"
#include "control/store/interface_store.h"
#include "control/store/lease_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

struct ShownInterface {
  Interface interface;
  std::string account;
  std::vector<std::pair<std::string, std::string>> groups;  ///< id and name
  std::string subnet;
  std::string vpc;
  std::string zone;
  std::string description;

  const char* status() const { return interface.state == InterfaceState::kPublishing ? "pending" : "in-use"; }
  const char* attachment_status() const {
    return interface.state == InterfaceState::kPublishing ? "attaching" : "attached";
  }
  std::string attachment() const { return "ela-attach-" + interface.id().substr(interface.id().find('-') + 1); }
};

// One for each interface, and always the same.
std::string uuid_of(const Interface& interface) {
  const auto id = interface.id();
  auto digits = config::sha256_hex(std::as_bytes(std::span(id))).substr(0, 32);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) digits.insert(at, "-");
  return digits;
}

// Whom the mapping was made for, if a function or a lease ever was.
std::string first_function_of(Ec2Call& call, const Mapping& mapping) {
  if (const auto leased = find_lease(call.lifecycle.database, mapping.lease)) return leased->lease.function;
  return first_function(call.lifecycle.database, mapping.uid);
}

std::vector<ShownInterface> interfaces_of(Ec2Call& call) {
  auto& database = call.lifecycle.database;
  const auto notes = list_notes(database, call.account);
  const auto group_name = [&](const std::string& id) {
    const auto found = notes.find(id);
    const auto name = found == notes.end() ? std::string() : note(found->second, kNameNote);
    return name.empty() ? id : name;
  };
  std::vector<ShownInterface> found;
  for (const auto& mapping : list_mappings(database)) {
    const auto subnet = mapping.account == call.account ? find_subnet(database, mapping.subnet) : std::nullopt;
    if (!subnet) continue;
    for (const auto& interface : list_interfaces(database, mapping.uid)) {
      ShownInterface shown{
          .interface = interface,
          .account = mapping.account,
          .groups = {},
          .subnet = subnet->id,
          .vpc = subnet->vpc,
          .zone = zone_name(call, subnet->zone),
          .description = "AWS Lambda VPC ENI-" + first_function_of(call, mapping) + "-" + uuid_of(interface)};
      for (const auto& group : mapping.groups) shown.groups.emplace_back(group, group_name(group));
      found.push_back(std::move(shown));
    }
  }
  return found;
}

void write_interface(Ec2Call& call, const ShownInterface& shown) {
  auto& xml = call.xml;
  const auto address = to_string(shown.interface.address);
  xml.text("networkInterfaceId", shown.interface.id());
  xml.text("subnetId", shown.subnet);
  xml.text("vpcId", shown.vpc);
  xml.text("availabilityZone", shown.zone);
  xml.text("description", shown.description);
  xml.text("ownerId", shown.account);
  xml.truth("requesterManaged", false);
  xml.text("status", shown.status());
  xml.text("macAddress", to_string(shown.interface.mac()));
  xml.text("privateIpAddress", address);
  xml.truth("sourceDestCheck", true);
  xml.items("groupSet", shown.groups, [&](const auto& group) {
    xml.text("groupId", group.first);
    xml.text("groupName", group.second);
  });
  xml.element("attachment", [&] {
    xml.text("attachmentId", shown.attachment());
    xml.text("instanceOwnerId", "amazon-aws");
    xml.number("deviceIndex", 1);
    xml.text("status", shown.attachment_status());
    xml.truth("deleteOnTermination", false);
  });
  xml.element("tagSet", [] {});
  xml.items("privateIpAddressesSet", std::vector{address}, [&](const auto& each) {
    xml.text("privateIpAddress", each);
    xml.truth("primary", true);
  });
  xml.element("ipv6AddressesSet", [] {});
  xml.text("interfaceType", "lambda");
}

FilterValues filter_values(const ShownInterface& shown) {
  const auto address = to_string(shown.interface.address);
  FilterValues values{{"network-interface-id", shown.interface.id()},
                      {"description", shown.description},
                      {"subnet-id", shown.subnet},
                      {"vpc-id", shown.vpc},
                      {"availability-zone", shown.zone},
                      {"interface-type", "lambda"},
                      {"status", shown.status()},
                      {"owner-id", shown.account},
                      {"requester-managed", "false"},
                      {"mac-address", to_string(shown.interface.mac())},
                      {"private-ip-address", address},
                      {"addresses.private-ip-address", address},
                      {"addresses.primary", "true"},
                      {"source-dest-check", "true"},
                      {"attachment.attachment-id", shown.attachment()},
                      {"attachment.device-index", "1"},
                      {"attachment.instance-owner-id", "amazon-aws"},
                      {"attachment.status", shown.attachment_status()},
                      {"attachment.delete-on-termination", "false"}};
  for (const auto& [id, name] : shown.groups) {
    values.emplace("group-id", id);
    values.emplace("group-name", name);
  }
  return values;
}

constexpr const char* kNotFound = "InvalidNetworkInterfaceID.NotFound";

}  // namespace

void describe_network_interfaces(Ec2Call& call) {
  std::vector<Ec2Item> items;
  for (const auto& shown : interfaces_of(call))
    items.push_back({.id = shown.interface.id(), .values = filter_values(shown), .write = [&call, shown] {
                       write_interface(call, shown);
                     }});
  write_list(call,
             {.element = "networkInterfaceSet",
              .ids = "NetworkInterfaceId",
              .not_found = kNotFound,
              .what = "networkInterface ID",
              .filters = {"network-interface-id",
                          "description",
                          "subnet-id",
                          "vpc-id",
                          "availability-zone",
                          "interface-type",
                          "status",
                          "owner-id",
                          "requester-managed",
                          "mac-address",
                          "private-ip-address",
                          "addresses.private-ip-address",
                          "addresses.primary",
                          "source-dest-check",
                          "group-id",
                          "group-name",
                          "attachment.attachment-id",
                          "attachment.device-index",
                          "attachment.instance-owner-id",
                          "attachment.status",
                          "attachment.delete-on-termination",
                          "attachment.instance-id",
                          "association.public-ip"}},
             std::move(items));
}

void delete_network_interface(Ec2Call& call) {
  const auto id = call.parameters.text("NetworkInterfaceId");
  for (const auto& shown : interfaces_of(call))
    if (shown.interface.id() == id) throw invalid_value("Network interface '" + id + "' is currently in use.");
  throw Ec2Error(kNotFound, "The networkInterface ID '" + id + "' does not exist");
}

void detach_network_interface(Ec2Call& call) {
  const auto id = call.parameters.text("AttachmentId");
  call.parameters.truth("Force");
  for (const auto& shown : interfaces_of(call))
    if (shown.attachment() == id)
      throw Ec2Error("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.");
  throw Ec2Error("InvalidAttachmentID.NotFound", "The attachment '" + id + "' does not exist");
}

}  // namespace hypernat::control
