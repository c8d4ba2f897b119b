// What is wrong with a configuration file, said so that the reader can repair it without opening this source.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace hypernat::config {

/// One mistake, printed as "file:line: found X; expected Y".
struct Mistake {
  std::string file;
  std::size_t line = 0;  ///< from 1; 0 when the mistake is the file itself
  std::string found;
  std::string expected;
  bool operator==(const Mistake&) const = default;
};

std::string to_string(const Mistake& mistake);

/// A file that must not be used. `what()` holds one line for each mistake, in the order of the file.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::vector<Mistake> mistakes);

  const std::vector<Mistake>& mistakes() const { return mistakes_; }

 private:
  std::vector<Mistake> mistakes_;
};

}  // namespace hypernat::config
