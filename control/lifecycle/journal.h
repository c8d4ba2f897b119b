// Lines for the log that hold only if the transaction they were written in commits.
#pragma once

#include <string>
#include <vector>

namespace hypernat::control {

class Journal {
 public:
  void note(std::string line) { lines_.push_back(std::move(line)); }
  /// The transaction committed: the lines go to the log.
  void flush();
  void discard() { lines_.clear(); }

 private:
  std::vector<std::string> lines_;
};

void log_line(const std::string& line);
void log_warning(const std::string& line);

}  // namespace hypernat::control
