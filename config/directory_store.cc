// The store that needs nothing installed: a directory.
//
// A file is replaced by writing another one beside it and renaming that over it, so a reader sees the old content or
// the new. What a crash leaves behind begins with a dot and is read by nobody.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "config/names.h"
#include "config/store.h"

namespace hypernat::config {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_errno(const std::string& doing, const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), doing + " " + path.string());
}

/// Closes what it opened.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

/// A name that goes away unless the file was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& destination)
      : path_((destination.parent_path() / ("." + destination.filename().string() + ".XXXXXX")).string()),
        descriptor_(::mkostemp(path_.data(), O_CLOEXEC)) {
    if (!descriptor_.is_open()) throw_errno("making a temporary file", path_);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_.number(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw_errno("writing", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    // mkostemp's 0600 would hide tables and statuses from an operator who is not root.
    if (::fchmod(descriptor_.number(), 0644) != 0) throw_errno("setting the mode of", path_);
  }

  void sync() {
    if (::fsync(descriptor_.number()) != 0) throw_errno("syncing", path_);
  }

  void rename_to(const fs::path& destination) {
    if (::rename(path_.c_str(), destination.c_str()) != 0) throw_errno("replacing", destination);
    path_.clear();
  }

 private:
  std::string path_;
  Descriptor descriptor_;
};

/// The file's bytes, or nothing when there is none.
std::optional<std::vector<std::byte>> read_file(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) return std::nullopt;
  if (!file.is_open()) throw_errno("opening", path);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw_errno("asking the size of", path);
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t count = ::read(file.number(), bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", path);
    if (count == 0) break;  // cut short by something that is no store: the table's own header will tell
    size += static_cast<std::size_t>(count);
  }
  bytes.resize(size);
  return bytes;
}

void sync_directory(const fs::path& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) throw_errno("opening", path);
  if (::fsync(directory.number()) != 0) throw_errno("syncing", path);
}

constexpr std::string_view kStatusSuffix = ".json";

class DirectoryStore final : public Store {
 public:
  explicit DirectoryStore(const fs::path& directory)
      : directory_(directory), table_(directory / "table"), status_directory_(directory / "status") {
    fs::create_directories(status_directory_);
  }

  void publish(std::span<const std::byte> table) override {
    TemporaryFile file(table_);
    file.write(table);
    file.sync();
    file.rename_to(table_);
    sync_directory(directory_);
  }

  std::optional<std::vector<std::byte>> fetch() override { return read_file(table_); }

  void report(const DataplaneStatus& status) override {
    // The node becomes a file's name: no separator, no dot in front.
    if (!is_name(status.node)) {
      throw std::system_error(
          std::make_error_code(std::errc::invalid_argument),
          "reporting the status of node \"" + status.node + "\"; expected " + std::string(kNameRule));
    }
    const fs::path destination = status_directory_ / (status.node + std::string(kStatusSuffix));
    const std::string text = to_json(status);
    // Not synced: a status is worth nothing once it is three beats old, and a beat must not wait for a disk.
    TemporaryFile file(destination);
    file.write(std::as_bytes(std::span(text)));
    file.rename_to(destination);
  }

  std::vector<DataplaneStatus> statuses() override {
    std::vector<DataplaneStatus> statuses;
    for (const auto& entry : fs::directory_iterator(status_directory_)) {
      if (auto status = read_status(entry.path())) statuses.push_back(std::move(*status));
    }
    std::sort(statuses.begin(), statuses.end(),
              [](const DataplaneStatus& a, const DataplaneStatus& b) { return a.node < b.node; });
    return statuses;
  }

 private:
  /// Nothing for a file that is not a status, or not the one its name says.
  static std::optional<DataplaneStatus> read_status(const fs::path& path) {
    if (path.extension() != kStatusSuffix || !is_name(path.stem().string()) || !fs::is_regular_file(path)) {
      return std::nullopt;
    }
    const auto bytes = read_file(path);
    if (!bytes) return std::nullopt;  // gone since the directory was listed
    try {
      auto status = status_from_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
      if (status.node == path.stem().string()) return status;
    } catch (const std::invalid_argument&) {
      // A node that writes nonsense counts as one that writes nothing; it must not blind the control plane to others.
    }
    return std::nullopt;
  }

  fs::path directory_;
  fs::path table_;
  fs::path status_directory_;
};

}  // namespace

std::unique_ptr<Store> open_directory_store(const fs::path& directory) {
  return std::make_unique<DirectoryStore>(directory);
}

}  // namespace hypernat::config
