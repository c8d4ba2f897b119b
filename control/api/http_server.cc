#include "control/api/http_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "control/api/errors.h"
#include "control/lifecycle/journal.h"

namespace hypernat::control {
namespace {

constexpr std::size_t kMostThreads = 320;  // every invocation that may run, and room for the other calls
constexpr time_t kReadSeconds = 10;
constexpr time_t kKeepAliveSeconds = 2;                    // a stop waits this long for idle connections
constexpr std::size_t kRequestsPerConnection = 1'000'000;  // the library's default is 5
constexpr int kBacklog = 512;                              // the library's is 5, beyond which a Unix socket refuses

// A thread for each connection, made when none is idle: an invocation keeps its thread for as long as the command
// runs, and must not keep a heartbeat waiting.
class GrowingPool final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < kMostThreads) threads_.emplace_back([this] { work(); });
    wake_.notify_one();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      wake_.wait(lock, [this] { return is_over_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;  // guards everything here; threads_ is read without it once is_over_ is set
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool is_over_ = false;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

ApiRequest from_http(const httplib::Request& http) {
  ApiRequest request{.method = http.method, .path = http.path, .query = {}, .headers = {}, .body = http.body};
  for (const auto& [name, value] : http.params) request.query.emplace(name, value);
  for (const auto& [name, value] : http.headers) request.headers.emplace(lower(name), value);
  return request;
}

void to_http(const ApiResponse& response, httplib::Response& http) {
  http.status = response.status;
  for (const auto& [name, value] : response.headers) http.set_header(name.c_str(), value);
  if (!response.content_type.empty()) http.set_content(response.body, response.content_type.c_str());
}

// What the library refuses by itself comes without a body; give it AWS's shape.
ApiResponse library_refusal(int status) {
  if (status == 413)
    return error_response(Refusal(RefusalKind::kTooLarge, "Found a larger body than any call takes; expected at most " +
                                                              std::to_string(kMaxPayload) +
                                                              " bytes, of an invocation's payload"));
  if (status == 404) return error_response(Refusal(RefusalKind::kUnknownOperation, "Nothing here serves this path"));
  return error_response(ErrorName{.status = status, .type = "InvalidRequestContentException"},
                        "Found a request that is not HTTP/1.1 as expected");
}

// `socket` will be that of the server.
void prepare(httplib::Server& server, Api& api, int& socket) {
  const auto serve = [&api](const httplib::Request& http, httplib::Response& response) {
    to_http(api.handle(from_http(http)), response);
  };
  // A request that says nothing of a body has none (RFC 9112 6.3); the library would wait for one.
  server.set_pre_routing_handler([serve](const httplib::Request& http, httplib::Response& response) {
    if (http.has_header("Content-Length") || http.has_header("Transfer-Encoding"))
      return httplib::Server::HandlerResponse::Unhandled;
    serve(http, response);
    return httplib::Server::HandlerResponse::Handled;
  });
  constexpr const char* kEveryPath = "/.*";
  server.Get(kEveryPath, serve);
  server.Put(kEveryPath, serve);
  server.Post(kEveryPath, serve);
  server.Delete(kEveryPath, serve);
  server.Patch(kEveryPath, serve);
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty() && response.status >= 400) to_http(library_refusal(response.status), response);
  });
  server.set_payload_max_length(kMaxPayload);
  server.set_read_timeout(kReadSeconds);
  server.set_keep_alive_timeout(kKeepAliveSeconds);
  server.set_keep_alive_max_count(kRequestsPerConnection);
  server.new_task_queue = [] { return new GrowingPool; };
  // The library's default is SO_REUSEPORT, with which two control planes would share one port in silence.
  server.set_socket_options([&socket](socket_t made) {
    const int yes = 1;
    ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    socket = made;
  });
}

// A socket file that nobody listens on any more is what a killed process leaves behind.
void remove_stale_socket(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = path.string();
  if (text.size() >= sizeof address.sun_path)
    throw std::runtime_error("listen.socket: found " + text + "; expected a path of at most " +
                             std::to_string(sizeof address.sun_path - 1) + " characters");
  struct stat status {};
  if (::lstat(text.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) throw std::runtime_error("listen.socket: " + text + " exists and is no socket");
  std::memcpy(address.sun_path, text.data(), text.size());
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_served = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  if (is_served) throw std::runtime_error("listen.socket: another process listens on " + text);
  ::unlink(text.c_str());
}

}  // namespace

class HttpServer::Listener {
 public:
  Listener(Api& api, const config::TcpEndpoint& endpoint) : name_(to_string(endpoint.address)), port_(endpoint.port) {
    prepare(server_, api, socket_);
    if (port_ == 0)
      port_ = server_.bind_to_any_port(name_.c_str());
    else if (!server_.bind_to_port(name_.c_str(), port_))
      port_ = -1;
    if (port_ < 0)
      throw std::runtime_error("listen.tcp: " + name_ + ":" + std::to_string(endpoint.port) +
                               " cannot be had: " + std::strerror(errno));
    ::listen(socket_, kBacklog);
  }

  Listener(Api& api, const std::filesystem::path& path) : name_(path.string()), path_(path) {
    prepare(server_, api, socket_);
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
    remove_stale_socket(path);
    server_.set_address_family(AF_UNIX);
    // The port means nothing here, but the library wants one.
    if (!server_.bind_to_port(name_.c_str(), 80))
      throw std::runtime_error("listen.socket: " + name_ + " cannot be had: " + std::strerror(errno));
    ::listen(socket_, kBacklog);
    ::chmod(name_.c_str(), 0660);
  }

  ~Listener() {
    if (thread_.joinable()) {
      while (!server_.is_running()) std::this_thread::yield();
      server_.stop();
      thread_.join();
    } else if (socket_ >= 0) {
      ::close(socket_);  // the library closes only what it has served
    }
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  void start() {
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    log_line("listening on " + name_ + (path_.empty() ? ":" + std::to_string(port_) : ""));
  }
  int port() const { return port_; }

 private:
  httplib::Server server_;
  int socket_ = -1;  // the server's own, and closed by it
  std::string name_;
  std::filesystem::path path_;
  int port_ = 0;
  std::thread thread_;
};

HttpServer::HttpServer(Api& api, const config::ListenConfig& listen) {
  if (listen.tcp) tcp_ = std::make_unique<Listener>(api, *listen.tcp);
  unix_ = std::make_unique<Listener>(api, listen.socket);
}

HttpServer::~HttpServer() = default;

void HttpServer::start() {
  if (tcp_) tcp_->start();
  unix_->start();
}

int HttpServer::port() const {
  return tcp_ ? tcp_->port() : 0;
}

}  // namespace hypernat::control
