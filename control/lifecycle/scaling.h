// How many interfaces a mapping has: one more when the data planes report its ports nearly used up, one less when they
// have been little used for long enough. AWS adds interfaces by itself; when it takes them away is not known.
//
//   (wanted) → publishing → active → leaving → draining → gone
//                  └────────────────────┴─────────┴→ (wanted again) publishing
//
// An interface that leaves is still in the table, for the flows it has; no data plane opens new ones through it. It
// goes when every data plane has reported, after it knew, that it has none left. The first interface of a mapping goes
// with the mapping only. Callers hold a transaction.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/store.h"
#include "control/lifecycle/mappings.h"

namespace hypernat::control {

class Scaling {
 public:
  struct Parts {
    Database& database;
    const Settings& settings;
    Mappings& mappings;
    Provisioner& provisioner;
    Journal& journal;
  };
  explicit Scaling(const Parts& parts) : parts_(parts) {}

  /// Compares what data planes report with what their mappings have; asks for interfaces and lets them go.
  void judge(const std::vector<config::DataplaneStatus>& live, const Moment& moment);
  /// Wanted interfaces that have been made are given; when the next is expected.
  std::optional<TimePoint> allot_due(const Moment& moment);
  /// Interfaces without flows go. `all` are the statuses of the dead, too: one that fell silent may still forward.
  void remove_drained(const std::vector<config::DataplaneStatus>& all, TimePoint wall);

 private:
  using Node = std::string;
  /// What all data planes say of an interface.
  struct Load {
    std::uint64_t ports = 0;  ///< towards its fullest remote endpoint
    bool has_run_out = false;
  };
  /// By interface uid; `unlisted` is what an interface that no status lists may have at most.
  struct Loads {
    std::map<std::uint64_t, Load> listed;
    std::uint64_t unlisted = 0;
    Load of(std::uint64_t interface) const;
    Load of_all(const std::vector<Interface>& interfaces) const;
  };

  Loads add_up(const std::vector<config::DataplaneStatus>& live);
  /// Whether the mapping's ports are nearly used up.
  bool is_crowded(const Mapping& mapping, const std::vector<Interface>& serving, const Loads& loads);
  void consider_widening(const Mapping& mapping, const Loads& loads, const Moment& moment);
  void forget_vain_wish(const WantedInterface& wanted, const Loads& loads);
  void consider_narrowing(const Mapping& mapping, const Loads& loads, const Moment& moment);

  Parts parts_;
  std::map<Node, std::map<std::uint64_t, std::uint64_t>> exhausted_;  ///< by interface, as last reported
  std::map<std::uint64_t, TimePoint> little_used_since_;              ///< by mapping uid
};

}  // namespace hypernat::control
