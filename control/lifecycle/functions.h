// A function's life, as AWS tells it: Pending until every interface of its network is active, then Active; an update
// of its network leaves the old one in use until the new one works.
//
// Functions hold references on mappings and follow their states; nothing here touches a subnet's addresses or the
// table. Callers hold a transaction and afterwards release what is not referenced any more.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/lifecycle/leases.h"
#include "control/lifecycle/mappings.h"
#include "control/store/function_store.h"

namespace hypernat::control {

/// What UpdateFunctionConfiguration brings; what is absent stays.
struct FunctionChanges {
  std::function<void(FunctionSettings&)> settings;  ///< applied to the settings there are
  std::optional<FunctionNetwork> network;
};

class Functions {
 public:
  struct Parts {
    Database& database;
    Mappings& mappings;
    Leases& leases;
    Journal& journal;
  };
  explicit Functions(const Parts& parts) : parts_(parts) {}

  /// Makes a function with these settings and network; its state is decided here.
  Function create(Function function, TimePoint now);
  Function update(const std::string& account, const std::string& name, const FunctionChanges& changes, TimePoint now);
  /// Its leases go, too.
  void erase(const std::string& account, const std::string& name, TimePoint now);

  /// Functions that wait become what their mappings have become; a bounded number of them at a time.
  void follow();

  /// Throws a Refusal when there is none.
  Function function(const std::string& account, const std::string& name);
  /// The function, when it can be invoked; a Refusal saying why not, and what is being waited for.
  Function invocable(const std::string& account, const std::string& name,
                     const std::vector<config::DataplaneStatus>& live);

  /// The VPC that a network lies in; empty for none.
  std::string vpc_of(const std::string& account, const FunctionNetwork& network);
  /// AWS's StateReason with, while Pending, what is being waited for.
  std::string state_reason(const Function& function, const std::vector<config::DataplaneStatus>& live);

 private:
  std::vector<NetworkConfiguration> resolve(const std::string& account, const FunctionNetwork& network);
  void refer(const Function& function, const std::vector<NetworkConfiguration>& network, NetworkRole role,
             TimePoint now);
  void change_network(Function& function, const FunctionNetwork& network, TimePoint now);
  void follow_creation(Function& function, const std::vector<Mapping>& mappings);
  void follow_update(Function& function, const std::vector<Mapping>& mappings);
  std::vector<Mapping> mappings_of(const Function& function, NetworkRole role);

  Parts parts_;
};

/// "arn:aws:lambda:<region>:<account>:function:<name>"
std::string function_arn(const std::string& region, const Function& function);

}  // namespace hypernat::control
