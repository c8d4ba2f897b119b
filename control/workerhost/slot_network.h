// The host's tunnel device and its slots: network namespaces, each with one device, one address and one road out.
//
// All of it is made when the worker host starts, and nothing of it changes afterwards but two map entries when an
// environment comes or goes. What a former process of the same name left behind is removed first, but for the slots
// that environments of its still use: these keep their devices, and get this process's programs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config/types.h"
#include "config/workerhost_config.h"
#include "control/workerhost/net_namespace.h"
#include "control/workerhost/netlink.h"
#include "control/workerhost/slot_making.h"
#include "control/workerhost/slot_pool.h"
#include "control/workerhost/steering.h"

namespace hypernat::workerhost {

/// Devices are told by a number made of the worker host's name: their link group, and part of their names.
std::uint32_t link_group_of(const std::string& worker_host);
std::string tunnel_device_of(const std::string& worker_host);
std::string slot_device_of(const std::string& worker_host, SlotNumber slot);

/// A slot that an environment of a former process uses.
struct SlotInUse {
  UniqueFd network_namespace;
  MappingNumber mapping{};
};
using SlotsInUse = std::map<SlotNumber, SlotInUse>;

/// All devices of a worker host, whoever made them. Throws std::system_error.
void remove_network_of(const std::string& worker_host);

class SlotNetwork {
 public:
  /// Makes everything in the calling thread's network namespace. Throws std::system_error and std::runtime_error,
  /// having removed what was made, but not what is in use.
  SlotNetwork(const config::WorkerhostConfig& config, const Ipv4Prefix& block, SlotsInUse in_use);
  /// Removes everything but what was in use at the start, or nothing when it was told to leave; what cannot be removed
  /// is said in the log.
  ~SlotNetwork();
  SlotNetwork(const SlotNetwork&) = delete;
  SlotNetwork& operator=(const SlotNetwork&) = delete;

  /// Of the slot's network namespace, for as long as this lives.
  int network_namespace(SlotNumber slot) const { return slots_.at(to_number(slot)).network_namespace.get(); }
  Ipv4Address address(SlotNumber slot) const { return slots_.at(to_number(slot)).steering.address; }

  void attach(SlotNumber slot, MappingNumber mapping);
  /// Nothing comes in or goes out any more; of a slot that is not attached: nothing happens.
  void detach(SlotNumber slot);
  /// True when nothing of a former environment could still speak.
  bool is_quiet(SlotNumber slot) const;

  /// For environments that outlive this process; slots that nobody is in go with it.
  void leave() { is_left_ = true; }
  /// When nothing that was in use at the start is so any more.
  void keep_nothing() { kept_.clear(); }

  const SlotMaking& making() const { return making_; }
  std::size_t steering_entries() const { return steering_->entries(); }
  SteeringCounts counts() const { return steering_->counts(); }

 private:
  struct Slot {
    SteeringSlot steering;
    UniqueFd network_namespace;
  };

  struct SlotMaker;

  void check_underlay() const;
  void make_tunnel(const SlotsInUse& in_use);
  Slot make_slot(SlotNumber number, const SlotMaker& maker) const;
  void make_slots(SlotsInUse& in_use);
  void guard_slots();
  void remove_devices();

  const config::WorkerhostConfig& config_;
  Ipv4Prefix block_;
  std::uint32_t group_;
  std::set<std::string> kept_;  ///< devices that were there before, and are in use
  bool is_left_ = false;
  SlotMaking making_;
  NetlinkSocket netlink_;
  std::unique_ptr<Steering> steering_;
  std::vector<Slot> slots_;
};

}  // namespace hypernat::workerhost
