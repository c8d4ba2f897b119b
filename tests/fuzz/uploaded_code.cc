// Functions' code as somebody uploads it, and what a runner is told: an archive that may be unpacked, or an
// ArchiveError; frames, or the end.
#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "control/runner/archive.h"
#include "control/runner/frames.h"
#include "tests/fuzz/fuzz_target.h"

namespace hypernat::runner {
namespace {

// Small, so that a bomb is one at once.
constexpr ArchiveLimits kLimits{.zipped_bytes = 1U << 20, .unpacked_bytes = 1U << 16, .files = 16};

class Place {
 public:
  Place() {
    require(::mkdtemp(name_.data()) != nullptr, "a directory can be made");
    std::filesystem::create_directory(code());
  }
  ~Place() { std::filesystem::remove_all(name_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  std::filesystem::path code() const { return std::filesystem::path(name_) / "code"; }
  std::size_t entries() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(name_)) count += entry.exists();
    return count;
  }

 private:
  std::string name_ = "/tmp/hypernat-fuzz-XXXXXX";
};

void check_zip(std::string_view bytes) {
  bool is_good = true;
  try {
    check_archive(bytes, kLimits);
  } catch (const ArchiveError& error) {
    is_good = false;
    require(error.what()[0] != '\0', "a refusal says why");
  }
  if (bytes.substr(0, 2) != "PK") return;
  const Place place;
  try {
    unpack_archive(bytes, place.code(), kLimits);
    require(is_good, "what was refused is not unpacked");
    require(std::filesystem::is_regular_file(std::filesystem::symlink_status(place.code() / kEntryPoint)),
            "what was unpacked can be run");
  } catch (const ArchiveError&) {
    require(!is_good, "what was accepted can be unpacked");
  } catch (const std::system_error&) {  // a file where another's directory would be
  }
  require(place.entries() == 1, "nothing is written elsewhere");
}

void check_frames(std::string_view bytes) {
  FrameReader reader;
  try {
    while (!bytes.empty()) {
      const auto piece = std::min<std::size_t>(bytes.size(), 7);
      reader.append(bytes.substr(0, piece));
      bytes.remove_prefix(piece);
      while (reader.next()) continue;
    }
  } catch (const std::runtime_error&) {
  }
}

}  // namespace
}  // namespace hypernat::runner

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  hypernat::runner::check_zip(bytes);
  hypernat::runner::check_frames(bytes);
  return 0;
}
