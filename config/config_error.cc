#include "config/config_error.h"

#include <utility>

namespace hypernat::config {
namespace {

std::string lines_of(const std::vector<Mistake>& mistakes) {
  std::string text;
  for (const Mistake& mistake : mistakes) {
    if (!text.empty()) text += '\n';
    text += to_string(mistake);
  }
  return text;
}

}  // namespace

std::string to_string(const Mistake& mistake) {
  const std::string line = mistake.line == 0 ? "" : ":" + std::to_string(mistake.line);
  return mistake.file + line + ": found " + mistake.found + "; expected " + mistake.expected;
}

ConfigError::ConfigError(std::vector<Mistake> mistakes)
    : std::runtime_error(lines_of(mistakes)), mistakes_(std::move(mistakes)) {}

}  // namespace hypernat::config
