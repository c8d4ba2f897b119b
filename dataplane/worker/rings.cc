#include "dataplane/worker/rings.h"

#include <rte_mbuf.h>

namespace hypernat::dataplane {

void RingDeleter::operator()(rte_ring* ring) const {
  rte_ring_free(ring);
}

std::unique_ptr<Rings> Rings::create(const Options& options) {
  std::unique_ptr<Rings> rings(new Rings(options.workers));
  const auto make = [&](const std::string& name, std::uint32_t size, unsigned flags) {
    return Ring(rte_ring_create((options.name + name).c_str(), size, SOCKET_ID_ANY, flags));
  };
  const auto make_mesh = [&](const std::string& name, std::uint32_t size, Mesh& mesh) {
    for (unsigned from = 0; from < options.workers; ++from) {
      for (unsigned to = 0; to < options.workers; ++to) {
        Ring ring;
        if (from != to) {
          ring = make(name + std::to_string(from) + "_" + std::to_string(to), size, RING_F_SP_ENQ | RING_F_SC_DEQ);
          if (!ring) return false;
        }
        mesh.push_back(std::move(ring));
      }
    }
    return true;
  };
  if (!make_mesh("_", options.size, rings->frames_) || !make_mesh("_r_", options.reports, rings->reports_)) {
    return nullptr;
  }
  for (unsigned port = 0; port < options.ports; ++port) {
    rings->finished_.push_back(make("_out_" + std::to_string(port), options.size, RING_F_SC_DEQ));
    if (!rings->finished_.back()) return nullptr;
  }
  return rings;
}

std::vector<rte_ring*> Rings::from(const Mesh& mesh, std::uint16_t worker) const {
  std::vector<rte_ring*> rings;
  for (std::size_t to = 0; to < workers_; ++to) rings.push_back(mesh[std::size_t{worker} * workers_ + to].get());
  return rings;
}

std::vector<rte_ring*> Rings::to(const Mesh& mesh, std::uint16_t worker) const {
  std::vector<rte_ring*> rings;
  for (std::size_t from = 0; from < workers_; ++from) rings.push_back(mesh[from * workers_ + worker].get());
  return rings;
}

std::vector<rte_ring*> Rings::from(std::uint16_t worker) const {
  return from(frames_, worker);
}

std::vector<rte_ring*> Rings::to(std::uint16_t worker) const {
  return to(frames_, worker);
}

std::vector<rte_ring*> Rings::reports_from(std::uint16_t worker) const {
  return from(reports_, worker);
}

std::vector<rte_ring*> Rings::reports_to(std::uint16_t worker) const {
  return to(reports_, worker);
}

std::uint32_t Rings::drain() {
  std::uint32_t frames = 0;
  const auto empty = [&](rte_ring* ring) {
    void* frame = nullptr;
    while (ring != nullptr && rte_ring_dequeue(ring, &frame) == 0) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
      ++frames;
    }
  };
  for (const Ring& ring : frames_) empty(ring.get());
  for (const Ring& ring : finished_) empty(ring.get());
  return frames;
}

}  // namespace hypernat::dataplane
