// What a schema fills while it walks a file: where each value stood, and what is wrong with it.
//
// Shape is checked first (schema.h), meaning second (the …_checks of each file), and only when the shape is right, so
// that no mistake is reported twice. Checks of meaning know a value by its path, "ports[0].name", and the loader
// knows the path's line: the models need to remember nothing of the file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/config_error.h"

namespace hypernat::config {

/// Where a value stands in a file: Path() / "ports" / 0 / "name".
class Path {
 public:
  Path() = default;

  Path operator/(std::string_view key) const {
    return Path(text_.empty() ? std::string(key) : text_ + "." + std::string(key));
  }
  Path operator/(std::size_t index) const { return Path(text_ + "[" + std::to_string(index) + "]"); }

  const std::string& text() const { return text_; }
  /// The last key, with the index behind it if there is one: "ports[0]".
  std::string leaf() const;
  /// One step up; the root's parent is the root.
  Path parent() const;
  bool is_root() const { return text_.empty(); }

 private:
  explicit Path(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

class Loader {
 public:
  explicit Loader(std::string file) : file_(std::move(file)) {}

  /// Remembers the line of a value.
  void locate(const Path& path, std::size_t line) { lines_.insert_or_assign(path.text(), line); }
  /// Whether the file gives the value, rather than leaving its default.
  bool has(const Path& path) const { return lines_.contains(path.text()); }
  /// Of the value, or of the nearest thing around it that the file does give.
  std::size_t line_of(const Path& path) const;

  void refuse(const Path& path, std::string found, std::string expected);
  void refuse_line(std::size_t line, std::string found, std::string expected);

  /// Throws ConfigError when anything was refused, in the order of the file.
  void finish();

 private:
  std::string file_;
  std::unordered_map<std::string, std::size_t> lines_;
  std::vector<Mistake> mistakes_;
};

}  // namespace hypernat::config
