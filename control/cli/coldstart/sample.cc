#include "control/cli/coldstart/sample.h"

namespace hypernat::coldstart {
namespace {

constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;

std::int64_t& at(std::array<std::int64_t, kStages>& stages, Stage stage) {
  return stages[static_cast<std::size_t>(stage)];
}

}  // namespace

std::string_view name_of(Mode mode) {
  return mode == Mode::kShared ? "shared" : "per-environment";
}

std::string_view name_of(Stage stage) {
  static constexpr std::array<std::string_view, kStages> kNames{"provisioning, modelled",
                                                                "provisioning, beyond it",
                                                                "publish and confirm",
                                                                "lease",
                                                                "placement",
                                                                "request",
                                                                "slot",
                                                                "turn",
                                                                "process",
                                                                "first packet",
                                                                "connect",
                                                                "answer"};
  return kNames[static_cast<std::size_t>(stage)];
}

std::array<std::int64_t, kStages> stages_of(const Sample& sample) {
  const Moments& moments = sample.moments;
  std::array<std::int64_t, kStages> stages{};
  std::int64_t ready = moments.invoked;
  if (moments.has_lease != 0) {
    const auto provisioning = (sample.lease.provisioned - sample.lease.requested) * kNanosecondsPerMillisecond;
    const auto publishing = (sample.lease.active - sample.lease.provisioned) * kNanosecondsPerMillisecond;
    at(stages, Stage::kModelled) = sample.modelled_ns;
    at(stages, Stage::kProvisioning) = provisioning - sample.modelled_ns;
    at(stages, Stage::kPublish) = publishing;
    at(stages, Stage::kLease) = moments.has_lease - moments.invoked - provisioning - publishing;
    ready = moments.has_lease;
  }
  at(stages, Stage::kPlacement) = moments.placed - ready;
  at(stages, Stage::kRequest) = moments.received - moments.placed;
  at(stages, Stage::kSlot) = moments.attached - moments.received;
  at(stages, Stage::kTurn) = moments.begun - moments.attached;
  at(stages, Stage::kProcess) = moments.connecting - moments.begun;
  const auto accepted = moments.accepted != 0 ? moments.accepted : moments.connecting;
  at(stages, Stage::kFirstPacket) = accepted - moments.connecting;
  at(stages, Stage::kConnect) = moments.connected - accepted;
  at(stages, Stage::kAnswer) = moments.answered - moments.connected;
  return stages;
}

std::int64_t connectivity_of(const Sample& sample) {
  const Moments& moments = sample.moments;
  if (moments.accepted == 0) return -1;
  return moments.attached - moments.received + moments.accepted - moments.connecting;
}

std::int64_t measured_total_of(const Sample& sample) {
  return sample.moments.answered - sample.moments.invoked - (sample.moments.has_lease != 0 ? sample.modelled_ns : 0);
}

}  // namespace hypernat::coldstart
