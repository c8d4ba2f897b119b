#include "control/api/http_client.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>
#include <string_view>

namespace hypernat::control {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kUnix = "unix:";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

HttpClient::HttpClient(std::string target) : target_(std::move(target)) {
  std::string_view rest = target_;
  if (rest.starts_with(kUnix)) rest.remove_prefix(kUnix.size());
  if (rest.starts_with('/')) {
    is_unix_ = true;
    host_or_path_ = rest;
    return;
  }
  const bool has_scheme = rest.starts_with(kHttp);
  if (has_scheme) rest.remove_prefix(kHttp.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto colon = rest.rfind(':');
  if (has_scheme && colon != std::string_view::npos && colon > 0) {
    const auto port = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), port_);
    if (error == std::errc{} && end == port.data() + port.size() && port_ > 0 && port_ <= 65535) {
      host_or_path_ = rest.substr(0, colon);
      return;
    }
  }
  throw std::invalid_argument("control plane's address: found \"" + target_ +
                              "\"; expected unix:/path, /path or http://host:port");
}

struct HttpSession::Connection {
  httplib::Client client;
  std::string host;  ///< for the header
};

HttpResponse HttpClient::request(const HttpRequest& request) const {
  HttpSession session(*this);
  session.connection_->client.set_keep_alive(false);
  return session.request(request);
}

HttpSession::HttpSession(const HttpClient& client)
    : target_(client.target_),
      connection_(new Connection{.client = httplib::Client(client.host_or_path_, client.is_unix_ ? 80 : client.port_),
                                 .host = client.is_unix_ ? "localhost" : client.host_or_path_}) {
  auto& connection = connection_->client;
  if (client.is_unix_) connection.set_address_family(AF_UNIX);
  connection.set_connection_timeout(5);
  connection.set_read_timeout(client.timeout_);
  connection.set_write_timeout(client.timeout_);
  connection.set_keep_alive(true);
}

HttpSession::~HttpSession() = default;

HttpResponse HttpSession::request(const HttpRequest& request) {
  httplib::Request message;
  message.method = request.method;
  message.path = request.path;
  message.body = request.body;
  for (const auto& [name, value] : request.headers) message.set_header(name.c_str(), value);
  if (!message.has_header("Host")) message.set_header("Host", connection_->host);
  if (!message.body.empty() && !message.has_header("Content-Type"))
    message.set_header("Content-Type", std::string("application/json"));

  const auto result = connection_->client.send(message);
  if (!result)
    throw std::runtime_error("no answer from the control plane at " + target_ + ": " +
                             httplib::to_string(result.error()));
  HttpResponse response{.status = result->status, .headers = {}, .body = result->body};
  for (const auto& [name, value] : result->headers) response.headers.insert_or_assign(lower(name), value);
  return response;
}

}  // namespace hypernat::control
