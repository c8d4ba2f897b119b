// Killed at any instant: what was acknowledged holds, what was under way is finished or undone.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "control/lifecycle/settler.h"
#include "control/lifecycle/table_builder.h"
#include "control/store/counters.h"
#include "control/store/function_store.h"
#include "control/store/interface_store.h"
#include "control/store/lease_store.h"
#include "control/store/mapping_store.h"
#include "control/store/network_store.h"
#include "control/store/schema.h"
#include "tests/unit/control/world.h"

namespace hypernat::control::testing {
namespace {

constexpr int kNames = 6;
constexpr std::size_t kMostLeases = 3;  // of each thread's functions

// What the victim tells before and after each operation, so that the survivor knows what was promised.
struct Note {
  enum Kind : char { kBegun, kDone, kRefused, kLeased, kReturning, kReturned } kind = kBegun;
  char function = 0;
  bool exists = false;      // whether it does once the operation is done
  std::uint64_t lease = 0;  // of kLeased, kReturning and kReturned
};

// What the survivor knows of a lease.
struct LeasePromise {
  enum Existence : char { kYes, kNo, kEither } existence = kYes;
  char function = 0;
};

struct Promises {
  std::map<char, bool> functions;
  std::map<std::uint64_t, LeasePromise> leases;
};

// A control plane on a directory store, with a data plane that holds whatever is there.
struct Plane {
  explicit Plane(const TemporaryDirectory& directory)
      : database(directory / "control.db"),
        store(config::open_directory_store(directory / "store")),
        provisioner(database, {.time = 0ms}) {
    prepare_schema(database, clock.wall());
    controller = std::make_unique<Controller>(Controller::Parts{
        .database = database, .store = *store, .provisioner = provisioner, .clock = clock, .settings = {}});
    api = std::make_unique<Api>(*controller, ApiSettings{});
    controller->beat();
  }

  ApiResponse ask(const std::string& method, const std::string& path, const Json& body = nullptr) {
    return api->handle({.method = method,
                        .path = path,
                        .query = {},
                        .headers = {{"x-hypernat-account", kAcme}},
                        .body = body.is_null() ? "" : body.dump()});
  }
  int call(const std::string& method, const std::string& path, const Json& body = nullptr) {
    return ask(method, path, body).status;
  }

  void follow() {
    const auto bytes = store->fetch();
    const auto table = config::read_table(*bytes);
    store->report({.node = "dp1",
                   .epoch = table.epoch,
                   .generation = table.generation,
                   .table_sha256 = config::sha256_hex(*bytes),
                   .unix_milliseconds = to_milliseconds(clock.wall()),
                   .beat_milliseconds = 500,
                   .refusal = {},
                   .port_use = {}});
    controller->beat();
  }

  Database database;
  std::unique_ptr<config::Store> store;
  ModelledProvisioner provisioner;
  SystemClock clock;
  std::unique_ptr<Controller> controller;
  std::unique_ptr<Api> api;
};

void declare(Plane& plane) {
  const std::string account = std::string("/hypernat/v1/accounts/") + kAcme;
  plane.call("PUT", account, {{"Name", "acme"}});
  plane.call("PUT", account + "/vpcs/vpc-1", {{"Cidr", "10.0.0.0/16"}});
  plane.call("PUT", account + "/route-tables/rtb-1", {{"VpcId", "vpc-1"}, {"Routes", Json::array()}});
  plane.call("PUT", account + "/subnets/subnet-a", subnet_body());
  for (const char* group : {"sg-1", "sg-2"})
    plane.call("PUT", account + "/security-groups/" + group, {{"VpcId", "vpc-1"}, {"Egress", Json::array()}});
}

// One of the victim's threads; it has its functions to itself.
class Actor {
 public:
  Actor(Plane& plane, int notes, std::string functions, unsigned seed)
      : plane_(plane), notes_(notes), functions_(std::move(functions)), random_(seed) {}

  [[noreturn]] void act_forever() {
    while (true) {
      const char function = functions_[any(functions_.size())];
      switch (any(6)) {
        case 0:
          create(function);
          break;
        case 1:
          plane_.call("PUT", path(function) + "/configuration", {{"VpcConfig", any_network()}});
          break;
        case 2:
          note({.kind = Note::kBegun, .function = function, .exists = false});
          note_end(plane_.call("DELETE", path(function)), function, false);
          break;
        case 3:
        case 4:
          lease(function);
          break;
        default:
          plane_.follow();
      }
    }
  }

