// The host's tunnel device and its slots: network namespaces, each with one device, one address and one road out.
//
// All of it is made when the worker host starts, and nothing of it changes afterwards but two map entries when an
// environment comes or goes. What a former process of the same name left behind is removed first.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/types.h"
#include "config/workerhost_config.h"
#include "control/workerhost/net_namespace.h"
#include "control/workerhost/netlink.h"
#include "control/workerhost/slot_pool.h"
#include "control/workerhost/steering.h"

namespace hypernat::workerhost {

/// Devices are told by a number made of the worker host's name: their link group, and part of their names.
std::uint32_t link_group_of(const std::string& worker_host);
std::string tunnel_device_of(const std::string& worker_host);
std::string slot_device_of(const std::string& worker_host, SlotNumber slot);

class SlotNetwork {
 public:
  /// Makes everything in the calling thread's network namespace. Throws std::system_error and std::runtime_error,
  /// having removed what was made.
  SlotNetwork(const config::WorkerhostConfig& config, const Ipv4Prefix& block);
  /// Removes everything; what cannot be removed is said in the log.
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

  SteeringCounts counts() const { return steering_->counts(); }

 private:
  struct Slot {
    SteeringSlot steering;
    UniqueFd network_namespace;
  };

  struct SlotMaker;

  void check_underlay() const;
  void make_tunnel();
  Slot make_slot(SlotNumber number, const SlotMaker& maker) const;
  void make_slots();
  void guard_slots();
  void remove_devices();

  const config::WorkerhostConfig& config_;
  Ipv4Prefix block_;
  std::uint32_t group_;
  NetlinkSocket netlink_;
  std::unique_ptr<Steering> steering_;
  std::vector<Slot> slots_;
};

}  // namespace hypernat::workerhost
