#include "tests/model/nat_model.h"

namespace hypernat::model {

std::uint64_t NatModel::lasts(const Life& life) {
  switch (life.phase) {
    case Phase::kInit:
      return 240;
    case Phase::kEstablished:
    case Phase::kInsideFin:
    case Phase::kRemoteFin:
      return 350;
    case Phase::kBothFins:
    case Phase::kTransient:
      return 60;
    case Phase::kDatagram:
      return life.inner.kind == Kind::kUdp ? 120 : 60;
  }
  return 0;
}

template <class Predicate>
void NatModel::erase_if(Predicate gone) {
  for (auto at = by_inner_.begin(); at != by_inner_.end();) {
    if (gone(at->second)) {
      by_outer_.erase(at->second.outer);
      at = by_inner_.erase(at);
    } else {
      ++at;
    }
  }
}

void NatModel::at(std::uint64_t second) {
  now_ = second;
  erase_if([&](const Life& life) { return now_ > life.seen + lasts(life); });
}

void NatModel::remove_mapping(std::uint64_t uid) {
  erase_if([&](const Life& life) { return life.inner.mapping_uid == uid; });
}

void NatModel::remove_interface(const std::string& id) {
  erase_if([&](const Life& life) { return life.interface_id == id; });
}

const Life* NatModel::find(const Inner& inner) const {
  const auto at = by_inner_.find(inner);
  return at == by_inner_.end() ? nullptr : &at->second;
}

const Life* NatModel::find(const Outer& outer) const {
  const auto at = by_outer_.find(outer);
  return at == by_outer_.end() ? nullptr : find(at->second);
}

const Life* NatModel::open(const Inner& inner, const Outer& outer, const std::string& interface_id) {
  if (!by_outer_.emplace(outer, inner).second) return nullptr;
  const Phase phase = inner.kind == Kind::kTcp ? Phase::kInit : Phase::kDatagram;
  return &(by_inner_[inner] = {.inner = inner,
                               .outer = outer,
                               .interface_id = interface_id,
                               .phase = phase,
                               .before_reset = phase,
                               .seen = now_});
}

void NatModel::pass(const Inner& inner, bool outbound, const std::string& flags) {
  Life& life = by_inner_.at(inner);
  life.story += ' ' + std::to_string(now_) + (outbound ? '>' : '<') + flags;
  if (life.phase == Phase::kDatagram) {
    if (outbound) life.seen = now_;
    return;
  }
  const bool syn = flags.find('S') != std::string::npos;
  const bool fin = flags.find('F') != std::string::npos;
  const bool rst = flags.find('R') != std::string::npos;
  const bool ack = flags.find('A') != std::string::npos;

  if (rst) {
    if (life.phase == Phase::kTransient) return;
    life.before_reset = life.phase;
    if (life.phase != Phase::kBothFins) life.seen = now_;
    life.phase = Phase::kTransient;
    return;
  }
  if (life.phase == Phase::kTransient || life.phase == Phase::kBothFins) {
    if (outbound && syn && !ack) {
      life.phase = Phase::kInit;
      life.seen = now_;
      return;
    }
    if (life.phase == Phase::kBothFins) return;
    life.phase = life.before_reset;
    if (life.phase == Phase::kBothFins) return;
    // A segment that is no RST: it counts below like any other.
  }
  if (life.phase == Phase::kInit) {
    if (outbound || syn) life.seen = now_;
    if (!outbound && syn) life.phase = Phase::kEstablished;
    return;
  }
  life.seen = now_;
  if (!fin) return;
  const Phase mine = outbound ? Phase::kInsideFin : Phase::kRemoteFin;
  if (life.phase == Phase::kEstablished)
    life.phase = mine;
  else if (life.phase != mine)
    life.phase = Phase::kBothFins;
}

std::vector<const Life*> NatModel::all() const {
  std::vector<const Life*> lives;
  for (const auto& [inner, life] : by_inner_) lives.push_back(&life);
  return lives;
}

}  // namespace hypernat::model
