// What the parts of a functions.yaml must have to do with each other, and with a data plane's attachments.
#include "config/functions_config.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "config/schemas.h"

namespace hypernat::config {
namespace {

/// Names that must occur once, within whatever the object stands for.
class Once {
 public:
  Once(std::string what, std::string within) : what_(std::move(what)), within_(std::move(within)) {}

  void check(const std::string& name, const Path& at, Loader& loader) {
    const auto [known, is_new] = lines_.emplace(name, loader.line_of(at));
    if (is_new) return;
    loader.refuse(at, "the " + what_ + " " + quote(name) + " again",
                  "it once " + within_ + ", as on line " + std::to_string(known->second));
  }

 private:
  std::string what_;
  std::string within_;
  std::unordered_map<std::string, std::size_t> lines_;
};

bool is_host_of(Ipv4Address address, const Ipv4Prefix& prefix) {
  return prefix.contains(address) && address != prefix.first() && address != prefix.last();
}

/// Segments are the data plane's, not the tenant's: used once in the whole file, and of a kind that the attachment has.
class SegmentCheck {
 public:
  SegmentCheck(const DataplaneConfig* dataplane, Loader& loader)
      : dataplane_(dataplane), loader_(loader), once_("segment", "in all networks") {}

  void check(const SubnetConfig& subnet, const Path& at) {
    const Path segment = at / "segment";
    once_.check(subnet.segment.attachment + ":" + std::to_string(subnet.segment.id), segment, loader_);
    if (dataplane_ == nullptr) return;
    const auto& known = dataplane_->attachments;
    const auto attachment = std::find_if(known.begin(), known.end(), [&](const AttachmentConfig& candidate) {
      return candidate.side == Side::kOutside && candidate.name == subnet.segment.attachment;
    });
    if (attachment == known.end()) {
      loader_.refuse(segment / "attachment", quote(subnet.segment.attachment),
                     "an outside attachment of data plane " + quote(dataplane_->node) + ": " + outside_names());
      return;
    }
    check_id(subnet.segment, *attachment, segment);
    check_vteps(subnet, *attachment, at);
  }

 private:
  std::string outside_names() const {
    std::string names;
    for (const AttachmentConfig& attachment : dataplane_->attachments) {
      if (attachment.side == Side::kOutside) names += (names.empty() ? "" : ", ") + attachment.name;
    }
    return names;
  }

  void check_id(const Segment& segment, const AttachmentConfig& attachment, const Path& at) {
    const auto refuse_unless = [&](std::uint32_t lowest, std::uint32_t highest, const std::string& what) {
      if (segment.id >= lowest && segment.id <= highest) return;
      loader_.refuse(
          at / "id", what + " " + std::to_string(segment.id),
          lowest == highest ? std::to_string(lowest) : std::to_string(lowest) + " to " + std::to_string(highest));
    };
    switch (attachment.encapsulation) {
      case Encapsulation::kPlain:
        return refuse_unless(0, 0, "plain segment id");
      case Encapsulation::kVlan:
        return refuse_unless(1, 4'094, "VLAN id");  // IEEE 802.1Q-2018, table 9-2
      case Encapsulation::kVxlan:
      case Encapsulation::kGeneve:
        return refuse_unless(1, kMaxNumber24, "VNI");
    }
  }

  void check_vteps(const SubnetConfig& subnet, const AttachmentConfig& attachment, const Path& at) {
    const std::string kind = "the " + to_string(attachment.encapsulation) + " attachment " + quote(attachment.name);
    if (!is_tunnel(attachment.encapsulation)) {
      if (!subnet.vteps.empty()) loader_.refuse(at / "vteps", "VTEPs on " + kind, "none");
      return;
    }
    if (subnet.vteps.empty()) loader_.refuse(at, "no \"vteps\" on " + kind, "at least one");
    for (std::size_t i = 0; i < subnet.vteps.size(); ++i) {
      if (subnet.vteps[i] == attachment.address->address) {
        loader_.refuse(at / "vteps" / i, "the data plane's own address " + to_string(subnet.vteps[i]), "another");
      }
    }
  }

  const DataplaneConfig* dataplane_;
  Loader& loader_;
  Once once_;
};

/// One account: its ids are its own, and what refers to an id must find it in the right VPC.
class TenantCheck {
 public:
  TenantCheck(const TenantConfig& tenant, Path at, Loader& loader, SegmentCheck& segments)
      : tenant_(tenant), at_(std::move(at)), loader_(loader), segments_(segments) {}

