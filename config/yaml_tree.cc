#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "config/names.h"

namespace hypernat::config {
namespace {

std::size_t line_of(const YAML::Mark& mark) {
  return mark.is_null() ? 0 : static_cast<std::size_t>(mark.line) + 1;
}

YamlNode node_at(const YAML::Mark& mark, YamlNode::Kind kind) {
  YamlNode node;
  node.kind = kind;
  node.line = line_of(mark);
  return node;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string file) : file_(std::move(file)) {}

  YamlNode take_root() { return std::move(root_); }
  std::vector<Mistake>& mistakes() { return mistakes_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(node_at(mark, YamlNode::Kind::kNothing)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "an alias", "the value itself, written out");
    add(node_at(mark, YamlNode::Kind::kNothing));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    check_tag(mark, tag);
    YamlNode node = node_at(mark, YamlNode::Kind::kText);
    node.text = value;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back({node_at(mark, YamlNode::Kind::kList), std::nullopt});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back({node_at(mark, YamlNode::Kind::kMap), std::nullopt});
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map whose end has not been seen; in a map, the key whose value comes next.
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;
  };

  void refuse(const YAML::Mark& mark, std::string found, std::string expected) {
    mistakes_.push_back({file_, line_of(mark), std::move(found), std::move(expected)});
  }

  // "?" and "!" are what yaml-cpp calls plain and quoted text without a tag.
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "the tag " + quote(tag), "a value without a tag");
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.key) {
      parent.node.entries.push_back({std::move(parent.key->text), parent.key->line, std::move(node)});
      parent.key.reset();
    } else {
      if (node.kind != YamlNode::Kind::kText) {
        mistakes_.push_back({file_, node.line, describe(node) + " as a key", "a name as a key"});
      }
      parent.key = std::move(node);
    }
  }

  std::string file_;
  YamlNode root_;
  std::vector<Open> open_;
  std::vector<Mistake> mistakes_;
};

[[noreturn]] void refuse_file(const std::string& file, std::string found, std::string expected) {
  throw ConfigError({{file, 0, std::move(found), std::move(expected)}});
}

}  // namespace

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNothing:
      return "nothing";
    case YamlNode::Kind::kText:
      return quote(node.text);
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "nothing";
}

YamlNode parse_yaml(std::string_view text, const std::string& file_name) {
  std::istringstream stream{std::string(text)};
  TreeBuilder builder(file_name);
  YamlNode root;
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) refuse_file(file_name, "an empty file", "a map of keys");
    root = builder.take_root();
    if (parser.HandleNextDocument(builder)) {
      builder.mistakes().push_back({file_name, 0, "several YAML documents", "one"});
    }
  } catch (const YAML::Exception& error) {
    throw ConfigError({{file_name, line_of(error.mark), "text that is not YAML (" + error.msg + ")", "YAML"}});
  }
  if (root.kind == YamlNode::Kind::kNothing) refuse_file(file_name, "an empty file", "a map of keys");
  if (!builder.mistakes().empty()) throw ConfigError(std::move(builder.mistakes()));
  return root;
}

std::string read_text(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) refuse_file(file.string(), "no such file", "a file to read");
  if (std::filesystem::is_directory(status)) refuse_file(file.string(), "a directory", "a file to read");
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open() || stream.bad()) {
    refuse_file(file.string(), std::string("an error reading it (") + std::strerror(errno) + ")", "a file to read");
  }
  return text;
}

}  // namespace hypernat::config
