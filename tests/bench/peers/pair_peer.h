// The process at the other ends of a data plane's two devices: the environments on one, a subnet's router on the other.
//
// It sends packets of numbered flows at a rate, with the number in the payload, so that whoever receives one knows its
// flow whatever the NAT made of the addresses; what the NAT chose is kept, for replies. One thread does everything. It
// answers every ARP request.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "tests/bench/peers/flow_frame.h"

namespace hypernat::bench {

struct Trial {
  double rate = 0;            ///< packets a second, both directions together
  std::uint64_t packets = 0;  ///< so many
  std::uint32_t first = 0;    ///< flows [first, first + flows)
  std::uint32_t flows = 0;
};

struct TrialResult {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t opened = 0;  ///< flows whose first packet arrived
  double seconds = 0;        ///< that sending took

  /// Everything arrived, and the sender kept up with the rate.
  bool is_lossless(const Trial& trial) const;
};

class PairPeer {
 public:
  /// On the first two ports of an EAL that is initialised; `flows` is the highest number. Throws std::runtime_error.
  explicit PairPeer(std::uint32_t flows);
  ~PairPeer();
  PairPeer(const PairPeer&) = delete;
  PairPeer& operator=(const PairPeer&) = delete;

  /// One packet of each flow, in order, from inside.
  TrialResult open(const Trial& trial);
  /// Packets of open flows drawn at random, every other one a reply.
  TrialResult exchange(const Trial& trial);
  /// Receives and answers for so long.
  void listen(double seconds);
  /// Flows that have been opened so far.
  std::uint64_t opened() const { return opened_; }

 private:
  enum Side : std::uint8_t { kInside, kOutside };
  struct Reply {
    std::uint32_t address = 0;  ///< host order; 0: not open
    std::uint16_t port = 0;
  };
  static constexpr std::uint16_t kBurst = 32;

  void configure(std::uint16_t port);
  rte_mbuf* make(Side side, std::uint32_t number);
  std::uint32_t send(Side side, std::span<const std::uint32_t> numbers);
  void poll();
  void take(Side side, rte_mbuf& mbuf);
  void answer(Side side, rte_mbuf& mbuf);
  template <typename Next>
  TrialResult run(const Trial& trial, Next&& next);

  rte_mempool* pool_ = nullptr;
  std::vector<Reply> replies_;
  std::uint32_t remotes_;
  FlowFrame outbound_;
  FlowFrame inbound_;
  std::uint64_t received_ = 0;
  std::uint64_t opened_ = 0;
  std::mt19937 random_{1};
};

}  // namespace hypernat::bench