  void check() {
    for (std::size_t i = 0; i < tenant_.vpcs.size(); ++i) collect(tenant_.vpcs[i], at_ / "vpcs" / i);
    for (std::size_t i = 0; i < tenant_.vpcs.size(); ++i) check_vpc(tenant_.vpcs[i], at_ / "vpcs" / i);
    Once names("function", "in the account");
    for (std::size_t i = 0; i < tenant_.functions.size(); ++i) {
      const Path at = at_ / "functions" / i;
      names.check(tenant_.functions[i].name, at / "name", loader_);
      check_function(tenant_.functions[i], at);
    }
  }

 private:
  using VpcOf = std::unordered_map<std::string, const VpcConfig*>;

  /// Ids first, so that references may stand before what they refer to.
  void collect(const VpcConfig& vpc, const Path& at) {
    vpc_ids_.check(vpc.id, at / "id", loader_);
    collect_ids(vpc.subnets, vpc, at / "subnets", subnet_ids_, vpc_of_subnet_);
    collect_ids(vpc.route_tables, vpc, at / "route_tables", route_table_ids_, vpc_of_route_table_);
    collect_ids(vpc.security_groups, vpc, at / "security_groups", group_ids_, vpc_of_group_);
  }

  template <class Object>
  void collect_ids(const std::vector<Object>& objects, const VpcConfig& vpc, const Path& at, Once& once,
                   VpcOf& vpc_of) {
    for (std::size_t i = 0; i < objects.size(); ++i) {
      once.check(objects[i].id, at / i / "id", loader_);
      vpc_of.emplace(objects[i].id, &vpc);
    }
  }

  void check_vpc(const VpcConfig& vpc, const Path& at) {
    if (vpc.resolver && !vpc.cidr.contains(*vpc.resolver)) {
      loader_.refuse(at / "resolver", "resolver " + to_string(*vpc.resolver), "an address of " + to_string(vpc.cidr));
    }
    for (std::size_t i = 0; i < vpc.subnets.size(); ++i) check_subnet(vpc.subnets[i], vpc, at / "subnets" / i);
    check_overlaps(vpc, at / "subnets");
    for (std::size_t i = 0; i < vpc.route_tables.size(); ++i) {
      check_routes(vpc.route_tables[i], vpc, at / "route_tables" / i / "routes");
    }
    for (std::size_t i = 0; i < vpc.security_groups.size(); ++i) {
      check_group(vpc.security_groups[i], vpc, at / "security_groups" / i);
    }
  }

  void check_group(const SecurityGroupConfig& group, const VpcConfig& vpc, const Path& at) {
    for (std::size_t i = 0; i < group.egress.size(); ++i) {
      if (group.egress[i].group.empty()) continue;
      check_reference(group.egress[i].group, "security group", vpc_of_group_, vpc, at / "egress" / i / "destination");
    }
    Once members("member", "in the group");
    for (std::size_t i = 0; i < group.members.size(); ++i) {
      const Path path = at / "members" / i;
      members.check(to_string(group.members[i]), path, loader_);
      if (!vpc.cidr.contains(group.members[i])) {
        loader_.refuse(path, "member " + to_string(group.members[i]), "an address of " + to_string(vpc.cidr));
      }
    }
  }

  void check_subnet(const SubnetConfig& subnet, const VpcConfig& vpc, const Path& at) {
    if (!vpc.cidr.contains(subnet.cidr)) {
      loader_.refuse(at / "cidr", to_string(subnet.cidr), "a prefix within " + to_string(vpc.cidr) + " of " + vpc.id);
    }
    if (!is_host_of(subnet.router, subnet.cidr)) {
      loader_.refuse(at / "router", "router " + to_string(subnet.router),
                     "a host address of " + to_string(subnet.cidr));
    }
    Once vteps("VTEP", "in the subnet");
    for (std::size_t i = 0; i < subnet.vteps.size(); ++i) {
      vteps.check(to_string(subnet.vteps[i]), at / "vteps" / i, loader_);
    }
    Once reserved("reserved address", "in the subnet");
    for (std::size_t i = 0; i < subnet.reserved.size(); ++i) {
      reserved.check(to_string(subnet.reserved[i]), at / "reserved" / i, loader_);
      if (!is_host_of(subnet.reserved[i], subnet.cidr)) {
        loader_.refuse(at / "reserved" / i, "reserved address " + to_string(subnet.reserved[i]),
                       "a host address of " + to_string(subnet.cidr));
      }
    }
    if (subnet.route_table)
      check_reference(*subnet.route_table, "route table", vpc_of_route_table_, vpc, at / "routes");
    segments_.check(subnet, at);
  }

