// A file that one process at a time holds; the kernel lets go of it when the process ends, however it ends.
#pragma once

#include <filesystem>
#include <string>

namespace hypernat::control {

class LockFile {
 public:
  /// Throws std::runtime_error saying that another process has `what`, and which.
  LockFile(const std::filesystem::path& file, const std::string& what);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace hypernat::control
