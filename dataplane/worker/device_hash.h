// Whether a device's RSS hash is the home's hash.
//
// At start nobody knows: a driver may report another key, another field order or nonsense. The first hashes are
// compared with the software's; only when all agree are later ones believed, and one that differs ends it for good.
#pragma once

#include <atomic>
#include <cstdint>

namespace hypernat::dataplane {

enum class HashTrust : std::uint8_t {
  kUnused,      ///< the device gives no hash for this port's packets
  kComparing,   ///< computed and compared for each packet
  kTrusted,     ///< the device's is used
  kDistrusted,  ///< differed; computed for each packet
};

class DeviceHash {
 public:
  explicit DeviceHash(HashTrust start) : trust_(start) {}
  DeviceHash(const DeviceHash& other) : trust_(other.trust()), agreed_(other.agreed_) {}

  /// Any thread.
  HashTrust trust() const { return trust_.load(std::memory_order_relaxed); }

  /// Owner: `device` came with a packet whose hash is `software`.
  void compare(std::uint32_t device, std::uint32_t software) {
    if (device != software) {
      trust_.store(HashTrust::kDistrusted, std::memory_order_relaxed);
    } else if (++agreed_ == kProofs) {
      trust_.store(HashTrust::kTrusted, std::memory_order_relaxed);
    }
  }

 private:
  static constexpr std::uint32_t kProofs = 64;
  std::atomic<HashTrust> trust_;  ///< written by the worker
  std::uint32_t agreed_ = 0;
};

}  // namespace hypernat::dataplane
