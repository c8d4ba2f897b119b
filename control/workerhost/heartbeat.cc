#include "control/workerhost/heartbeat.h"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>

#include "config/json.h"
#include "control/api/http_client.h"

namespace hypernat::workerhost {
namespace {

constexpr auto kBeat = std::chrono::seconds(2);
constexpr auto kAnswerWithin = std::chrono::seconds(5);

}  // namespace

Heartbeat::Heartbeat(const config::WorkerhostConfig& config)
    : config_(config),
      memory_(config.state_directory / "block"),
      news_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "making an eventfd")) {
  state_.block = recall();
  thread_ = std::jthread([this](const std::stop_token& stop) { beat_until(stop); });
}

Heartbeat::~Heartbeat() {
  thread_.request_stop();
}

HeartbeatState Heartbeat::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Heartbeat::take_news() {
  eventfd_t ignored = 0;
  ::eventfd_read(news_.get(), &ignored);
}

void Heartbeat::beat_until(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    beat();
    std::unique_lock lock(mutex_);
    stopping_.wait_for(lock, stop, kBeat, [] { return false; });
  }
}

void Heartbeat::beat() {
  HeartbeatState next = state();
  const bool was_answered = next.is_answered;
  const std::string old_failure = next.failure;
  ++next.beats;
  try {
    const Ipv4Prefix block = ask();
    if (next.block != block) remember(block);
    next.block = block;
    next.is_answered = true;
    next.failure.clear();
    if (!was_answered) spdlog::info("registered with the control plane: block {}", to_string(block));
  } catch (const std::exception& error) {
    next.is_answered = false;
    next.failure = error.what();
    if (next.failure != old_failure) spdlog::warn("not registered: {}; trying again every 2 s", next.failure);
  }
  {
    const std::lock_guard lock(mutex_);
    state_ = next;
  }
  ::eventfd_write(news_.get(), 1);
}

Ipv4Prefix Heartbeat::ask() const {
  control::HttpClient client(config_.control);
  client.set_timeout(kAnswerWithin);
  const nlohmann::json body = {{"Address", to_string(config_.underlay.address)},
                               {"Zone", config_.zone},
                               {"Socket", config_.socket.string()},
                               {"Slots", config_.slots}};
  const auto response = client.request(
      {.method = "PUT", .path = "/hypernat/v1/worker-hosts/" + config_.name, .headers = {}, .body = body.dump()});
  const auto answer = nlohmann::json::parse(response.body, nullptr, false);
  if (response.status != 200)
    throw std::runtime_error("the control plane at " + config_.control + " answered " +
                             std::to_string(response.status) + ": " +
                             (answer.is_object() ? answer.value("Message", response.body) : response.body));
  const std::string text = answer.is_object() ? answer.value("Block", "") : "";
  const auto block = parse_ipv4_prefix(text);
  if (!block)
    throw std::runtime_error("the control plane at " + config_.control + " gave the block \"" + text +
                             "\"; expected an IPv4 prefix");
  return *block;
}

void Heartbeat::remember(const Ipv4Prefix& block) const {
  const auto draft = memory_.string() + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << to_string(block) << '\n';
  file.close();
  if (!file) throw std::runtime_error("cannot write " + draft);
  std::filesystem::rename(draft, memory_);
}

std::optional<Ipv4Prefix> Heartbeat::recall() const {
  std::ifstream file(memory_);
  std::string text;
  file >> text;
  return parse_ipv4_prefix(text);
}

}  // namespace hypernat::workerhost
