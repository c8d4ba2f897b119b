#include "control/cli/coldstart/plan.h"

#include <charconv>
#include <random>
#include <stdexcept>
#include <string_view>

namespace hypernat::coldstart {

std::vector<std::chrono::nanoseconds> arrivals(const Plan& plan) {
  std::vector<std::chrono::nanoseconds> moments(plan.count);
  if (plan.rate <= 0) return moments;
  std::mt19937_64 random(plan.seed);
  std::exponential_distribution<double> gap(plan.rate);
  std::chrono::duration<double> at{0};
  for (auto& moment : moments) {
    at += std::chrono::duration<double>(gap(random));
    moment = std::chrono::duration_cast<std::chrono::nanoseconds>(at);
  }
  return moments;
}

void set_target(Plan& plan, const std::string& target) {
  constexpr std::string_view kScheme = "http://";
  std::string_view rest = target;
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos) plan.path = rest.substr(slash);
  rest = rest.substr(0, slash);
  const auto colon = rest.find(':');
  const auto address = parse_ipv4_address(rest.substr(0, colon));
  bool is_sound = address.has_value();
  if (colon != std::string_view::npos) {
    const auto port = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), plan.port);
    is_sound = is_sound && error == std::errc{} && end == port.data() + port.size() && plan.port > 0;
  }
  if (!is_sound)
    throw std::invalid_argument("target: found \"" + target +
                                "\"; expected an IPv4 address, with a port and a path if need be, such as "
                                "10.0.1.10:80 or http://10.0.1.10/index.html (names would measure the resolver, too)");
  plan.server = *address;
}

}  // namespace hypernat::coldstart
