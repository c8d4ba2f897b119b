#include "control/lifecycle/journal.h"

#include <spdlog/spdlog.h>

namespace hypernat::control {

void Journal::flush() {
  for (const auto& line : lines_) log_line(line);
  lines_.clear();
}

void log_line(const std::string& line) {
  spdlog::info("{}", line);
}
void log_warning(const std::string& line) {
  spdlog::warn("{}", line);
}

}  // namespace hypernat::control
