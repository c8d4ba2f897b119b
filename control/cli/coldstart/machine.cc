// On what a run was measured.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

#include "control/cli/coldstart/report.h"

namespace hypernat::coldstart {
namespace {

std::string processor() {
  constexpr std::string_view kName = "model name";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kName)) continue;
    const auto text = line.find_first_not_of(" \t", line.find(':') + 1);
    return text == std::string::npos ? std::string() : line.substr(text);
  }
  return "?";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &day)};
}

}  // namespace

std::map<std::string, std::string> describe_machine() {
  utsname name{};
  ::uname(&name);
  double load[1] = {-1};
  ::getloadavg(load, 1);
  return {{"Processor", processor()},
          {"Cores", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))},
          {"Kernel", fmt::format("{} {}", name.sysname, name.release)},
          {"LoadBefore", fmt::format("{:.2f}", load[0])},
          {"Date", today()},
          {"Hypernat", HYPERNAT_VERSION}};
}

}  // namespace hypernat::coldstart
