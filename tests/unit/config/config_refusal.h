// Rows for tests of configuration files: a file that is right, one change to it, and what must be said about it.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

#include "config/config_error.h"

namespace hypernat::config {

struct Refusal {
  std::string name;     ///< of the row
  std::string from;     ///< occurs in the file, once
  std::string to;       ///< stands there instead
  std::string message;  ///< everything that is said, without the file's name in front of each line
};

inline void PrintTo(const Refusal& row, std::ostream* out) {
  *out << row.name;
}

inline std::string row_name(const testing::TestParamInfo<Refusal>& row) {
  return row.param.name;
}

inline std::string changed(std::string text, const Refusal& row) {
  const std::size_t at = text.find(row.from);
  EXPECT_NE(at, std::string::npos) << row.from;
  EXPECT_EQ(text.find(row.from, at + 1), std::string::npos) << "more than one " << row.from;
  return text.replace(at, row.from.size(), row.to);
}

/// What `parse` says of the text as file "f"; each line without the "f:" in front.
template <class Parse>
std::string mistakes_of(Parse parse, std::string_view text) {
  try {
    parse(text, std::string("f"));
  } catch (const ConfigError& error) {
    std::string said;
    for (const Mistake& mistake : error.mistakes()) {
      const std::string line = to_string(mistake);
      EXPECT_EQ(line.substr(0, 2), "f:");
      said += (said.empty() ? "" : "\n") + line.substr(2);
    }
    EXPECT_FALSE(said.empty());
    return said;
  }
  return "";
}

}  // namespace hypernat::config
