#include "tests/unit/control/world.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <stdexcept>
#include <system_error>

#include "control/store/schema.h"

namespace hypernat::control::testing {

void FakeStore::publish(std::span<const std::byte> bytes) {
  if (is_failing) throw std::system_error(std::make_error_code(std::errc::no_space_on_device), "publishing");
  table = std::vector(bytes.begin(), bytes.end());
  ++publications;
}

std::optional<std::vector<std::byte>> FakeStore::fetch() {
  if (is_failing) throw std::system_error(std::make_error_code(std::errc::io_error), "fetching");
  return table;
}

void FakeStore::report(const config::DataplaneStatus& status) {
  std::erase_if(reported, [&](const auto& other) { return other.node == status.node; });
  reported.push_back(status);
}

std::vector<config::DataplaneStatus> FakeStore::statuses() {
  if (is_failing) throw std::system_error(std::make_error_code(std::errc::io_error), "reading statuses");
  return reported;
}

World::World(const WorldSettings& with) : settings(with) {
  restart();
}

void World::restart() {
  api.reset();
  controller.reset();
  database.reset();
  database = std::make_unique<Database>(settings.database);
  prepare_schema(*database, clock.now());
  // Every interface takes the same: tests say how long.
  provisioner = std::make_unique<ModelledProvisioner>(
      *database, ProvisioningModel{.time = settings.provisioning_time, .slowest_percent = 100});
  controller = std::make_unique<Controller>(Controller::Parts{.database = *database,
                                                              .store = store,
                                                              .provisioner = *provisioner,
                                                              .clock = clock,
                                                              .settings = settings.control});
  controller->on_change([this] { controller->settle(); });
  api = std::make_unique<Api>(*controller, ApiSettings{.region = "us-east-1",
                                                       .keys = settings.keys,
                                                       .requests_per_second = settings.requests_per_second,
                                                       .ec2 = settings.ec2,
                                                       .environment_idle_after = {},
                                                       .clock = &clock});
  beat();
}

std::map<std::string, std::string> query_of(const std::string& path) {
  std::map<std::string, std::string> query;
  for (auto begin = path.find('?'); begin != std::string::npos; begin = path.find('&', begin + 1)) {
    const auto equals = path.find('=', begin);
    const auto end = std::min(path.find('&', begin + 1), path.size());
    query[path.substr(begin + 1, equals - begin - 1)] = path.substr(equals + 1, end - equals - 1);
  }
  return query;
}

Reply World::call(const std::string& method, const std::string& path, const Json& body, const std::string& account) {
  const auto response = api->handle({.method = method,
                                     .path = path.substr(0, path.find('?')),
                                     .query = query_of(path),
                                     .headers = {{"x-hypernat-account", account}},
                                     .body = body.is_null()     ? ""
                                             : body.is_string() ? body.get<std::string>()
                                                                : body.dump()});
  Reply reply{.status = response.status, .error = {}, .body = Json::parse(response.body, nullptr, false)};
  if (const auto error = response.headers.find("x-amzn-ErrorType"); error != response.headers.end())
    reply.error = error->second;
  return reply;
}

std::vector<std::string> Ec2Reply::texts(const std::string& name) const {
  const auto begin = "<" + name + ">";
  const auto end = "</" + name + ">";
  std::vector<std::string> found;
  for (std::size_t at = 0; (at = xml.find(begin, at)) != std::string::npos; ++at) {
    const auto first = at + begin.size();
    found.push_back(xml.substr(first, xml.find(end, first) - first));
  }
  return found;
}

std::string Ec2Reply::text(const std::string& name) const {
  const auto found = texts(name);
  return found.empty() ? std::string() : found.front();
}

namespace {

std::string form_encoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    std::array<char, 4> escape{};
    std::snprintf(escape.data(), escape.size(), "%%%02X", static_cast<unsigned char>(c));
    encoded += std::isalnum(static_cast<unsigned char>(c)) != 0 ? std::string(1, c) : escape.data();
  }
  return encoded;
}

}  // namespace

Ec2Reply World::ec2(const std::string& action, const Parameters& parameters, const std::string& account) {
  std::string body = "Action=" + action + "&Version=2016-11-15";
  for (const auto& [name, value] : parameters) body += "&" + form_encoded(name) + "=" + form_encoded(value);
  const auto response = api->handle(
      {.method = "POST", .path = "/", .query = {}, .headers = {{"x-hypernat-account", account}}, .body = body});
  return {.status = response.status, .xml = response.body};
}

