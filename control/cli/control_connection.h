// The control plane's API as the commands use it: JSON in, JSON out, every refusal a CommandError.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/api/http_client.h"

namespace hypernat::cli {

/// A refusal by the control plane, in AWS's words.
struct ApiRefusal {
  int status = 0;
  std::string type;  ///< "ResourceNotFoundException", …
  std::string message;
};

/// Keeping a connection keeps one of the server's threads: for many requests at a stretch only.
enum class Connecting { kForEachRequest, kOnce };

class ControlConnection {
 public:
  explicit ControlConnection(std::string target, Connecting connecting = Connecting::kForEachRequest);

  /// `account` is the twelve digits whose objects are meant; empty on paths that name it themselves or mean all.
  /// Each throws CommandError when the control plane cannot be reached or refuses.
  nlohmann::json get(const std::string& path, const std::string& account = {}) const;
  nlohmann::json send(const std::string& method, const std::string& path, const nlohmann::json& body,
                      const std::string& account = {}) const;
  /// Nothing when the thing does not exist (404).
  std::optional<nlohmann::json> find(const std::string& path, const std::string& account = {}) const;

  /// Every account that the control plane knows.
  std::vector<std::string> accounts() const;
  /// Every function of one account, as AWS's FunctionConfiguration, over all pages.
  nlohmann::json functions(const std::string& account) const;

 private:
  control::HttpResponse exchange(const control::HttpRequest& request) const;
  control::HttpRequest prepare(const std::string& method, const std::string& path, const std::string& account) const;

  std::string target_;
  control::HttpClient client_;
  std::unique_ptr<control::HttpSession> session_;  ///< when it connects once
};

/// One path segment, percent-encoded.
std::string encode_segment(const std::string& text);

}  // namespace hypernat::cli
