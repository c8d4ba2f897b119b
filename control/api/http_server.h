// The API over HTTP/1.1, on a Unix socket and on loopback TCP.
//
// The only place that knows the HTTP library's server. The socket is the operator's: it belongs to its owner and group.
// Who asks over TCP signs, once accounts have keys.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "config/control_config.h"
#include "control/api/api.h"

namespace hypernat::control {

class HttpServer {
 public:
  /// Binds both; throws std::runtime_error naming the address that cannot be had and why.
  HttpServer(Api& api, const config::ListenConfig& listen);
  /// Stops, waits for the requests under way, and removes the socket.
  ~HttpServer();

  /// Serves, in threads of its own, until destroyed.
  void start();
  /// The TCP port; another than asked for when that was 0.
  int port() const;

 private:
  class Listener;
  std::unique_ptr<Listener> tcp_;
  std::unique_ptr<Listener> unix_;
};

}  // namespace hypernat::control