Reply World::put(const std::string& path, const Json& body, const std::string& account) {
  return call("PUT", "/hypernat/v1/accounts/" + account + path, body);
}

Reply World::erase(const std::string& path, const std::string& account) {
  return call("DELETE", "/hypernat/v1/accounts/" + account + path);
}

Json subnet_body() {
  return {{"VpcId", "vpc-1"},
          {"Cidr", "10.0.1.0/24"},
          {"Zone", "a"},
          {"Router", "10.0.1.1"},
          {"Segment", {{"Attachment", "tenants"}, {"Id", 5001}}},
          {"Vteps", {"198.51.100.11"}},
          {"RouteTableId", "rtb-1"}};
}

Json function_body(const std::string& name, const std::vector<std::string>& subnets,
                   const std::vector<std::string>& groups) {
  return {{"FunctionName", name},
          {"Role", "arn:aws:iam::111111111111:role/hypernat"},
          {"Runtime", "provided.al2"},
          {"Handler", "command"},
          {"Code", {{"ZipFile", ""}}},
          {"Environment", {{"Variables", {{"HYPERNAT_COMMAND", R"(["cat"])"}}}}},
          {"VpcConfig", {{"SubnetIds", subnets}, {"SecurityGroupIds", groups}}}};
}

void World::declare(const std::string& account) {
  const auto must = [](const Reply& reply) {
    if (reply.status != 200) throw std::runtime_error(reply.body.dump());
  };
  const int segment = account == kAcme ? 5000 : 6000;
  must(put("", {{"Name", "tenant"}, {"Limits", {{"Flows", 1000}}}}, account));
  must(put("/vpcs/vpc-1", {{"Cidr", "10.0.0.0/16"}, {"Resolver", "10.0.1.53"}}, account));
  must(put("/route-tables/rtb-1",
           {{"VpcId", "vpc-1"}, {"Routes", {{{"Destination", "0.0.0.0/0"}, {"Target", "router"}}}}}, account));
  auto subnet = subnet_body();
  subnet["Segment"]["Id"] = segment + 1;
  must(put("/subnets/subnet-a", subnet, account));
  subnet["Segment"]["Id"] = segment + 2;
  subnet["Cidr"] = "10.0.2.0/24";
  subnet["Router"] = "10.0.2.1";
  subnet["Zone"] = "b";
  must(put("/subnets/subnet-b", subnet, account));
  for (const char* group : {"/security-groups/sg-1", "/security-groups/sg-2"})
    must(put(group,
             {{"VpcId", "vpc-1"},
              {"Egress", {{{"Protocol", "tcp"}, {"FromPort", 80}, {"ToPort", 80}, {"Destination", "10.0.0.0/16"}}}}},
             account));
}

Reply World::create(const std::string& name, const std::vector<std::string>& subnets,
                    const std::vector<std::string>& groups, const std::string& account) {
  return call("POST", "/2015-03-31/functions", function_body(name, subnets, groups), account);
}

Reply World::update(const std::string& name, const std::vector<std::string>& subnets,
                    const std::vector<std::string>& groups, const std::string& account) {
  return call("PUT", "/2015-03-31/functions/" + name + "/configuration",
              {{"VpcConfig", {{"SubnetIds", subnets}, {"SecurityGroupIds", groups}}}}, account);
}

Json World::function(const std::string& name, const std::string& account) {
  return call("GET", "/2015-03-31/functions/" + name + "/configuration", nullptr, account).body;
}

std::string World::state(const std::string& name, const std::string& account) {
  return function(name, account).value("State", "none");
}

Json World::mappings() {
  return call("GET", "/hypernat/v1/mappings").body.at("Mappings");
}

void World::report(const std::string& node) {
  const auto held = table();
  store.report({.node = node,
                .epoch = held.epoch,
                .generation = held.generation,
                .table_sha256 = config::sha256_hex(store.table.value()),
                .unix_milliseconds = to_milliseconds(clock.now()),
                .beat_milliseconds = 500,
                .refusal = {},
                .port_use = {}});
}

void World::run() {
  beat();
  report("dp1");
  beat();
  report("dp1");
}

config::Table World::table() const {
  return config::read_table(store.table.value());
}

std::uint64_t World::generation() {
  return call("GET", "/hypernat/v1/status").body.at("Generation");
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "hypernat-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hypernat::control::testing
