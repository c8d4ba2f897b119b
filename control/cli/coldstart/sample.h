// One invocation as it was measured: its moments, the stages between them, and what went wrong.
//
// Moments are CLOCK_MONOTONIC of this machine, so that those of the command, the worker host, the environment and the
// data plane can be subtracted from each other; the control plane's own are kept as it told them. What a model says is
// never mixed with what was measured: `Stage::kModelled` holds it alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hypernat::coldstart {

enum class Mode : std::uint8_t {
  kShared,          ///< since 2019: the interface is there, shared by all environments of the configuration
  kPerEnvironment,  ///< before: an interface for each environment, made on the invoke path
};
std::string_view name_of(Mode mode);  ///< "shared", "per-environment"

/// Nanoseconds; 0: did not happen, or is not known.
struct Moments {
  std::int64_t invoked = 0;     ///< the invocation began: it was due, or a thread for it ran
  std::int64_t has_lease = 0;   ///< this command knew that the environment's interface is active
  std::int64_t placed = 0;      ///< the control plane had said where
  std::int64_t received = 0;    ///< the worker host had read the request
  std::int64_t attached = 0;    ///< the slot was attached to the mapping
  std::int64_t begun = 0;       ///< the environment's turn to start had come
  std::int64_t connecting = 0;  ///< the command began to connect: its first packet leaves
  std::int64_t accepted = 0;    ///< the data plane had opened the flow for it
  std::int64_t connected = 0;   ///< the handshake was complete
  std::int64_t answered = 0;    ///< the first bytes of the server's answer were there
};

/// What the control plane says of a lease, Unix milliseconds; 0: did not happen.
struct LeaseMoments {
  std::int64_t requested = 0;
  std::int64_t provisioned = 0;
  std::int64_t active = 0;
};

struct Sample {
  std::uint32_t number = 0;
  std::string worker_host;
  std::string address;
  std::uint32_t slot = 0;
  std::uint32_t mapping = 0;
  std::uint16_t local_port = 0;
  std::int64_t modelled_ns = 0;  ///< provisioning as the model has it, waited for in full
  Moments moments;
  LeaseMoments lease;
  std::string failure;  ///< empty: it was answered; else a short name of what went wrong, the same for all alike
  std::string detail;   ///< of the failure
};

/// Parts of an invocation, in order; they add up to the whole.
enum class Stage : std::uint8_t {
  kModelled,      ///< provisioning an interface, as the model has it
  kProvisioning,  ///< what it took beyond the model
  kPublish,       ///< until every data plane had confirmed the interface
  kLease,         ///< asking for it, and hearing of it
  kPlacement,
  kRequest,  ///< until the worker host had read the request
  kSlot,
  kTurn,     ///< until few enough others were starting
  kProcess,  ///< starting the command: namespaces, file systems, the program
  kFirstPacket,
  kConnect,
  kAnswer,
};
inline constexpr std::size_t kStages = 12;
std::string_view name_of(Stage stage);

/// Nanoseconds of each stage of an answered invocation; first packet and connect are one, in kConnect, when it is not
/// known when the data plane accepted it.
std::array<std::int64_t, kStages> stages_of(const Sample& sample);

/// What this system needs to connect an environment: its slot and its first packet. -1 when not known.
std::int64_t connectivity_of(const Sample& sample);
/// From invocation to the first byte of the answer, without the model's part.
std::int64_t measured_total_of(const Sample& sample);

}  // namespace hypernat::coldstart
