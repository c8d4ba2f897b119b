// A function's life, as AWS tells it: Pending until every interface of its network is active, then Active; an update
// of its network leaves the old one in use until the new one works; Inactive once nobody has used it for long, and
// Pending again when somebody tries to. A published version leads a life of its own, with references of its own, and
// is never updated.
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

/// What PublishVersion brings.
struct PublishRequest {
  std::string code_sha256;   ///< that $LATEST must have; empty: any
  std::string revision;      ///< the same
  std::string own_revision;  ///< what the version gets; empty: that of $LATEST
  std::optional<std::string> description;
};

/// Refuses when the caller knows another revision than there is; empty: he does not say.
void check_revision(const std::string& known, const FunctionSettings& settings);

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
  /// The same, with a first version; which is what is returned.
  Function create_published(Function function, TimePoint now);
  /// A version of what $LATEST is now; the last one when that has not changed since.
  Function publish(const std::string& account, const std::string& name, const PublishRequest& request, TimePoint now);
  /// With every version; its leases go, too.
  void erase(const std::string& account, const std::string& name);
  /// One published version.
  void erase_version(const std::string& account, const std::string& name, std::uint32_t version);
  /// An inactive one asks for its interfaces again; nothing when it is not inactive.
  void revive(const std::string& account, const VersionName& name, TimePoint now);

  /// Functions that wait become what their mappings have become; a bounded number of them at a time.
  void follow(TimePoint now);

  /// Throws a Refusal when there is none.
  Function function(const std::string& account, const std::string& name, std::uint32_t version = 0);
  /// The function, when it can be invoked; a Refusal saying why not, and what is being waited for. Of kind kNotReady
  /// when it is inactive: whoever gets that revives it.
  Function invocable(const std::string& account, const VersionName& name,
                     const std::vector<config::DataplaneStatus>& live);

  /// The VPC that a network lies in; empty for none.
  std::string vpc_of(const std::string& account, const FunctionNetwork& network);
  /// AWS's StateReason with, while Pending, what is being waited for.
  std::string state_reason(const Function& function, const std::vector<config::DataplaneStatus>& live);

 private:
  std::vector<NetworkConfiguration> resolve(const std::string& account, const FunctionNetwork& network);
  /// What of a network does not exist any more; nothing: all of it does.
  std::optional<ProvisioningFailure> missing(const std::string& account, const FunctionNetwork& network);
  void refer(const Function& function, const std::vector<NetworkConfiguration>& network, NetworkRole role,
             TimePoint now);
  void change_network(Function& function, const FunctionNetwork& network, TimePoint now);
  Function make_version(Function latest, const PublishRequest& request, TimePoint now);
  void begin(Function& function, const std::vector<NetworkConfiguration>& network, TimePoint now);
  void follow_creation(Function& function, const std::vector<Mapping>& mappings, TimePoint now);
  void follow_update(Function& function, const std::vector<Mapping>& mappings, TimePoint now);
  std::vector<Mapping> mappings_of(const Function& function, NetworkRole role);

  Parts parts_;
};

/// "function web of 111111111111", with its version if it has one; for the log.
std::string label(const Function& function);

/// "arn:aws:lambda:<region>:<account>:function:<name>", and ":<version>" of a published one.
std::string function_arn(const std::string& region, const Function& function);

}  // namespace hypernat::control
