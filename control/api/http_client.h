// Requests to the control plane, over its Unix socket or loopback TCP.
//
// One request, one connection: most callers (the operator's command, a worker host's heartbeat) are rare enough, a
// control plane that was restarted in between is then no special case, and nobody keeps a thread of the server to
// himself. Who has thousands of requests takes a session.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

namespace hypernat::control {

struct HttpRequest {
  std::string method = "GET";  ///< GET, PUT, POST or DELETE
  std::string path;            ///< with its query, encoded
  std::map<std::string, std::string> headers;
  std::string body;  ///< sent as application/json unless a Content-Type header says otherwise
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

class HttpClient {
 public:
  /// `target`: "unix:/run/hypernat/control.sock", the bare path, or "http://127.0.0.1:9040".
  /// Throws std::invalid_argument when it is none of them.
  explicit HttpClient(std::string target);

  /// How long an answer may take (a minute unless said otherwise); connecting may take five seconds.
  void set_timeout(std::chrono::seconds timeout) { timeout_ = timeout; }

  /// Throws std::runtime_error naming the target when there was no answer; any status is an answer.
  HttpResponse request(const HttpRequest& request) const;

 private:
  friend class HttpSession;

  std::string target_;
  bool is_unix_ = false;
  std::string host_or_path_;
  int port_ = 0;
  std::chrono::seconds timeout_{60};
};

/// Requests over one connection, made anew when the server has closed it in between. One thread at a time.
class HttpSession {
 public:
  explicit HttpSession(const HttpClient& client);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  /// As HttpClient's.
  HttpResponse request(const HttpRequest& request);

 private:
  friend class HttpClient;
  struct Connection;

  std::string target_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace hypernat::control
