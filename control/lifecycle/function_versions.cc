// Published versions: copies of a function that nothing changes any more.
#include "control/lifecycle/functions.h"
#include "control/lifecycle/refusal.h"

namespace hypernat::control {
namespace {

void check_expected(const Function& function, const PublishRequest& request) {
  check_revision(request.revision, function.settings);
  if (!request.code_sha256.empty() && request.code_sha256 != function.settings.code_sha256)
    throw invalid_parameter("CodeSHA256 (" + request.code_sha256 +
                            ") is different from current CodeSHA256 in $LATEST (" + function.settings.code_sha256 +
                            "). Please try again with the CodeSHA256 in $LATEST.");
}

// Whether a version was published of what the function still is: its description, and when it was touched, aside.
bool is_of_today(const Function& version, const Function& function) {
  auto settings = version.settings;
  settings.description = function.settings.description;
  settings.revision = function.settings.revision;
  settings.last_modified = function.settings.last_modified;
  return settings == function.settings && version.network == function.network;
}

}  // namespace

Function Functions::publish(const std::string& account, const std::string& name, const PublishRequest& request,
                            TimePoint now) {
  const auto latest = function(account, name);
  if (latest.update_status == UpdateStatus::kInProgress)
    throw conflict("The operation cannot be performed at this time. An update is in progress for resource: " + name);
  if (latest.state == FunctionState::kFailed || latest.state == FunctionState::kPending)
    throw conflict(
        "The operation cannot be performed at this time. The function is currently in the following state: " +
        to_string(latest.state));
  check_expected(latest, request);
  if (const auto last = find_last_version(parts_.database, account, name); last && is_of_today(*last, latest))
    return *last;
  return make_version(latest, request, now);
}

Function Functions::create_published(Function function, TimePoint now) {
  return make_version(create(std::move(function), now), {}, now);
}

Function Functions::make_version(Function latest, const PublishRequest& request, TimePoint now) {
  auto version = latest;
  version.version = latest.published = latest.published + 1;
  version.published = 0;
  version.update_status = UpdateStatus::kSuccessful;
  version.update_reason_code = version.update_reason = {};
  if (request.description) version.settings.description = *request.description;
  if (!request.own_revision.empty()) version.settings.revision = request.own_revision;
  if (version.used_at) version.used_at = now;
  put(parts_.database, latest);
  put(parts_.database, version);
  for (const auto mapping : referenced_mappings(parts_.database, latest, NetworkRole::kCurrent))
    add_reference(parts_.database, version, mapping, NetworkRole::kCurrent);
  parts_.journal.note(label(version) + " is published, and " + to_string(version.state));
  return version;
}

void Functions::erase_version(const std::string& account, const std::string& name, std::uint32_t version) {
  const auto found = function(account, name, version);
  control::erase_version(parts_.database, found);
  parts_.journal.note(label(found) + " is deleted");
}

}  // namespace hypernat::control
