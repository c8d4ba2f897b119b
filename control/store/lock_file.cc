#include "control/store/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace hypernat::control {

LockFile::LockFile(const std::filesystem::path& file, const std::string& what) {
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "opening " + file.string());
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> holder{};
    const auto length = ::pread(descriptor_, holder.data(), holder.size() - 1, 0);
    ::close(descriptor_);
    throw std::runtime_error(what + " is in use by another hypernat-control" +
                             (length > 0 ? ", process " + std::string(holder.data()) : "") +
                             "; stop that one first, or name another in the configuration");
  }
  const auto self = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, self.data(), self.size(), 0) != static_cast<ssize_t>(self.size())) {
    // The process id is only for the message above.
  }
}

LockFile::~LockFile() {
  ::close(descriptor_);
}

}  // namespace hypernat::control
