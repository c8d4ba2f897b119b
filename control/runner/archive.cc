#include "control/runner/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <system_error>

namespace hypernat::runner {
namespace {

constexpr std::size_t kLongestName = 1024;
constexpr ::mode_t kPermissions = 0777;

// Of one entry: where it goes, and a piece of its content after the other.
struct Entry {
  std::string path;
  bool is_directory;
  ::mode_t permissions;
};
struct Sink {
  std::function<void(const Entry&)> begin;
  std::function<void(std::string_view)> write;
  std::function<void()> end;
};

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name.substr(0, 60)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text + '"';
}

// Below the directory whatever it holds: no absolute path, no "..", nothing that is another separator elsewhere.
void check_name(const std::string& name) {
  const auto refuse = [&](const char* why) { throw ArchiveError("found the name " + quoted(name) + ", which " + why); };
  if (name.empty() || name.size() > kLongestName) refuse("has no length that a path may have");
  if (name.front() == '/') refuse("is an absolute path");
  if (name.find('\\') != std::string::npos) refuse("has a backslash in it");
  if (name.find('\0') != std::string::npos) refuse("has a zero byte in it");
  for (std::size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('/', at), name.size());
    const auto part = name.substr(at, end - at);
    if (part == ".." || part == ".") refuse("leads out of its directory");
    if (part.empty() && end < name.size()) refuse("has an empty part");
    at = end + 1;
  }
}

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using File = std::unique_ptr<zip_file_t, CloseFile>;

Archive open_archive(std::string_view bytes) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* archive = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error);
  if (archive == nullptr) {
    if (source != nullptr) zip_source_free(source);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw ArchiveError("found no zip: " + why);
  }
  zip_error_fini(&error);
  return Archive(archive);
}

// What the entry is on Unix; one from elsewhere is an ordinary file.
Entry describe(zip_t* archive, std::uint64_t index, const std::string& name) {
  Entry entry{.path = name, .is_directory = name.back() == '/', .permissions = 0644};
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  zip_file_get_external_attributes(archive, index, 0, &system, &attributes);
  if (system != ZIP_OPSYS_UNIX) return entry;
  const ::mode_t mode = attributes >> 16;
  if ((mode & S_IFMT) != 0 && !S_ISREG(mode) && !S_ISDIR(mode))
    throw ArchiveError("found " + quoted(name) + ", which is neither a file nor a directory");
  entry.permissions = mode & kPermissions;
  return entry;
}

void read_content(zip_t* archive, std::uint64_t index, const Entry& entry, std::uint64_t& left, const Sink& sink) {
  const File file(zip_fopen_index(archive, index, 0));
  if (!file) throw ArchiveError("cannot read " + quoted(entry.path) + ": " + zip_strerror(archive));
  std::array<char, 65536> buffer;
  zip_int64_t length = 0;
  while ((length = zip_fread(file.get(), buffer.data(), buffer.size())) > 0) {
    if (static_cast<std::uint64_t>(length) > left) throw ArchiveError("found more bytes than code may unpack to");
    left -= static_cast<std::uint64_t>(length);
    sink.write({buffer.data(), static_cast<std::size_t>(length)});
  }
  if (length < 0)
    throw ArchiveError("cannot read " + quoted(entry.path) + ": " + zip_error_strerror(zip_file_get_error(file.get())));
}

void check_entry_point(const std::set<std::string>& files, const std::set<std::string>& executables) {
  if (!files.contains(kEntryPoint))
    throw ArchiveError(std::string("found no file \"") + kEntryPoint + "\" at the top of the zip");
  if (!executables.contains(kEntryPoint))
    throw ArchiveError(std::string("found \"") + kEntryPoint + "\" without permission to execute it: chmod 755");
}

void walk(std::string_view bytes, const ArchiveLimits& limits, const Sink& sink) {
  if (bytes.size() > limits.zipped_bytes)
    throw ArchiveError("found " + std::to_string(bytes.size()) + " bytes; expected at most " +
                       std::to_string(limits.zipped_bytes));
  const auto archive = open_archive(bytes);
  const auto count = zip_get_num_entries(archive.get(), 0);
  if (count < 0 || static_cast<std::uint64_t>(count) > limits.files)
    throw ArchiveError("found " + std::to_string(count) + " files; expected at most " + std::to_string(limits.files));
  std::set<std::string> files;
  std::set<std::string> executables;
  std::uint64_t left = limits.unpacked_bytes;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    const char* text = zip_get_name(archive.get(), i, ZIP_FL_ENC_RAW);
    const std::string name = text == nullptr ? "" : text;
    check_name(name);
    const auto entry = describe(archive.get(), i, name);
    if (!files.insert(name).second) throw ArchiveError("found " + quoted(name) + " twice");
    if ((entry.permissions & 0111) != 0) executables.insert(name);
    sink.begin(entry);
    if (!entry.is_directory) read_content(archive.get(), i, entry, left, sink);
    sink.end();
  }
  check_entry_point(files, executables);
}

// Writes into one directory, by way of nothing that was unpacked: no part of a path is a link.
class Unpacking {
 public:
  explicit Unpacking(std::filesystem::path directory) : directory_(std::move(directory)) {}
  ~Unpacking() { close(); }
  Unpacking(const Unpacking&) = delete;
  Unpacking& operator=(const Unpacking&) = delete;

  void begin(const Entry& entry) {
    path_ = directory_ / entry.path;
    std::filesystem::create_directories(entry.is_directory ? path_ : path_.parent_path());
    if (entry.is_directory) return;
    constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file_ = ::open(path_.c_str(), kNew, entry.permissions | S_IRUSR | S_IWUSR);
    if (file_ < 0) failed();
  }
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto written = ::write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) failed();
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

 private:
  [[noreturn]] void failed() const { throw std::system_error(errno, std::generic_category(), path_.string()); }

  std::filesystem::path directory_;
  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace

void check_archive(std::string_view bytes, const ArchiveLimits& limits) {
  walk(bytes, limits, {.begin = [](const Entry&) {}, .write = [](std::string_view) {}, .end = [] {}});
}

void unpack_archive(std::string_view bytes, const std::filesystem::path& directory, const ArchiveLimits& limits) {
  Unpacking unpacking(directory);
  walk(bytes, limits,
       {.begin = [&](const Entry& entry) { unpacking.begin(entry); },
        .write = [&](std::string_view piece) { unpacking.write(piece); },
        .end = [&] { unpacking.close(); }});
}

}  // namespace hypernat::runner
