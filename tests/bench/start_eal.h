// EAL for the programs of tests/bench, which say its arguments in one text.
#pragma once

#include <rte_eal.h>

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace hypernat::bench {

/// `words`: the program's name, then arguments. Once in a process. Throws std::runtime_error.
inline void start_eal(const std::string& words) {
  static std::vector<std::string> kept;  // EAL keeps pointers into them
  std::istringstream text(words);
  for (std::string word; text >> word;) kept.push_back(word);
  std::vector<char*> pointers;
  for (std::string& word : kept) pointers.push_back(word.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0)
    throw std::runtime_error("EAL does not start with the arguments: " + words);
}

}  // namespace hypernat::bench
