#include "control/api/http_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "control/api/code_links.h"
#include "control/api/errors.h"
#include "control/lifecycle/journal.h"

namespace hypernat::control {
namespace {

constexpr time_t kReadSeconds = 10;
constexpr time_t kKeepAliveSeconds = 2;                    // a stop waits this long for idle connections
constexpr std::size_t kRequestsPerConnection = 1'000'000;  // the library's default is 5
constexpr int kBacklog = 512;                              // the library's is 5, beyond which a Unix socket refuses

// A thread for each connection, made when none is idle: an invocation keeps its thread for as long as the command
// runs, and must not keep a heartbeat waiting. When all of them are busy no more connections are accepted; the kernel
// keeps a backlog of them waiting, and refuses the rest.
class GrowingPool final : public httplib::TaskQueue {
 public:
  explicit GrowingPool(std::size_t most) : most_(most) {}

  void enqueue(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return tasks_.size() < most_; });
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < most_) threads_.emplace_back([this] { work(); });
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
      room_.notify_one();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;  // guards everything here; threads_ is read without it once is_over_ is set
  std::condition_variable wake_;
  std::condition_variable room_;
  const std::size_t most_;
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

ApiRequest from_http(const httplib::Request& http, Origin origin) {
  ApiRequest request{.method = http.method,
                     .path = http.path,
                     .query = {},
                     .headers = {},
                     .body = {},
                     .target = http.target,
                     .origin = origin};
  for (const auto& [name, value] : http.params) request.query.emplace(name, value);
  for (const auto& [name, value] : http.headers) {
    const auto [entry, is_new] = request.headers.emplace(lower(name), value);
    if (!is_new) entry->second += "," + value;
  }
  return request;
}

// A body beyond an invocation's is code. Some may come at a time, or memory would not be bounded.
class Upload {
 public:
  Upload(const httplib::Request& http, const ApiRequest& request)
      : is_large_(Api::body_limit(request) > kMaxPayload &&
                  (!http.has_header("Content-Length") || length_of(http) > kMaxPayload)),
        is_admitted_(!is_large_ || under_way_++ < kMost) {}
  ~Upload() {
    if (is_large_) --under_way_;
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  bool is_admitted() const { return is_admitted_; }

 private:
  static constexpr int kMost = 4;
  static std::uint64_t length_of(const httplib::Request& http) {
    return http.get_header_value<std::uint64_t>("Content-Length");
  }

  inline static std::atomic<int> under_way_ = 0;
  const bool is_large_;
  const bool is_admitted_;
};

// Keeps so much of a body and reads on to its end, so that the answer is read; within reason. False: there is no end.
bool read_body(const httplib::ContentReader& content, ApiRequest& request, std::size_t limit) {
  std::size_t thrown_away = 0;
  return content([&](const char* data, std::size_t length) {
    const auto room = std::min(length, limit + 1 - request.body.size());
    request.body.append(data, room);
    thrown_away += length - room;
    return thrown_away <= Api::kLargestBody;
  });
}

// Code on its way to whoever fetches it, however slowly; some may be at a time, for the same reason.
class Download {
 public:
  explicit Download(std::string body) : is_admitted_(under_way_++ < kMost), body_(std::move(body)) {}
  ~Download() { --under_way_; }
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;
  bool is_admitted() const { return is_admitted_; }
  const std::string& body() const { return body_; }

 private:
  static constexpr int kMost = 4;

