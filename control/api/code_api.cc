// Functions whose code was uploaded: how it is taken, and how it is run.
#include <regex>

#include "config/json.h"
#include "control/api/api.h"
#include "control/api/base64.h"
#include "control/api/function_json.h"
#include "control/runner/archive.h"
#include "control/runner/frames.h"
#include "control/store/code_store.h"

namespace hypernat::control {
namespace {

using Json = nlohmann::json;

bool has_command(const Json& body) {
  const auto pointer = Json::json_pointer(std::string("/Environment/Variables/") + kCommandVariable);
  return body.contains(pointer);
}

void check_role(const std::string& role) {
  static const std::regex kRole(R"(arn:aws[a-zA-Z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@/-]{1,512})");
  if (role.size() <= 1024 && std::regex_match(role, kRole)) return;
  throw invalid_parameter("Role: found \"" + role.substr(0, 100) +
                          "\"; expected the ARN of a role, such as arn:aws:iam::111122223333:role/hypernat");
}

// What is nowhere here is refused as AWS refuses what is not there.
void refuse_code_from_elsewhere(Fields& code) {
  if (code.has("S3Bucket") || code.has("S3Key"))
    throw invalid_parameter(
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not "
        "exist. Code comes in ZipFile here.");
  if (code.has("ImageUri"))
    throw invalid_parameter("Source image " + code.text("ImageUri").substr(0, 100) +
                            " does not exist. Provide a valid source image. Code comes in ZipFile here.");
}

std::string read_archive(Fields& code) {
  refuse_code_from_elsewhere(code);
  auto archive = from_base64(code.text("ZipFile", ""));
  if (!archive) throw unexpected(code.path("ZipFile"), "a string that is not base64", "base64");
  if (archive->empty()) throw invalid_parameter("Uploaded file must be a non-empty zip");
  try {
    runner::check_archive(*archive);
  } catch (const runner::ArchiveError& error) {
    throw invalid_parameter(std::string("Could not unzip uploaded file. Please check your file, then try to upload "
                                        "again. ZipFile: ") +
                            error.what());
  }
  return *std::move(archive);
}

}  // namespace

std::string read_code(const Json& body) {
  Fields fields(body);
  check_role(fields.text("Role"));
  if (const auto type = fields.text("PackageType", "Zip"); type != "Zip")
    throw invalid_parameter("PackageType: found \"" + type.substr(0, 20) + "\"; expected Zip");
  std::string archive;
  fields.object("Code", [&](Fields& code) {
    refuse_code_from_elsewhere(code);
    // What has a command runs that, whatever its code.
    if (!has_command(body)) archive = read_archive(code);
  });
  return archive;
}

namespace {

// What UpdateFunctionCode asks for.
struct NewCode {
  std::string archive;
  std::string sha256;
  std::string revision;  // that $LATEST must have; empty: any
  bool publishes = false;
  bool is_rehearsal = false;
};

NewCode read_new_code(const Json& body) {
  Fields fields(body);
  NewCode code{.archive = read_archive(fields),
               .sha256 = {},
               .revision = fields.text("RevisionId", ""),
               .publishes = fields.flag("Publish"),
               .is_rehearsal = fields.flag("DryRun")};
  code.sha256 = sha256_base64(code.archive);
  return code;
}

// Undoes a change that was only to be tried.
struct Rehearsed {
  Json answer;
};

}  // namespace

ApiResponse Api::update_code(const ApiRequest& request, const FunctionName& name) {
  const auto code = read_new_code(parse_body(request.body));
  const auto change = [&](Controller::Lifecycle& lifecycle) {
    FunctionChanges changes;
    changes.settings = [&](FunctionSettings& settings) {
      check_revision(code.revision, settings);
      settings.code_size = code.archive.size();
      settings.code_sha256 = code.sha256;
      touch(settings, lifecycle.now);
    };
    auto function = lifecycle.functions.update(name.account, name.name, changes, lifecycle.now);
    if (code.publishes) function = lifecycle.functions.publish(name.account, name.name, {}, lifecycle.now);
    auto answer = to_json(view(lifecycle, function));
    if (code.is_rehearsal) throw Rehearsed{std::move(answer)};
    put_code(lifecycle.database, code.sha256, code.archive);
    erase_unused_code(lifecycle.database);
    return answer;
  };
  try {
    return answer(200, controller_.change(change));
  } catch (const Rehearsed& rehearsed) {
    return answer(200, rehearsed.answer);
  }
}

Json Api::code_of(Controller::Lifecycle& lifecycle, const Function& function, const ApiRequest& request) const {
  const CodeName name{.account = function.account, .sha256 = function.settings.code_sha256};
  if (!has_code(lifecycle.database, name.sha256)) return Json::object();
  return {{"RepositoryType", "S3"}, {"Location", code_links_.make(name, request, now())}};
}

ApiResponse Api::fetch_code(const ApiRequest& request) {
  if (request.method != "GET") throw unknown_operation(request);
  const auto name = code_links_.open(request, now());
  admit(request, name.account);
  auto archive =
      controller_.read([&](Controller::Lifecycle& lifecycle) { return find_code(lifecycle.database, name.sha256); });
  if (!archive) throw not_found("The specified key does not exist.");
  return {.status = 200, .headers = {}, .content_type = kArchiveType, .body = *std::move(archive)};
}

InvocationResult Api::invoke_code(const Function& function, const Place& place, EnvironmentRequest wanted,
                                  const std::string& payload) {
  const auto arn = function_arn(settings_.region, function);
  const WarmPool::Purpose purpose{.function = arn + ":" + wanted.environment["AWS_LAMBDA_FUNCTION_VERSION"],
                                  .revision = function.settings.revision,
                                  .mapping = place.mapping_uid};
  const auto make = [&] {
    const auto code = controller_.read(
        [&](Controller::Lifecycle& lifecycle) { return find_code(lifecycle.database, function.settings.code_sha256); });
    if (!code)
      throw invalid_parameter("Function " + function.name +
                              " has nothing to run; expected a zip with a bootstrap in Code.ZipFile, or a command in "
                              "Environment.Variables." +
                              kCommandVariable + R"(, such as ["curl", "http://web.internal/"])");
    wanted.command = {runner::kRunnerPath};
    wanted.timeout = 2 * WarmPool::kLongestLife;
    return std::make_unique<WarmEnvironment>(
        WarmEnvironment::Start{.socket = place.host.socket, .request = wanted, .code = *code}, is_stopping_);
  };
  pool_.retire_others(purpose);
  return pool_.invoke(purpose, make, payload, std::chrono::seconds(function.settings.timeout_seconds), is_stopping_);
}

}  // namespace hypernat::control
