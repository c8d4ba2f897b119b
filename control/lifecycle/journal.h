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
  /// Where the journal is, to go back to when what follows is undone.
  std::size_t mark() const { return lines_.size(); }
  void go_back(std::size_t mark) { lines_.resize(mark); }

 private:
  std::vector<std::string> lines_;
};

void log_line(const std::string& line);
void log_warning(const std::string& line);

}  // namespace hypernat::control
