// Zips with any names and modes in them, for tests: libzip writes what it is told.
#pragma once

#include <string>
#include <vector>

namespace hypernat::control::testing {

struct ZipEntry {
  std::string name;
  std::string content;
  unsigned mode = 0;  ///< of Unix, with its type; 0: none said
};

std::string make_zip(const std::vector<ZipEntry>& entries);

}  // namespace hypernat::control::testing
