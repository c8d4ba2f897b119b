// A function's code as its owner uploads it: a zip with an executable file `bootstrap` at its top.
//
// Whoever wrote it may be hostile: names that lead anywhere else, links, and sizes beyond AWS's limits are refused
// before anything is written. libzip does the reading.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hypernat::runner {

struct ArchiveLimits {
  std::uint64_t zipped_bytes = 50ULL << 20;     ///< AWS's, of a direct upload
  std::uint64_t unpacked_bytes = 250ULL << 20;  ///< AWS's
  std::uint64_t files = 10'000;
};

class ArchiveError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr const char* kEntryPoint = "bootstrap";

/// Reads all of it, as unpacking would. Throws ArchiveError.
void check_archive(std::string_view bytes, const ArchiveLimits& limits = {});
/// Writes it into an empty directory. Throws ArchiveError, or std::system_error when files cannot be written.
void unpack_archive(std::string_view bytes, const std::filesystem::path& directory, const ArchiveLimits& limits = {});

}  // namespace hypernat::runner
