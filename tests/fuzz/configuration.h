// The promise of every loader of a configuration file: a value, or a ConfigError that says what to repair, and nothing
// else.
#pragma once

#include <algorithm>
#include <string_view>

#include "config/config_error.h"
#include "tests/fuzz/fuzz_target.h"

namespace hypernat::fuzz {

inline void check_refusal(const config::ConfigError& refusal, std::string_view text, std::string_view file) {
  require(!refusal.mistakes().empty(), "a refusal names a mistake");
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const config::Mistake& mistake : refusal.mistakes()) {
    require(mistake.file == file, "a mistake names its file");
    require(mistake.line <= lines, "a mistake is on a line that the file has");
    require(!mistake.found.empty() && !mistake.expected.empty(), "a mistake says what was found and what was expected");
  }
}

/// `parse` is called twice: what it says must not depend on anything but the text.
template <class Parse>
void load(Parse parse, std::string_view text, std::string_view file) {
  try {
    const auto value = parse();
    require(value == parse(), "the same text gives the same configuration");
  } catch (const config::ConfigError& refusal) {
    check_refusal(refusal, text, file);
  }
}

}  // namespace hypernat::fuzz
