// One call of EC2's API while it is answered, and what the actions have in common: finding what a parameter names,
// notes and tags, lists with filters and pages.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/control_config.h"
#include "control/api/ec2_error.h"
#include "control/api/query_form.h"
#include "control/api/xml_writer.h"
#include "control/lifecycle/controller.h"
#include "control/store/note_store.h"

namespace hypernat::control {

struct Ec2Call {
  Controller::Lifecycle& lifecycle;
  const std::string& account;
  const std::string& region;
  const config::Ec2Config& settings;
  QueryParameters& parameters;
  XmlWriter& xml;
};

// Notes beside tags; see note_store.h.
inline constexpr const char* kNameNote = "name";                ///< of a security group
inline constexpr const char* kDescriptionNote = "description";  ///< of a security group
inline constexpr const char* kDefaultNote = "default";          ///< of what CreateVpc made beside the VPC
inline constexpr const char* kAssociationNote = "association";  ///< of a subnet: the id it was given
inline constexpr const char* kTokenNote = "client-token";       ///< of what a call with that token made
inline constexpr std::string_view kTagNote = "tag:";            ///< and a tag's key
inline constexpr std::string_view kRuleNote = "rule:";          ///< and a rule's id: its description
inline constexpr std::string_view kTargetNote = "target:";      ///< and a route's destination: the target's id

std::string note(const Notes& notes, const std::string& name);

// Each throws the Ec2Error of its kind when the account has no such thing.
Vpc find_vpc(Ec2Call& call, const std::string& id);
Subnet find_subnet(Ec2Call& call, const std::string& id);
RouteTable find_route_table(Ec2Call& call, const std::string& id);
SecurityGroup find_group(Ec2Call& call, const std::string& id);

/// "vpc" → "vpc-0123456789abcdef0": one that nothing has.
std::string new_id(const std::string& kind);
/// A prefix as EC2 takes them: bits beyond the length do not count.
Ipv4Prefix read_prefix(QueryParameters& parameters, const std::string& name);
/// "us-east-1a" of zone "a": as EC2 names zones whose name is a letter.
std::string zone_name(const Ec2Call& call, const std::string& zone);
std::string zone_of(const Ec2Call& call, const std::string& name);

/// What filters compare: each name with the values that a thing has there.
using FilterValues = std::multimap<std::string, std::string>;

/// One thing in a list.
struct Ec2Item {
  std::string id;
  FilterValues values;
  std::function<void()> write;  ///< into the call's XML
};

struct Ec2List {
  const char* element;            ///< "vpcSet"
  const char* ids;                ///< "VpcId"; the parameter that names some
  const char* not_found;          ///< the error's code when one of them is not there
  const char* what;               ///< "vpc ID", in its message
  std::set<std::string> filters;  ///< those there are, beside those of tags
};

/// Writes those of `items` that the request asks for, and NextToken when there are more.
void write_list(Ec2Call& call, const Ec2List& list, std::vector<Ec2Item> items);

/// The tags among notes as filters see them.
void add_tags(FilterValues& values, const Notes& notes);
/// <tagSet>, of the tags among notes.
void write_tags(Ec2Call& call, const Notes& notes);

using Tags = std::map<std::string, std::string>;
Tags tags_among(const Notes& notes);
/// The tags that the request has for what it makes, of this type: "subnet".
Tags read_tag_specifications(Ec2Call& call, const std::string& type);
/// "Tag.1.Key", "Tag.1.Value", …
Tags read_tags(QueryParameters& parameters, const std::string& name);
void put_tags(Ec2Call& call, const std::string& resource, const Tags& tags);

}  // namespace hypernat::control
