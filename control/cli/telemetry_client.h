// A data plane's telemetry socket: DPDK's own protocol, one command and one JSON answer per packet.
//
// The same socket that dpdk-telemetry.py reads, so that this command sees exactly what any other tool can.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace hypernat::cli {

class TelemetryClient {
 public:
  /// `where`: the socket, the folder it lies in, a data plane's file prefix, or empty for the data plane on this
  /// machine that started last. Throws CommandError when there is none, or when it does not answer.
  explicit TelemetryClient(const std::string& where);
  ~TelemetryClient();
  TelemetryClient(const TelemetryClient&) = delete;
  TelemetryClient& operator=(const TelemetryClient&) = delete;

  /// The answer to "/hypernat/…" with its parameter, if any. Throws CommandError when the data plane does not know it.
  nlohmann::json ask(const std::string& command, const std::string& parameter = {}) const;
  /// All pages of a paged command, in one array.
  nlohmann::json ask_pages(const std::string& command) const;

  const std::string& path() const { return path_; }

 private:
  std::string receive() const;

  std::string path_;
  int descriptor_ = -1;
  std::size_t longest_answer_ = 0;
};

}  // namespace hypernat::cli
