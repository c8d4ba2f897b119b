// Between workers: a ring for packets and one for reports from each to each, and one to a worker that transmits for
// those without a queue.
#pragma once

#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hypernat::dataplane {

struct RingDeleter {
  void operator()(rte_ring* ring) const;
};
using Ring = std::unique_ptr<rte_ring, RingDeleter>;

class Rings {
 public:
  struct Options {
    std::string name = "hand";  ///< unique in the process
    std::uint16_t workers = 1;
    std::uint16_t ports = 1;
    std::uint32_t size = 1024;     ///< frames on a ring; a power of two
    std::uint32_t reports = 1024;  ///< reports on a ring (nat/redirect_reports.h); a power of two
  };

  /// Null when memory can not be had.
  static std::unique_ptr<Rings> create(const Options& options);

  /// By worker: where `worker` puts what is at home elsewhere; null at its own place.
  std::vector<rte_ring*> from(std::uint16_t worker) const;
  /// By worker: where `worker` finds what others put there.
  std::vector<rte_ring*> to(std::uint16_t worker) const;
  /// The same for reports: each the word of one, in the place of a pointer.
  std::vector<rte_ring*> reports_from(std::uint16_t worker) const;
  std::vector<rte_ring*> reports_to(std::uint16_t worker) const;
  /// Finished frames for a port, from any worker without a queue there.
  rte_ring* finished(std::uint16_t port) const { return finished_[port].get(); }
  /// Frees the frames on all rings; returns how many there were.
  std::uint32_t drain();

 private:
  using Mesh = std::vector<Ring>;  ///< from * workers + to; null from a worker to itself

  explicit Rings(std::uint16_t workers) : workers_(workers) {}
  std::vector<rte_ring*> from(const Mesh& mesh, std::uint16_t worker) const;
  std::vector<rte_ring*> to(const Mesh& mesh, std::uint16_t worker) const;

  std::uint16_t workers_;
  Mesh frames_;
  Mesh reports_;
  std::vector<Ring> finished_;
};

}  // namespace hypernat::dataplane