 private:
  std::size_t any(std::size_t below) { return random_() % below; }
  static std::string path(char function) { return std::string("/2015-03-31/functions/") + function; }
  Json any_network() {
    const std::vector<Json> group_sets{{"sg-1"}, {"sg-2"}, {"sg-1", "sg-2"}};
    return {{"SubnetIds", {"subnet-a"}}, {"SecurityGroupIds", group_sets[any(group_sets.size())]}};
  }

  void note(const Note& note) const {
    if (::write(notes_, &note, sizeof note) != sizeof note) ::_exit(1);
  }
  void note_end(int status, char function, bool exists) const {
    note({.kind = status < 300 ? Note::kDone : Note::kRefused, .function = function, .exists = exists});
  }

  void create(char function) {
    auto body = function_body({function}, {}, {});
    body["VpcConfig"] = any_network();
    note({.kind = Note::kBegun, .function = function, .exists = true});
    note_end(plane_.call("POST", "/2015-03-31/functions", body), function, true);
  }

  // Requests a lease, or gives one back when there are many.
  void lease(char function) {
    std::vector<std::string> present;
    const auto answer = Json::parse(plane_.ask("GET", "/hypernat/v1/leases").body);
    for (const auto& each : answer.at("Leases"))
      if (functions_.find(each["FunctionName"].get<std::string>()) != std::string::npos) present.push_back(each["Id"]);
    if (present.size() >= kMostLeases) {
      const auto uid = parse_lease_id(present.front()).value();
      note({.kind = Note::kReturning, .lease = uid});
      if (plane_.call("DELETE", "/hypernat/v1/leases/" + present.front()) == 204)
        note({.kind = Note::kReturned, .lease = uid});
      return;
    }
    const auto response =
        plane_.ask("POST", "/hypernat/v1/leases",
                   {{"Account", kAcme}, {"FunctionName", std::string{function}}, {"ProvisioningMilliseconds", 0}});
    if (response.status != 201) return;
    const auto uid = parse_lease_id(Json::parse(response.body)["Id"]).value();
    note({.kind = Note::kLeased, .function = function, .lease = uid});
  }