  inline static std::atomic<int> under_way_ = 0;
  const bool is_admitted_;
  const std::string body_;
};

void to_http(ApiResponse response, httplib::Response& http) {
  std::shared_ptr<Download> download;
  if (response.content_type == kArchiveType && response.body.size() > kMaxPayload) {
    download = std::make_shared<Download>(std::move(response.body));
    if (!download->is_admitted())
      response = error_response(Refusal(RefusalKind::kTooManyRequests, "Rate exceeded: other code is being fetched"));
  }
  http.status = response.status;
  for (const auto& [name, value] : response.headers) http.set_header(name.c_str(), value);
  if (download != nullptr && download->is_admitted()) {
    http.set_content_provider(download->body().size(), response.content_type.c_str(),
                              [download](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                return sink.write(download->body().data() + offset, length);
                              });
  } else if (!response.content_type.empty()) {
    http.set_content(response.body, response.content_type.c_str());
  }
}

// What differs between the socket and TCP.
struct Entrance {
  Origin origin;
  std::size_t connections;
};

// What the library refuses by itself comes without a body; give it AWS's shape.
ApiResponse library_refusal(int status) {
  if (status == 413)
    return error_response(Refusal(RefusalKind::kTooLarge, "Found a larger body than any call takes; expected at most " +
                                                              std::to_string(Api::kLargestBody) + " bytes"));
  if (status == 404) return error_response(Refusal(RefusalKind::kUnknownOperation, "Nothing here serves this path"));
  return error_response(ErrorName{.status = status, .type = "InvalidRequestContentException"},
                        "Found a request that is not HTTP/1.1 as expected");
}

// `socket` will be that of the server.
void prepare(httplib::Server& server, Api& api, const Entrance& entrance, int& socket) {
  const auto serve = [&api, origin = entrance.origin](const httplib::Request& http, httplib::Response& response) {
    to_http(api.handle(from_http(http, origin)), response);
  };
  const auto serve_with_body = [&api, origin = entrance.origin](const httplib::Request& http,
                                                                httplib::Response& response,
                                                                const httplib::ContentReader& content) {
    auto request = from_http(http, origin);
    const Upload upload(http, request);
    const bool is_whole = read_body(content, request, upload.is_admitted() ? Api::body_limit(request) : 0);
    if (!is_whole)
      to_http(library_refusal(std::max(response.status, 400)), response);
    else if (upload.is_admitted())
      to_http(api.handle(request), response);
    else
      to_http(error_response(Refusal(RefusalKind::kTooManyRequests, "Rate exceeded: other code is being uploaded")),
              response);
  };
  // A request that says nothing of a body has none (RFC 9112 6.3); the library would wait for one.
  server.set_pre_routing_handler([serve](const httplib::Request& http, httplib::Response& response) {
    if (http.has_header("Content-Length") || http.has_header("Transfer-Encoding"))
      return httplib::Server::HandlerResponse::Unhandled;
    serve(http, response);
    return httplib::Server::HandlerResponse::Handled;
  });
  // Read here, not by the library, which takes forms apart and has a limit of its own for them.
  constexpr const char* kEveryPath = "/.*";
  server.Get(kEveryPath, serve);
  server.Put(kEveryPath, serve_with_body);
  server.Post(kEveryPath, serve_with_body);
  server.Delete(kEveryPath, serve_with_body);
  server.Patch(kEveryPath, serve_with_body);
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty() && response.status >= 400) to_http(library_refusal(response.status), response);
  });
  server.set_payload_max_length(Api::kLargestBody);
  server.set_read_timeout(kReadSeconds);
  server.set_keep_alive_timeout(kKeepAliveSeconds);
  server.set_keep_alive_max_count(kRequestsPerConnection);
  server.new_task_queue = [most = entrance.connections] { return new GrowingPool(most); };
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
  Listener(Api& api, const config::TcpEndpoint& endpoint, std::size_t connections)
      : name_(to_string(endpoint.address)), port_(endpoint.port) {
    prepare(server_, api, {.origin = Origin::kTcp, .connections = connections}, socket_);
    if (port_ == 0)
      port_ = server_.bind_to_any_port(name_.c_str());
    else if (!server_.bind_to_port(name_.c_str(), port_))
      port_ = -1;
    if (port_ < 0)
      throw std::runtime_error("listen.tcp: " + name_ + ":" + std::to_string(endpoint.port) +
                               " cannot be had: " + std::strerror(errno));
    ::listen(socket_, kBacklog);
  }

  Listener(Api& api, const std::filesystem::path& path, std::size_t connections) : name_(path.string()), path_(path) {
    prepare(server_, api, {.origin = Origin::kSocket, .connections = connections}, socket_);
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
  if (listen.tcp) tcp_ = std::make_unique<Listener>(api, *listen.tcp, listen.connections);
  unix_ = std::make_unique<Listener>(api, listen.socket, listen.connections);
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
