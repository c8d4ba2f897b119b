// How a command of the operator's tool fails: one line that names the thing, and one that names the remedy.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace hypernat::cli {

class CommandError : public std::runtime_error {
 public:
  explicit CommandError(const std::string& what, std::string remedy = {})
      : std::runtime_error(what), remedy_(std::move(remedy)) {}

  /// What to try next; empty when the message already says it.
  const std::string& remedy() const { return remedy_; }

 private:
  std::string remedy_;
};

}  // namespace hypernat::cli
