// What `hypernat validate` does: reads configuration files of any kind, and says everything that is wrong with them.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "config/config_error.h"

namespace hypernat::config {

enum class FileKind { kDataplane, kControl, kWorkerhost, kFunctions };

/// "dataplane.yaml", "control.yaml", …: what the kind is called, whatever a file's own name.
std::string to_string(FileKind kind);

/// Tells the kind by the keys at the top of the file, so that a file may have any name. Throws ConfigError.
FileKind kind_of(const std::filesystem::path& file);

/// Loads every file; segments of functions are held against a data plane's attachments when its file is given too.
/// Throws ConfigError with the mistakes of all files.
void validate_files(std::span<const std::filesystem::path> files);

/// The configuration reference in Markdown: every key of every file with its type, unit, default, range and meaning.
std::string reference_markdown();

}  // namespace hypernat::config
