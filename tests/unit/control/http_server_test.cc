// The API through real sockets.
#include "control/api/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "control/api/base64.h"
#include "control/api/http_client.h"
#include "tests/unit/control/world.h"
#include "tests/unit/control/zips.h"

namespace hypernat::control::testing {
namespace {

class Http : public ::testing::Test {
 protected:
  Http() {
    world.declare();
    server = std::make_unique<HttpServer>(*world.api, listen());
    server->start();
  }

  config::ListenConfig listen(const std::string& name = "control.sock", int port = 0) const {
    return {
        .tcp = config::TcpEndpoint{.address = Ipv4Address::of(127, 0, 0, 1), .port = static_cast<std::uint16_t>(port)},
        .socket = directory / name};
  }

  HttpResponse send(const HttpRequest& request) const { return HttpClient(socket()).request(request); }
  std::string socket() const { return "unix:" + (directory / "control.sock").string(); }

  /// What comes back for these very bytes, until the server closes or says no more.
  std::string exchange(const std::string& bytes) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = (directory / "control.sock").string();
    std::memcpy(address.sun_path, path.data(), path.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    std::string answer(65536, '\0');
    const timeval patience{.tv_sec = 0, .tv_usec = 200'000};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const auto length = ::recv(descriptor, answer.data(), answer.size(), 0);
    ::close(descriptor);
    return answer.substr(0, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  }

  TemporaryDirectory directory;
  World world{WorldSettings{.keys = {}}};
  std::unique_ptr<HttpServer> server;
};

TEST_F(Http, answers_on_both_sockets_in_awss_shape) {
  for (const auto& target : {socket(), "http://127.0.0.1:" + std::to_string(server->port())}) {
    const auto good =
        HttpClient(target).request({.method = "GET", .path = "/hypernat/v1/status", .headers = {}, .body = {}});
    EXPECT_EQ(good.status, 200);
    EXPECT_EQ(good.headers.at("content-type"), "application/json");
    const auto bad = HttpClient(target).request(
        {.method = "GET", .path = "/2015-03-31/functions/web", .headers = {{"X-Hypernat-Account", kAcme}}, .body = {}});
    EXPECT_EQ(bad.status, 404);
    EXPECT_EQ(bad.headers.at("x-amzn-errortype"), "ResourceNotFoundException");
    EXPECT_EQ(Json::parse(bad.body)["Type"], "User");
  }
}

TEST_F(Http, decodes_an_arn_in_a_path_and_a_query) {
  world.create("web", {}, {});
  const auto answer =
      send({.method = "GET",
            .path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A111111111111%3Afunction%3Aweb"
                    "?Qualifier=%24LATEST",
            .headers = {{"X-Hypernat-Account", kAcme}},
            .body = {}});
  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST_F(Http, refuses_bodies_that_are_too_large_for_the_call_or_for_any) {
  const auto put = [&](std::size_t size) {
    return send(
        {.method = "PUT", .path = "/hypernat/v1/accounts/111111111111", .headers = {}, .body = std::string(size, ' ')});
  };
  EXPECT_EQ(put(100).headers.at("x-amzn-errortype"), "InvalidRequestContentException");
  EXPECT_EQ(put(kMaxBody + 1).headers.at("x-amzn-errortype"), "RequestTooLargeException");
  EXPECT_EQ(put(kMaxPayload + 1).headers.at("x-amzn-errortype"), "RequestTooLargeException");
  EXPECT_EQ(put(Api::kLargestBody + 1).headers.at("x-amzn-errortype"), "RequestTooLargeException");
  const auto code = send({.method = "POST",
                          .path = "/2015-03-31/functions",
                          .headers = {{"X-Hypernat-Account", kAcme}},
                          .body = std::string(kMaxPayload + 1, ' ')});
  EXPECT_EQ(code.headers.at("x-amzn-errortype"), "InvalidRequestContentException") << "code may be as large";
}

// Somebody who asks for something and does not read the answer.
class SlowReader {
 public:
  SlowReader(const std::filesystem::path& socket, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
    EXPECT_EQ(::send(descriptor_, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    char first = 0;
    EXPECT_EQ(::recv(descriptor_, &first, 1, 0), 1);  // the answer is under way
  }
  ~SlowReader() { ::close(descriptor_); }
  SlowReader(const SlowReader&) = delete;
  SlowReader& operator=(const SlowReader&) = delete;

 private:
  int descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

TEST_F(Http, lets_few_fetch_large_code_at_a_time) {
  std::string noise(kMaxPayload + 1, '\0');
  std::mt19937 dice(1);
  for (auto& byte : noise) byte = static_cast<char>(dice());
  const auto zip = make_zip({{.name = "bootstrap", .content = noise, .mode = S_IFREG | 0755}});
  auto body = function_body("large", {}, {});
  body.erase("Environment");
  body["Code"]["ZipFile"] = base64(zip);
  ASSERT_EQ(world.call("POST", "/2015-03-31/functions", body).status, 201);
  const std::string link = world.call("GET", "/2015-03-31/functions/large").body["Code"]["Location"];
  const auto path = link.substr(link.find("/code/"));
  const auto fetch = [&] { return send({.method = "GET", .path = path, .headers = {}, .body = {}}); };
  {
    std::vector<std::unique_ptr<SlowReader>> slow;
    for (int i = 0; i < 4; ++i) slow.push_back(std::make_unique<SlowReader>(directory / "control.sock", path));
    EXPECT_EQ(fetch().headers.at("x-amzn-errortype"), "TooManyRequestsException");
  }
  auto answer = fetch();
  for (int i = 0; i < 100 && answer.status != 200; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    answer = fetch();
  }
  EXPECT_EQ(answer.status, 200) << "those who left make room";
  EXPECT_TRUE(answer.body == zip);
}

TEST_F(Http, takes_forms_that_are_larger_than_the_library_has_them) {
  std::string body = "Action=DescribeVpcs";
  for (int i = 1; i <= 150; ++i)
    body +=
        "&Filter.1.Value." + std::to_string(i) + "=" + std::string(100, 'x') + "&Filter.1.Name." + std::to_string(i);
  body += "&Filter.1.Name=vpc-id";
  ASSERT_GT(body.size(), 16'384U);
  const auto answer =
      send({.method = "POST",
            .path = "/",
            .headers = {{"X-Hypernat-Account", kAcme}, {"Content-Type", "application/x-www-form-urlencoded"}},
            .body = body});
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("<Code>UnknownParameter</Code>"), std::string::npos) << answer.body;
  EXPECT_EQ(answer.headers.at("content-type"), "text/xml;charset=UTF-8");
}

TEST_F(Http, answers_everybody_through_few_connections) {
  auto few = listen("few.sock", 0);
  few.connections = 2;
  HttpServer small(*world.api, few);
  small.start();
  const auto target = "unix:" + (directory / "few.sock").string();
  std::vector<std::thread> clients;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 24; ++i)
    clients.emplace_back([&] {
      answered += HttpClient(target)
                      .request({.method = "GET", .path = "/hypernat/v1/status", .headers = {}, .body = {}})
                      .status == 200;
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(answered, 24);
}

TEST_F(Http, takes_a_request_that_says_nothing_of_a_body_as_one_without) {
  const auto answer = exchange(
      "POST /2015-03-31/functions/web/invocations HTTP/1.1\r\nHost: x\r\n"
      "X-Hypernat-Account: 111111111111\r\n\r\n");
  EXPECT_NE(answer.find("404"), std::string::npos) << answer;
}

TEST_F(Http, survives_what_is_no_request) {
  for (const char* unfinished : {"\x16\x03\x01\x02", "PUT /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nxyz",
                                 "PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"})
    exchange(unfinished);
  const std::string long_path = "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n";
  for (const char* bytes : {"\r\n\r\n", "nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "BREW /x HTTP/1.1\r\n\r\n",
                            "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", long_path.c_str()}) {
    const auto answer = exchange(bytes);
    EXPECT_NE(answer.find("x-amzn-ErrorType: "), std::string::npos) << bytes << answer;
  }
  EXPECT_EQ(send({.method = "GET", .path = "/hypernat/v1/status", .headers = {}, .body = {}}).status, 200);
}

TEST_F(Http, serves_many_at_once) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 32; ++i)
    clients.emplace_back([&, i] {
      const std::string path = "/hypernat/v1/worker-hosts/wh" + std::to_string(i);
      const Json body{{"Address", "192.0.2." + std::to_string(i + 1)}, {"Zone", "a"}, {"Socket", "/s"}, {"Slots", 1}};
      EXPECT_EQ(send({.method = "PUT", .path = path, .headers = {}, .body = body.dump()}).status, 200);
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(world.table().peers.size(), 32U);
}

TEST_F(Http, has_its_port_and_its_socket_alone) {
  EXPECT_THROW(HttpServer(*world.api, listen("other.sock", server->port())), std::runtime_error);
  EXPECT_THROW(HttpServer(*world.api, listen()), std::runtime_error);
  EXPECT_EQ(send({.method = "GET", .path = "/hypernat/v1/status", .headers = {}, .body = {}}).status, 200);
}

TEST_F(Http, replaces_the_socket_of_a_killed_process_and_no_other_file) {
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(directory / "control.sock"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = (directory / "control.sock").string();
  std::memcpy(address.sun_path, path.data(), path.size());
  const int left_behind = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(left_behind, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left_behind);
  EXPECT_NO_THROW(HttpServer(*world.api, listen()));
  std::ofstream(directory / "file") << "precious";
  EXPECT_THROW(HttpServer(*world.api, listen("file")), std::runtime_error);
  EXPECT_TRUE(std::filesystem::exists(directory / "file"));
}

TEST(HttpClient, refuses_targets_that_are_none) {
  for (const char* target :
       {"", "control.sock", "http://127.0.0.1", "http://:80", "http://x:0", "http://x:65536", "ftp://x:1"})
    EXPECT_THROW(HttpClient{target}, std::invalid_argument) << target;
  EXPECT_THROW(HttpClient("unix:/nowhere").request({.method = "GET", .path = "/", .headers = {}, .body = {}}),
               std::runtime_error);
}

}  // namespace
}  // namespace hypernat::control::testing
