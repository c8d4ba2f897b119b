#include "control/cli/coldstart/invoker.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>

#include "config/json.h"
#include "control/api/environment_client.h"
#include "control/cli/errors.h"
#include "control/cli/lease.h"

namespace hypernat::coldstart {
namespace {

using nlohmann::json;

// More would only queue before the control plane's lock, and its socket's backlog is finite.
constexpr std::ptrdiff_t kCallsAtOnce = 32;
constexpr std::chrono::seconds kEnvironmentTimeout{60};
// A lease that is not given back, because this command was killed, ends so long after its interface was made.
constexpr std::chrono::seconds kLeaseReserve{120};
constexpr std::chrono::milliseconds kLookForEvent{100};

/// What ends an invocation that this command understands: a name for the statistics, and the rest.
struct Failure {
  std::string name;
  std::string detail;
};

/// One of the few calls at a time.
class Turn {
 public:
  explicit Turn(std::counting_semaphore<>& calls) : calls_(calls) { calls_.acquire(); }
  ~Turn() { calls_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::counting_semaphore<>& calls_;
};

/// A lease whose request and whose return wait for their turns.
class LeaseInTurn {
 public:
  LeaseInTurn(std::counting_semaphore<>& calls, const cli::ControlConnection& control, const cli::HeldLease::Wish& wish)
      : calls_(calls) {
    const Turn turn(calls_);
    lease_.emplace(control, wish);
  }
  ~LeaseInTurn() {
    const Turn turn(calls_);
    lease_.reset();
  }
  LeaseInTurn(const LeaseInTurn&) = delete;
  LeaseInTurn& operator=(const LeaseInTurn&) = delete;

  const std::string& id() const { return lease_->id(); }

 private:
  std::counting_semaphore<>& calls_;
  std::optional<cli::HeldLease> lease_;
};

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ~Pipe() {
    for (const int end : ends_)
      if (end >= 0) ::close(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int write_end() const { return ends_[1]; }
  /// Everything that was written, once nobody else can write any more.
  std::string read_all() {
    ::close(ends_[1]);
    ends_[1] = -1;
    std::string text;
    char part[4096];
    for (ssize_t length = 0; (length = ::read(ends_[0], part, sizeof part)) > 0;)
      text.append(part, static_cast<std::size_t>(length));
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
};

void read_probe(const std::string& output, Sample& sample) {
  const auto line = json::parse(output, nullptr, false);
  if (!line.is_object()) throw Failure{.name = "NoAnswer", .detail = "the environment wrote: " + output};
  if (line.contains("error")) throw Failure{.name = "NoAnswer", .detail = line["error"].get<std::string>()};
  sample.moments.connecting = line.at("connecting_ns").get<std::int64_t>();
  sample.moments.connected = line.at("connected_ns").get<std::int64_t>();
  sample.moments.answered = line.at("answered_ns").get<std::int64_t>();
  sample.local_port = line.at("local_port").get<std::uint16_t>();
}

void note_start(const control::EnvironmentEvent& event, Sample& sample) {
  sample.slot = event.slot;
  sample.address = event.address;
  sample.moments.received = event.received_ns;
  sample.moments.attached = event.attached_ns;
  sample.moments.begun = event.begun_ns;
}

}  // namespace

Invoker::Invoker(const Parts& parts, Mode mode) : parts_(parts), mode_(mode), calls_(kCallsAtOnce) {
  if (mode == Mode::kPerEnvironment) leases_ = std::make_unique<LeaseWatch>(parts.control);
}

std::vector<Sample> Invoker::run() {
  const auto due = arrivals(parts_.plan);
  std::vector<Sample> samples(due.size());
  std::vector<std::jthread> threads;
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t number = 0; number < due.size() && !parts_.interrupted; ++number) {
    samples[number].number = static_cast<std::uint32_t>(number);
    std::this_thread::sleep_until(began + due[number]);
    threads.emplace_back([this, &sample = samples[number]] { invoke(sample); });
  }
  const auto begun = threads.size();
  threads.clear();
  samples.resize(begun);
  if (leases_) leases_->stop();
  return samples;
}

void Invoker::invoke(Sample& sample) {
  sample.moments.invoked = monotonic_ns();
  try {
    attempt(sample);
  } catch (const Failure& failure) {
    sample.failure = failure.name;
    sample.detail = failure.detail;
  } catch (const cli::CommandError& error) {
    sample.failure = "Refused";
    sample.detail = error.what();
  } catch (const std::exception& error) {
    sample.failure = "WorkerHost";
    sample.detail = error.what();
  }
}

void Invoker::attempt(Sample& sample) {
  if (mode_ == Mode::kShared) return run_environment(sample, {});
  const Plan& plan = parts_.plan;
  sample.modelled_ns = std::chrono::nanoseconds(plan.provisioning).count();
  const LeaseInTurn lease(calls_, parts_.control,
                          {.function = {.account = plan.account, .name = plan.function},
                           .lifetime = std::chrono::ceil<std::chrono::seconds>(plan.provisioning) + kLeaseReserve,
                           .provisioning_time = plan.provisioning});
  await_lease(lease.id(), sample);
  run_environment(sample, lease.id());
}

void Invoker::await_lease(const std::string& lease, Sample& sample) {
  const auto state = leases_->wait(lease, parts_.interrupted);
  if (!state) throw Failure{.name = "Interrupted", .detail = "while waiting for an interface"};
  if (!state->failure.empty()) throw Failure{.name = state->failure, .detail = state->reason};
  sample.lease = state->moments;
  sample.moments.has_lease = monotonic_ns();
}

void Invoker::run_environment(Sample& sample, const std::string& lease) {
  const Plan& plan = parts_.plan;
  json question{{"Account", plan.account}, {"FunctionName", plan.function}};
  if (!lease.empty()) question["Lease"] = lease;
  const auto place = [&] {
    const Turn turn(calls_);
    return parts_.control.send("POST", "/hypernat/v1/placements", question, plan.account);
  }();
  sample.moments.placed = monotonic_ns();
  sample.worker_host = place.at("WorkerHost").get<std::string>();
  sample.mapping = place.at("Mapping").get<std::uint32_t>();

  // The program is handed over as a descriptor: an environment need not see, nor be allowed to see, where it lies.
  Pipe output;
  control::EnvironmentClient environment(place.at("Socket").get<std::string>());
  environment.start({.function = plan.function,
                     .mapping = sample.mapping,
                     .resolver = {},
                     .command = {"/proc/self/fd/0", to_string(plan.server), std::to_string(plan.port), plan.path},
                     .environment = {},
                     .timeout = kEnvironmentTimeout},
                    {.in = parts_.probe, .out = output.write_end(), .err = output.write_end()});
  while (!parts_.interrupted) {
    const auto event = environment.next(kLookForEvent);
    if (!event) continue;
    if (event->kind == control::EnvironmentEventKind::kStarted) {
      note_start(*event, sample);
      continue;
    }
    if (event->kind == control::EnvironmentEventKind::kError)
      throw Failure{.name = event->message.starts_with("no slot is free") ? "NoFreeSlot" : "WorkerHost",
                    .detail = event->message};
    return read_probe(output.read_all(), sample);
  }
  throw Failure{.name = "Interrupted", .detail = "while the environment ran"};
}

}  // namespace hypernat::coldstart