  void check_overlaps(const VpcConfig& vpc, const Path& at) {
    std::vector<std::pair<Ipv4Prefix, std::size_t>> sorted;
    for (std::size_t i = 0; i < vpc.subnets.size(); ++i) sorted.emplace_back(vpc.subnets[i].cidr, i);
    std::sort(sorted.begin(), sorted.end());
    // In this order whatever holds a prefix stands before it, and nothing but what it holds stands between.
    const std::pair<Ipv4Prefix, std::size_t>* widest = nullptr;
    for (const auto& entry : sorted) {
      if (widest == nullptr || !widest->first.overlaps(entry.first)) {
        widest = &entry;
        continue;
      }
      const auto [first, second] = std::minmax(widest->second, entry.second);
      loader_.refuse(at / second / "cidr", to_string(vpc.subnets[second].cidr),
                     "a prefix apart from " + to_string(vpc.subnets[first].cidr) + " of " + vpc.subnets[first].id);
    }
  }

  void check_routes(const RouteTableConfig& table, const VpcConfig& vpc, const Path& at) {
    Once destinations("destination", "in the route table");
    for (std::size_t i = 0; i < table.routes.size(); ++i) {
      const Ipv4Prefix& destination = table.routes[i].prefix;
      const Path path = at / i / "destination";
      destinations.check(to_string(destination), path, loader_);
      if (vpc.cidr.contains(destination)) {
        loader_.refuse(path, to_string(destination),
                       "a destination beyond " + to_string(vpc.cidr) + ", whose routes are implied");
      }
    }
  }

  void check_reference(const std::string& id, const std::string& what, const VpcOf& vpc_of, const VpcConfig& vpc,
                       const Path& at) {
    const auto found = vpc_of.find(id);
    if (found == vpc_of.end()) {
      loader_.refuse(at, "the unknown " + what + " " + quote(id), "a " + what + " of " + vpc.id);
    } else if (found->second != &vpc) {
      loader_.refuse(at, "the " + what + " " + quote(id) + " of " + found->second->id, "one of " + vpc.id);
    }
  }

  /// A function's VPC is its first known subnet's; every other subnet and group must be of the same.
  void check_function(const FunctionConfig& function, const Path& at) {
    const VpcConfig* vpc = nullptr;
    Once subnets("subnet", "in the function");
    for (std::size_t i = 0; i < function.subnets.size(); ++i) {
      const Path path = at / "subnets" / i;
      const std::string& id = function.subnets[i];
      subnets.check(id, path, loader_);
      const auto found = vpc_of_subnet_.find(id);
      if (vpc != nullptr) {
        check_reference(id, "subnet", vpc_of_subnet_, *vpc, path);
      } else if (found != vpc_of_subnet_.end()) {
        vpc = found->second;
      } else {
        loader_.refuse(path, "the unknown subnet " + quote(id), "a subnet of account " + tenant_.account);
      }
    }
    Once groups("security group", "in the function");
    for (std::size_t i = 0; i < function.security_groups.size(); ++i) {
      const Path path = at / "security_groups" / i;
      groups.check(function.security_groups[i], path, loader_);
      if (vpc != nullptr) check_reference(function.security_groups[i], "security group", vpc_of_group_, *vpc, path);
    }
  }

  const TenantConfig& tenant_;
  Path at_;
  Loader& loader_;
  SegmentCheck& segments_;
  Once vpc_ids_{"VPC", "in the account"};
  Once subnet_ids_{"subnet", "in the account"};
  Once route_table_ids_{"route table", "in the account"};
  Once group_ids_{"security group", "in the account"};
  VpcOf vpc_of_subnet_;
  VpcOf vpc_of_route_table_;
  VpcOf vpc_of_group_;
};

}  // namespace

FunctionsConfig parse_functions_config(std::string_view text, const std::string& file_name,
                                       const DataplaneConfig* dataplane) {
  Loader loader(file_name);
  FunctionsConfig config = load_document(functions_schema(), text, file_name, loader);
  Once accounts("account", "in the file");
  Once names("tenant", "in the file");
  SegmentCheck segments(dataplane, loader);
  for (std::size_t i = 0; i < config.tenants.size(); ++i) {
    const TenantConfig& tenant = config.tenants[i];
    const Path at = Path() / "tenants" / i;
    accounts.check(tenant.account, at / "account", loader);
    names.check(tenant.name, at / "name", loader);
    TenantCheck(tenant, at, loader, segments).check();
  }
  loader.finish();
  return config;
}

FunctionsConfig load_functions_config(const std::filesystem::path& file, const DataplaneConfig* dataplane) {
  return parse_functions_config(read_text(file), file.string(), dataplane);
}

}  // namespace hypernat::config
