// Tags of what is already there. Those of the underlay take effect when they are set.
#include <algorithm>

#include "control/api/ec2_actions.h"
#include "control/api/ec2_underlay.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr std::size_t kMostTags = 50;
constexpr std::size_t kMostResources = 1000;

struct Tagged {
  std::string id;
  const char* type;
};

std::vector<Tagged> everything(Ec2Call& call) {
  auto& database = call.lifecycle.database;
  std::vector<Tagged> all;
  for (const auto& vpc : list_vpcs(database, call.account)) all.push_back({vpc.id, "vpc"});
  for (const auto& subnet : list_subnets(database, call.account)) all.push_back({subnet.id, "subnet"});
  for (const auto& table : list_route_tables(database, call.account)) all.push_back({table.id, "route-table"});
  for (const auto& group : list_security_groups(database, call.account)) all.push_back({group.id, "security-group"});
  return all;
}

std::vector<Tagged> read_resources(Ec2Call& call) {
  const auto ids = call.parameters.list("ResourceId");
  if (ids.empty()) throw missing_parameter("resourceIdSet");
  if (ids.size() > kMostResources)
    throw invalid_value("The request names " + std::to_string(ids.size()) + " resources. Expected at most " +
                        std::to_string(kMostResources) + ".");
  const auto all = everything(call);
  std::vector<Tagged> resources;
  for (const auto& id : ids) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.id == id; });
    if (found == all.end()) throw Ec2Error("InvalidID", "The ID '" + id + "' is not valid");
    resources.push_back(*found);
  }
  return resources;
}

// Tags of ours change what they are of.
void apply_underlay(Ec2Call& call, const Tagged& resource, const Tags& tags) {
  auto& networks = call.lifecycle.networks;
  const std::string type = resource.type;
  if (type == "vpc") {
    auto vpc = find_vpc(call, resource.id);
    apply_underlay_tags(vpc, tags);
    networks.put_vpc(vpc);
  } else if (type == "subnet") {
    auto subnet = find_subnet(call, resource.id);
    apply_underlay_tags(subnet, tags);
    networks.put_subnet(subnet);
  } else if (type == "security-group") {
    auto group = find_group(call, resource.id);
    apply_underlay_tags(group, tags);
    networks.put_security_group(group);
  }
}

bool is_of_underlay(const std::pair<const std::string, std::string>& tag) {
  return tag.first.starts_with(kUnderlayTag);
}

}  // namespace

void create_tags(Ec2Call& call) {
  const auto resources = read_resources(call);
  const auto tags = read_tags(call.parameters, "Tag");
  if (tags.empty()) throw missing_parameter("tagSet");
  for (const auto& resource : resources) {
    if (std::any_of(tags.begin(), tags.end(), is_of_underlay)) apply_underlay(call, resource, tags);
    put_tags(call, resource.id, tags);
    if (tags_among(find_notes(call.lifecycle.database, call.account, resource.id)).size() > kMostTags)
      throw Ec2Error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.");
  }
  call.xml.truth("return", true);
}

void delete_tags(Ec2Call& call) {
  auto& database = call.lifecycle.database;
  const auto resources = read_resources(call);
  Tags unconditional;
  Tags conditional;  // only when they have this value
  for (const auto& at : call.parameters.structures("Tag")) {
    const bool has_value = call.parameters.has(at + ".Value");
    const auto key = call.parameters.text(at + ".Key");
    if (key.starts_with(kUnderlayTag))
      throw invalid_value("Tag " + key + " says what the underlay has; give it another value with CreateTags.");
    (has_value ? conditional : unconditional).emplace(key, call.parameters.text(at + ".Value", ""));
  }
  const bool all = unconditional.empty() && conditional.empty();
  for (const auto& resource : resources)
    for (const auto& tag : tags_among(find_notes(database, call.account, resource.id))) {
      const auto wanted = conditional.find(tag.first);
      if ((all && !is_of_underlay(tag)) || unconditional.contains(tag.first) ||
          (wanted != conditional.end() && wanted->second == tag.second))
        erase_note(database, call.account, resource.id, std::string(kTagNote) + tag.first);
    }
  call.xml.truth("return", true);
}

void describe_tags(Ec2Call& call) {
  const auto notes = list_notes(call.lifecycle.database, call.account);
  std::vector<Ec2Item> items;
  for (const auto& resource : everything(call)) {
    const auto own = notes.find(resource.id);
    if (own == notes.end()) continue;
    for (const auto& [key, value] : tags_among(own->second))
      items.push_back(
          {.id = resource.id + "." + std::to_string(items.size()),
           .values = {{"resource-id", resource.id}, {"resource-type", resource.type}, {"key", key}, {"value", value}},
           .write = [&call, resource, tag = std::pair(key, value)] {
             call.xml.text("resourceId", resource.id);
             call.xml.text("resourceType", resource.type);
             call.xml.text("key", tag.first);
             call.xml.text("value", tag.second);
           }});
  }
  write_list(call,
             {.element = "tagSet",
              .ids = "ResourceId",
              .not_found = "InvalidID",
              .what = "ID",
              .filters = {"resource-id", "resource-type", "key", "value"}},
             std::move(items));
}

}  // namespace hypernat::control