  Plane& plane_;
  const int notes_;
  const std::string functions_;
  std::mt19937 random_;
};

// Several threads at a time, so that changes are committed in groups, while another settles.
[[noreturn]] void be_killed(const TemporaryDirectory& directory, int notes, unsigned seed) {
  Plane plane(directory);
  const Settler settler(*plane.controller, 10ms);
  std::vector<std::thread> threads;
  for (const char* functions : {"ab", "cd", "ef"})
    threads.emplace_back(
        [&plane, notes, functions, own_seed = seed++] { Actor(plane, notes, functions, own_seed).act_forever(); });
  threads.front().join();
  ::_exit(1);
}

// Which leases must exist and which must not; one whose end, or whose function's, was under way may do either. A
// lease that nobody was told of may exist: it will expire.
void expect_leases_kept(Plane& plane, const std::vector<Note>& notes, std::map<std::uint64_t, LeasePromise>& promised) {
  const auto functions_leases = [&](char function, LeasePromise::Existence existence) {
    for (auto& [uid, promise] : promised)
      if (promise.function == function && promise.existence != LeasePromise::kNo) promise.existence = existence;
  };
  for (const auto& note : notes) {
    if (note.kind == Note::kLeased) promised[note.lease] = {.existence = LeasePromise::kYes, .function = note.function};
    if (note.kind == Note::kReturning) promised.at(note.lease).existence = LeasePromise::kEither;
    if (note.kind == Note::kReturned) promised.at(note.lease).existence = LeasePromise::kNo;
    if (note.kind == Note::kBegun && !note.exists) functions_leases(note.function, LeasePromise::kEither);
    if (note.kind == Note::kDone && !note.exists) functions_leases(note.function, LeasePromise::kNo);
  }
  std::set<std::uint64_t> present;
  for (const auto& leased : list_leases(plane.database)) present.insert(leased.lease.uid);
  for (const auto& [uid, promise] : promised) {
    if (promise.existence == LeasePromise::kEither) continue;
    EXPECT_EQ(present.contains(uid), promise.existence == LeasePromise::kYes) << lease_id(uid);
  }
  promised.clear();
  for (const auto& leased : list_leases(plane.database))
    promised[leased.lease.uid] = {.existence = LeasePromise::kYes, .function = leased.lease.function.front()};
}

// Which functions must exist and which must not; one whose operation was under way may do either.
void expect_functions_kept(Plane& plane, const std::vector<Note>& notes, std::map<char, bool>& promised) {
  std::set<char> under_way;
  for (const auto& note : notes) {
    if (note.kind == Note::kDone) promised[note.function] = note.exists;
    if (note.kind == Note::kBegun) under_way.insert(note.function);
    if (note.kind == Note::kDone || note.kind == Note::kRefused) under_way.erase(note.function);
  }
  for (char function = 'a'; function < 'a' + kNames; ++function) {
    const bool found = find_function(plane.database, kAcme, {function}).has_value();
    if (!under_way.contains(function)) {
      EXPECT_EQ(found, promised[function]) << function;
    }
    promised[function] = found;
  }
}

void expect_invariants(Plane& plane) {
  auto& database = plane.database;
  EXPECT_FALSE(database.query("PRAGMA foreign_key_check").step());
  std::set<std::uint64_t> referenced;
  for (const auto& function : list_functions(database, kAcme, "", 100)) {
    EXPECT_EQ(function.state, FunctionState::kActive) << function.name;
    EXPECT_EQ(function.update_status, UpdateStatus::kSuccessful) << function.name;
    EXPECT_TRUE(referenced_mappings(database, function, NetworkRole::kNext).empty());
    const auto uids = referenced_mappings(database, function, NetworkRole::kCurrent);
    ASSERT_EQ(uids.size(), 1U);
    const auto groups = find_mapping(database, uids[0])->groups;
    EXPECT_EQ(std::set<std::string>(groups.begin(), groups.end()),
              std::set<std::string>(function.network.groups.begin(), function.network.groups.end()));
    referenced.insert(uids[0]);
  }
  for (const auto& leased : list_leases(database)) {
    EXPECT_TRUE(leased.lease.active_at) << leased.lease.id();
    ASSERT_TRUE(find_mapping(database, leased.lease.mapping));
    EXPECT_EQ(find_mapping(database, leased.lease.mapping)->lease, leased.lease.uid);
    referenced.insert(leased.lease.mapping);
  }
  for (const auto& mapping : list_mappings(database)) {
    EXPECT_TRUE(referenced.contains(mapping.uid)) << "mapping " << mapping.number << " belongs to nobody";
    EXPECT_EQ(mapping.state, MappingState::kActive);
    EXPECT_EQ(list_interfaces(database, mapping.uid).size(), 1U);
  }
  const auto bytes = plane.store->fetch();
  EXPECT_EQ(*bytes, config::write_table(build_table(database)));
  EXPECT_EQ(config::sha256_hex(*bytes), read_publication(database).table_sha256);
}

TEST(Crash, at_any_instant_breaks_no_promise) {
  TemporaryDirectory directory;
  {
    Plane plane(directory);
    declare(plane);
    plane.follow();
  }
  const auto store = config::open_directory_store(directory / "store");
  Promises promised;
  std::map<std::uint64_t, std::string> sha_of_generation;
  std::mt19937 random(1);
  std::size_t operations = 0;
  for (unsigned round = 0; round < 40; ++round) {
    std::array<int, 2> notes{};
    ASSERT_EQ(::pipe2(notes.data(), O_CLOEXEC), 0);
    const pid_t victim = ::fork();
    if (victim == 0) be_killed(directory, notes[1], round);
    ::close(notes[1]);
    // It lives for some operations and then some instants, so that a busy machine tests no less than an idle one;
    // every fourth is killed while it starts.
    std::vector<Note> told;
    const auto wanted = round % 4 == 0 ? 0 : random() % 20;
    Note note;
    while (told.size() < wanted && ::read(notes[0], &note, sizeof note) == sizeof note) told.push_back(note);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 10'000));
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
    while (::read(notes[0], &note, sizeof note) == sizeof note) told.push_back(note);
    ::close(notes[0]);
    operations += told.size();

    const auto remember = [&] {
      const auto bytes = store->fetch();
      const auto table = config::read_table(*bytes);
      const auto [place, is_new] = sha_of_generation.emplace(table.generation, config::sha256_hex(*bytes));
      EXPECT_EQ(place->second, config::sha256_hex(*bytes)) << "generation " << table.generation << " names two tables";
      EXPECT_EQ(place, std::prev(sha_of_generation.end())) << "a generation went back";
    };
    remember();
    Plane plane(directory);
    remember();
    expect_functions_kept(plane, told, promised.functions);
    expect_leases_kept(plane, told, promised.leases);
    plane.follow();
    plane.follow();
    expect_invariants(plane);
    remember();
    if (::testing::Test::HasFailure()) FAIL() << "in round " << round;
  }
  EXPECT_GT(operations, 100U) << "the victims did too little for this to mean anything";
}

}  // namespace
}  // namespace hypernat::control::testing
