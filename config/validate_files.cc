#include "config/validate_files.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "config/schemas.h"

namespace hypernat::config {
namespace {

constexpr std::array kKinds = {FileKind::kDataplane, FileKind::kControl, FileKind::kWorkerhost, FileKind::kFunctions};

bool has_key(FileKind kind, std::string_view key) {
  switch (kind) {
    case FileKind::kDataplane:
      return dataplane_schema().has_key(key);
    case FileKind::kControl:
      return control_schema().has_key(key);
    case FileKind::kWorkerhost:
      return workerhost_schema().has_key(key);
    case FileKind::kFunctions:
      return functions_schema().has_key(key);
  }
  return false;
}

std::vector<KeyReference> references_of(FileKind kind) {
  switch (kind) {
    case FileKind::kDataplane:
      return dataplane_schema().references();
    case FileKind::kControl:
      return control_schema().references();
    case FileKind::kWorkerhost:
      return workerhost_schema().references();
    case FileKind::kFunctions:
      return functions_schema().references();
  }
  return {};
}

/// Collects the mistakes of whatever it runs.
class Collector {
 public:
  template <class Function>
  void run(Function function) {
    try {
      function();
    } catch (const ConfigError& error) {
      mistakes_.insert(mistakes_.end(), error.mistakes().begin(), error.mistakes().end());
    }
  }

  void finish() {
    if (!mistakes_.empty()) throw ConfigError(std::move(mistakes_));
  }

 private:
  std::vector<Mistake> mistakes_;
};

std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? "\\|" : std::string(1, c);
  return escaped.empty() ? " " : " " + escaped + " ";
}

}  // namespace

std::string to_string(FileKind kind) {
  switch (kind) {
    case FileKind::kDataplane:
      return "dataplane.yaml";
    case FileKind::kControl:
      return "control.yaml";
    case FileKind::kWorkerhost:
      return "workerhost.yaml";
    case FileKind::kFunctions:
      return "functions.yaml";
  }
  return "";
}

FileKind kind_of(const std::filesystem::path& file) {
  const YamlNode root = parse_yaml(read_text(file), file.string());
  const auto known_keys = [&root](FileKind kind) {
    return std::count_if(root.entries.begin(), root.entries.end(),
                         [kind](const YamlNode::Entry& entry) { return has_key(kind, entry.key); });
  };
  const FileKind best = *std::max_element(kKinds.begin(), kKinds.end(),
                                          [&](FileKind a, FileKind b) { return known_keys(a) < known_keys(b); });
  if (known_keys(best) == 0) {
    throw ConfigError({{file.string(), root.line, "no key of any configuration file",
                        "a dataplane.yaml, control.yaml, workerhost.yaml or functions.yaml"}});
  }
  return best;
}

void validate_files(std::span<const std::filesystem::path> files) {
  Collector collector;
  std::optional<DataplaneConfig> dataplane;
  std::vector<std::filesystem::path> functions;
  for (const auto& file : files) {
    collector.run([&] {
      switch (kind_of(file)) {
        case FileKind::kDataplane:
          dataplane = load_dataplane_config(file);
          break;
        case FileKind::kControl:
          load_control_config(file);
          break;
        case FileKind::kWorkerhost:
          load_workerhost_config(file);
          break;
        case FileKind::kFunctions:
          functions.push_back(file);
          break;
      }
    });
  }
  // Last, whatever the order on the command line: they are held against the data plane's attachments.
  for (const auto& file : functions) {
    collector.run([&] { load_functions_config(file, dataplane ? &*dataplane : nullptr); });
  }
  collector.finish();
}

std::string reference_markdown() {
  std::string text;
  for (const FileKind kind : kKinds) {
    text += (text.empty() ? "" : "\n") + std::string("### ") + to_string(kind) + "\n\n";
    text += "| Key | Type | Unit | Default | Range | Meaning |\n| --- | --- | --- | --- | --- | --- |\n";
    for (const KeyReference& row : references_of(kind)) {
      text += "| `" + row.key + "` |" + cell(row.type) + "|" + cell(row.unit) + "|" + cell(row.fallback) + "|" +
              cell(row.range) + "|" + cell(row.doc) + "|\n";
    }
  }
  return text;
}

}  // namespace hypernat::config
