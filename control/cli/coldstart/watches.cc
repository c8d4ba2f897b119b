#include "control/cli/coldstart/watches.h"

#include <fmt/format.h>

#include <ctime>

#include "config/json.h"
#include "control/cli/errors.h"
#include "control/cli/text_table.h"

namespace hypernat::coldstart {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kTraceInterval{50};
constexpr std::chrono::milliseconds kLeaseInterval{20};
constexpr std::chrono::milliseconds kInterfaceInterval{100};

std::int64_t integer(const json& object, const char* name) {
  return object.contains(name) && object[name].is_number() ? object[name].get<std::int64_t>() : 0;
}

void arm(const cli::TelemetryClient& dataplane, const Plan& plan) {
  const auto answer =
      dataplane.ask("/hypernat/trace_start", fmt::format("openings=only;protocol=tcp;address={};port={};count={}",
                                                         to_string(plan.server), plan.port, kMostInvocations));
  if (answer.contains("error"))
    throw cli::CommandError("the data plane does not trace openings: " + cli::member_text(answer, "error"));
}

}  // namespace

std::int64_t monotonic_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

OpeningWatch::OpeningWatch(const std::string& dataplane, const Plan& plan) : dataplane_(dataplane) {
  arm(dataplane_, plan);
  poller_.emplace(kTraceInterval, [this] { dataplane_.ask("/hypernat/trace", "0"); });
}

OpeningWatch::~OpeningWatch() {
  try {
    disarm();
  } catch (const std::exception&) {  // the data plane went away; nothing is left to be disarmed
  }
}

void OpeningWatch::disarm() {
  if (!poller_) return;
  poller_.reset();
  dataplane_.ask("/hypernat/trace_stop");
}

// A slot's address serves one environment after another, so the moment must lie within the sample's handshake, too.
void OpeningWatch::finish(std::vector<Sample>& samples) {
  disarm();
  std::multimap<std::string, std::int64_t> openings;
  for (const auto& record : dataplane_.ask_pages("/hypernat/trace"))
    openings.emplace(cli::member_text(record, "src"), integer(record, "monotonic_ns"));
  for (auto& sample : samples) {
    Moments& moments = sample.moments;
    const auto [first, last] = openings.equal_range(fmt::format("{}:{}", sample.address, sample.local_port));
    for (auto opening = first; opening != last; ++opening)
      if (opening->second >= moments.connecting && opening->second <= moments.connected)
        moments.accepted = opening->second;
  }
}

LeaseWatch::LeaseWatch(const cli::ControlConnection& control)
    : control_(control), poller_(kLeaseInterval, [this] { ask(); }) {}

// A question without an answer fails those who wait now; whoever waits next may find the control plane back.
void LeaseWatch::ask() {
  if (waiting_ == 0) return;
  States states;
  std::string problem;
  try {
    states = read();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  const std::lock_guard lock(mutex_);
  states_ = std::move(states);
  problem_ = std::move(problem);
  ++rounds_;
  news_.notify_all();
}

LeaseWatch::States LeaseWatch::read() const {
  States states;
  const auto answer = control_.get("/hypernat/v1/leases");
  for (const auto& lease : answer.at("Leases")) {
    const auto state = cli::member_text(lease, "State");
    states[cli::member_text(lease, "Id")] = {
        .is_active = state == "Active",
        .failure = state == "Failed" ? cli::member_text(lease, "StateReasonCode") : std::string(),
        .reason = cli::member_text(lease, "StateReason"),
        .moments = {.requested = integer(lease, "RequestedAt"),
                    .provisioned = integer(lease, "ProvisionedAt"),
                    .active = integer(lease, "ActiveAt")}};
  }
  return states;
}

std::optional<LeaseWatch::State> LeaseWatch::wait(const std::string& lease, const std::atomic<bool>& interrupted) {
  constexpr std::chrono::milliseconds kLook{100};
  ++waiting_;
  std::optional<State> found;
  std::unique_lock lock(mutex_);
  // The round that is under way may have begun before the lease was there.
  const auto first_round = rounds_ + 2;
  while (!found && !interrupted) {
    news_.wait_for(lock, kLook);
    const auto state = states_.find(lease);
    if (state != states_.end() && (state->second.is_active || !state->second.failure.empty())) found = state->second;
    if (state != states_.end() || rounds_ < first_round) continue;
    found = problem_.empty() ? State{.failure = "LeaseGone", .reason = "it expired"}
                             : State{.failure = "ControlPlaneSilent", .reason = problem_};
  }
  --waiting_;
  return found;
}

void LeaseWatch::stop() {
  poller_.stop();
}

InterfaceWatch::InterfaceWatch(const cli::ControlConnection& control, Subnets subnets)
    : control_(control),
      subnets_(std::move(subnets)),
      began_ns_(monotonic_ns()),
      poller_(kInterfaceInterval, [this] { ask(); }) {}

void InterfaceWatch::ask() {
  InterfaceCount count;
  count.at_ns = monotonic_ns() - began_ns_;
  count.interfaces = control_.get("/hypernat/v1/status").at("Interfaces").get<std::uint64_t>();
  for (const auto& id : subnets_.ids) {
    const auto subnet =
        control_.get("/hypernat/v1/accounts/" + subnets_.account + "/subnets/" + cli::encode_segment(id));
    count.addresses += subnet.at("AvailableIpAddressCount").get<std::uint64_t>();
  }
  counts_.push_back(count);
}

std::vector<InterfaceCount> InterfaceWatch::finish() {
  poller_.stop();
  if (!poller_.problem().empty()) throw cli::CommandError("interfaces could not be counted: " + poller_.problem());
  return std::move(counts_);
}

}  // namespace hypernat::coldstart
