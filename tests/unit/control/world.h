// A control plane without processes: its real database, state machine and API, with a clock, a store and data planes
// that tests hold in their hands.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/json.h"
#include "config/store.h"
#include "control/api/api.h"
#include "control/lifecycle/controller.h"
#include "control/provisioning/modelled_provisioner.h"
#include "control/store/sqlite.h"

namespace hypernat::control::testing {

using Json = nlohmann::json;
using namespace std::chrono_literals;

class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  TimePoint wall() const override { return now_; }
  std::chrono::milliseconds real(std::chrono::milliseconds life_time) const override { return life_time; }
  void advance(std::chrono::milliseconds time) { now_ += time; }

 private:
  TimePoint now_ = from_milliseconds(1'800'000'000'000);
};

/// Keeps everything in memory; fails when told to.
class FakeStore final : public config::Store {
 public:
  void publish(std::span<const std::byte> table) override;
  std::optional<std::vector<std::byte>> fetch() override;
  void report(const config::DataplaneStatus& status) override;
  std::vector<config::DataplaneStatus> statuses() override;

  std::optional<std::vector<std::byte>> table;
  std::vector<config::DataplaneStatus> reported;
  int publications = 0;
  bool is_failing = false;
};

/// What the world is made with.
struct WorldSettings {
  std::filesystem::path database{":memory:"};
  std::chrono::milliseconds provisioning_time = 0s;
  Settings control{};
  config::Ec2Config ec2{};
  SigningKeys keys{{"AKIAACME", {.account = "111111111111", .secret = "secret-of-acme"}}};
  std::uint32_t requests_per_second = 0;
};

inline constexpr const char* kAcme = "111111111111";
inline constexpr const char* kGlobex = "222222222222";

struct Reply {
  int status = 0;
  std::string error;  ///< x-amzn-ErrorType
  Json body;
};

/// Of EC2: XML, and what it says.
struct Ec2Reply {
  int status = 0;
  std::string xml;

  /// The text of the first element of that name; empty when there is none.
  std::string text(const std::string& name) const;
  /// The texts of all of them.
  std::vector<std::string> texts(const std::string& name) const;
  std::string error() const { return text("Code"); }
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct World {
  explicit World(const WorldSettings& settings = {});

  /// The control plane is killed and started again on the same database and store. Not with ":memory:".
  void restart();

  Reply call(const std::string& method, const std::string& path, const Json& body = nullptr,
             const std::string& account = kAcme);
  Ec2Reply ec2(const std::string& action, const Parameters& parameters = {}, const std::string& account = kAcme);
  /// Paths below the account's own.
  Reply put(const std::string& path, const Json& body, const std::string& account = kAcme);
  Reply erase(const std::string& path, const std::string& account = kAcme);

  /// An account with vpc-1, 10.0.0.0/16: subnet-a (10.0.1.0/24, zone a), subnet-b (10.0.2.0/24, zone b), sg-1, sg-2.
  void declare(const std::string& account = kAcme);
  Reply create(const std::string& name, const std::vector<std::string>& subnets, const std::vector<std::string>& groups,
               const std::string& account = kAcme);
  Reply update(const std::string& name, const std::vector<std::string>& subnets, const std::vector<std::string>& groups,
               const std::string& account = kAcme);
  Json function(const std::string& name, const std::string& account = kAcme);
  std::string state(const std::string& name, const std::string& account = kAcme);
  Json mappings();

  /// A data plane reports that it holds the table that is in the store now.
  void report(const std::string& node);
  void beat() { controller->beat(); }
  /// Everything that can move has moved, with one data plane that keeps up.
  void run();

  config::Table table() const;
  std::uint64_t generation();

  WorldSettings settings;
  ManualClock clock;
  FakeStore store;
  std::unique_ptr<Database> database;
  std::unique_ptr<Provisioner> provisioner;
  std::unique_ptr<Controller> controller;
  std::unique_ptr<Api> api;
};

/// What stands behind the "?" of a path, as it stands there.
std::map<std::string, std::string> query_of(const std::string& path);

/// Bodies that are accepted, to be changed in one member.
Json subnet_body();
Json function_body(const std::string& name, const std::vector<std::string>& subnets,
                   const std::vector<std::string>& groups);

/// A directory that is removed with its content.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace hypernat::control::testing
