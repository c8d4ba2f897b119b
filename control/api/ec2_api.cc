#include "control/api/ec2_api.h"

#include "config/names.h"
#include "control/api/ec2_actions.h"
#include "control/lifecycle/journal.h"
#include "control/store/network_store.h"

namespace hypernat::control {
namespace {

constexpr const char* kNamespace = "http://ec2.amazonaws.com/doc/2016-11-15/";

enum class Effect : std::uint8_t { kReads, kChanges };

struct Action {
  void (*perform)(Ec2Call&);
  Effect effect;
};

const std::map<std::string, Action>& actions() {
  static const std::map<std::string, Action> kActions{
      {"AssociateRouteTable", {associate_route_table, Effect::kChanges}},
      {"AuthorizeSecurityGroupEgress", {authorize_security_group_egress, Effect::kChanges}},
      {"AuthorizeSecurityGroupIngress", {authorize_security_group_ingress, Effect::kReads}},
      {"CreateRoute", {create_route, Effect::kChanges}},
      {"CreateRouteTable", {create_route_table, Effect::kChanges}},
      {"CreateSecurityGroup", {create_security_group, Effect::kChanges}},
      {"CreateSubnet", {create_subnet, Effect::kChanges}},
      {"CreateTags", {create_tags, Effect::kChanges}},
      {"CreateVpc", {create_vpc, Effect::kChanges}},
      {"DeleteNetworkInterface", {delete_network_interface, Effect::kReads}},
      {"DeleteRoute", {delete_route, Effect::kChanges}},
      {"DeleteRouteTable", {delete_route_table, Effect::kChanges}},
      {"DeleteSecurityGroup", {delete_security_group, Effect::kChanges}},
      {"DeleteSubnet", {delete_subnet, Effect::kChanges}},
      {"DeleteTags", {delete_tags, Effect::kChanges}},
      {"DeleteVpc", {delete_vpc, Effect::kChanges}},
      {"DescribeNetworkInterfaces", {describe_network_interfaces, Effect::kReads}},
      {"DescribeRouteTables", {describe_route_tables, Effect::kReads}},
      {"DescribeSecurityGroupRules", {describe_security_group_rules, Effect::kReads}},
      {"DescribeSecurityGroups", {describe_security_groups, Effect::kReads}},
      {"DescribeSubnets", {describe_subnets, Effect::kReads}},
      {"DescribeTags", {describe_tags, Effect::kReads}},
      {"DescribeVpcs", {describe_vpcs, Effect::kReads}},
      {"DetachNetworkInterface", {detach_network_interface, Effect::kReads}},
      {"DisassociateRouteTable", {disassociate_route_table, Effect::kChanges}},
      {"ReplaceRoute", {replace_route, Effect::kChanges}},
      {"ReplaceRouteTableAssociation", {replace_route_table_association, Effect::kChanges}},
      {"RevokeSecurityGroupEgress", {revoke_security_group_egress, Effect::kChanges}}};
  return kActions;
}

std::map<std::string, std::string> read_parameters(const ApiRequest& request) {
  if (request.method == "POST") return parse_form(request.body);
  if (request.method == "GET") return request.query;
  throw Ec2Error("InvalidAction", "Found the method " + request.method + "; expected POST or GET");
}

}  // namespace

ApiResponse Ec2Api::perform(const std::string& account, const ApiRequest& request, const std::string& request_id) {
  const auto values = read_parameters(request);
  const auto named = values.find("Action");
  if (named == values.end() || named->second.empty())
    throw Ec2Error("MissingAction", "The request is missing an Action parameter.");
  const auto action = actions().find(named->second);
  if (action == actions().end())
    throw Ec2Error("InvalidAction",
                   "The action " + config::quote(named->second) + " is not valid for this web service.");

  const auto work = [&](Controller::Lifecycle& lifecycle) {
    // Everything anew: a change may be tried again.
    QueryParameters parameters(values);
    XmlWriter xml;
    xml.text("requestId", request_id);
    Ec2Call call{.lifecycle = lifecycle,
                 .account = account,
                 .region = region_,
                 .settings = settings_,
                 .parameters = parameters,
                 .xml = xml};
    parameters.text("Action");
    parameters.text("Version", "");
    const bool is_rehearsal = parameters.truth("DryRun");
    action->second.perform(call);
    parameters.finish();
    if (is_rehearsal) throw Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
    return xml.document(named->second + "Response", kNamespace);
  };
  return {.status = 200,
          .headers = {},
          .content_type = "text/xml;charset=UTF-8",
          .body = action->second.effect == Effect::kChanges ? controller_.change(work) : controller_.read(work)};
}

ApiResponse Ec2Api::handle(const std::string& account, const ApiRequest& request, const std::string& request_id) {
  try {
    return perform(account, request, request_id);
  } catch (const Ec2Error& error) {
    return error_response(error, request_id);
  } catch (const Refusal& refusal) {
    return error_response(ec2_error(refusal), request_id);
  } catch (const std::exception& error) {
    log_warning("EC2 call: " + std::string(error.what()));
    return error_response(Ec2Error("InternalError", error.what(), 500), request_id);
  }
}

}  // namespace hypernat::control
