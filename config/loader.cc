#include "config/loader.h"

#include <algorithm>
#include <utility>

namespace hypernat::config {

std::string Path::leaf() const {
  const auto dot = text_.rfind('.');
  return dot == std::string::npos ? text_ : text_.substr(dot + 1);
}

Path Path::parent() const {
  const auto end = text_.find_last_of(".[");
  return end == std::string::npos ? Path() : Path(text_.substr(0, end));
}

std::size_t Loader::line_of(const Path& path) const {
  Path at = path;
  while (true) {
    if (const auto line = lines_.find(at.text()); line != lines_.end()) return line->second;
    if (at.is_root()) return 0;
    at = at.parent();
  }
}

void Loader::refuse(const Path& path, std::string found, std::string expected) {
  refuse_line(line_of(path), std::move(found), std::move(expected));
}

void Loader::refuse_line(std::size_t line, std::string found, std::string expected) {
  mistakes_.push_back({file_, line, std::move(found), std::move(expected)});
}

void Loader::finish() {
  if (mistakes_.empty()) return;
  std::stable_sort(mistakes_.begin(), mistakes_.end(),
                   [](const Mistake& a, const Mistake& b) { return a.line < b.line; });
  throw ConfigError(std::exchange(mistakes_, {}));
}

}  // namespace hypernat::config
