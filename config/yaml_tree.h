// A YAML document as a plain tree that remembers its lines.
//
// The only door to yaml-cpp. The tree is built from its parser's events, which keep what its node API loses or hides:
// keys that occur twice, further documents in the file, aliases.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/config_error.h"

namespace hypernat::config {

struct YamlNode {
  enum class Kind { kNothing, kText, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNothing;
  std::size_t line = 0;
  std::string text;             ///< of a kText, as a person reads it: quotes and escapes undone
  std::vector<YamlNode> items;  ///< of a kList
  std::vector<Entry> entries;   ///< of a kMap, in the file's order, equal keys included
};

struct YamlNode::Entry {
  std::string key;
  std::size_t line = 0;
  YamlNode value;
};

/// "a list", "a map", "nothing", or the text quoted, shortened when long.
std::string describe(const YamlNode& node);

/// The one document of the text. Throws ConfigError for what is not YAML, empty, several documents, or uses what
/// configuration files do without: aliases, tags, keys that are not text.
YamlNode parse_yaml(std::string_view text, const std::string& file_name);

/// The whole file. Throws ConfigError when there is none or it cannot be read.
std::string read_text(const std::filesystem::path& file);

}  // namespace hypernat::config
