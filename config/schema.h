// What may stand in a configuration file: one descriptor for each key.
//
// A Schema<T> says which keys a YAML map has and where in a T each value goes. Loading, every message about a file's
// shape, the reference (reference_markdown) and what differs between two files derive from it, so none of them can
// disagree with another. A key's default is whatever a T has by itself.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/loader.h"
#include "config/names.h"
#include "config/scalars.h"
#include "config/yaml_tree.h"

namespace hypernat::config {

/// A key and the one line that says what it is for, both literals.
struct Key {
  const char* name;
  const char* doc;
};

/// A line of the reference.
struct KeyReference {
  std::string key;  ///< from the map that the schema describes: "workers.idle", "ports[].name"
  std::string type;
  std::string unit;
  std::string fallback;  ///< the default as it would be written; "required" when there is none
  std::string range;
  std::string doc;
};

/// A key that has another value in one object than in another.
struct Difference {
  std::string key;     ///< "limits.flows", "ports[0].mtu"
  std::string before;  ///< as it would be written
  std::string after;
};

/// How many items a list may have.
struct Count {
  std::size_t least = 0;
  std::size_t most = 1'000'000;
};

template <class T>
class Schema {
 public:
  /// `access` leads from a T& to the value: a pointer to member, or a function that returns a reference.
  template <class Access, class V>
  Schema& required(Key key, Access access, Scalar<V> scalar) {
    const KeyReference reference = describe_scalar(key, scalar, "required");
    add(key, Need::kRequired, scalar.expected, load_scalar(access, scalar), {reference},
        compare_scalar(access, scalar));
    return *this;
  }

  template <class Access, class V>
  Schema& optional(Key key, Access access, Scalar<V> scalar) {
    T defaults{};
    const KeyReference reference = describe_scalar(key, scalar, scalar.print(std::invoke(access, defaults)));
    add(key, Need::kOptional, scalar.expected, load_scalar(access, scalar), {reference},
        compare_scalar(access, scalar));
    return *this;
  }

  /// For a std::optional member; `absent` says in words what its absence means.
  template <class Access, class V>
  Schema& optional(Key key, Access access, Scalar<V> scalar, std::string absent) {
    const KeyReference reference = describe_scalar(key, scalar, std::move(absent));
    add(key, Need::kOptional, scalar.expected, load_scalar(access, scalar), {reference},
        compare_scalar(access, scalar));
    return *this;
  }

  /// A list of plain values.
  template <class Access, class V>
  Schema& list(Key key, Access access, Scalar<V> scalar, Count count, const std::string& absent = "none") {
    const std::string expected = "a list of " + count_text(count) + ", each " + scalar.expected;
    KeyReference reference = describe_scalar(key, scalar, count.least > 0 ? "required" : absent);
    reference.type = "list of " + reference.type;
    const std::string items = count_range(count).empty() ? "" : count_range(count) + " items";
    reference.range = items + (items.empty() || reference.range.empty() ? "" : ", each ") + reference.range;
    auto load = [=](const YamlNode& node, T& object, Loader& loader, const Path& path) {
      auto& values = std::invoke(access, object);
      values.clear();
      each_item(node, loader, path, count, expected, [&](const YamlNode& item, const Path& at) {
        if (auto value = read_scalar(item, scalar, loader, at)) values.push_back(std::move(*value));
      });
    };
    const auto compare_item = [=](V& before, V& after, const Path& at, std::vector<Difference>& found) {
      compare_values(before, after, scalar, at, found);
    };
    add(key, need_of(count), expected, load, {reference}, compare_list(access, compare_item));
    return *this;
  }

  /// A list of maps.
  template <class Access, class V>
  Schema& list(Key key, Access access, Schema<V> item_schema, Count count) {
    const auto as_it_is = [](const V& value, Loader&, const Path&) { return value; };
    const auto compare_item = [item_schema](V& before, V& after, const Path& at, std::vector<Difference>& found) {
      item_schema.compare(before, after, at, found);
    };
    return add_list(key, access, item_schema, count, as_it_is, compare_list(access, compare_item));
  }

  /// A list of maps whose shape differs from what the model keeps of them; `convert(V, Loader&, Path)` may refuse.
  template <class Access, class V, class Convert>
  Schema& list(Key key, Access access, Schema<V> item_schema, Count count, Convert convert) {
    const auto compare_item = [](const auto& before, const auto& after, const Path& at,
                                 std::vector<Difference>& found) {
      if (!(before == after)) found.push_back({at.text(), "one map", "another"});
    };
    return add_list(key, access, std::move(item_schema), count, convert, compare_list(access, compare_item));
  }

  /// A map within the map. It may be left out when every key in it may.
  template <class Access, class V>
  Schema& group(Key key, Access access, Schema<V> schema) {
    const Need need = schema.needs_anything() ? Need::kRequired : Need::kOptional;
    std::vector<KeyReference> references = {
        {key.name, "map", "", need == Need::kRequired ? "required" : "its keys' defaults", "", key.doc}};
    append_references(references, key.name, schema.references());
    auto load = [=](const YamlNode& node, T& object, Loader& loader, const Path& path) {
      schema.load(node, std::invoke(access, object), loader, path);
    };
    auto compare = [=](T& before, T& after, const Path& at, std::vector<Difference>& found) {
      schema.compare(std::invoke(access, before), std::invoke(access, after), at, found);
    };
    const std::string expected = schema.expected();
    add(key, need, expected, load, std::move(references), compare);
    return *this;
  }

  void load(const YamlNode& node, T& object, Loader& loader, const Path& path = {}) const {
    if (path.is_root()) loader.locate(path, node.line);
    if (node.kind != YamlNode::Kind::kMap) {
      loader.refuse(path, describe(node) + for_key(path), expected());
      return;
    }
    for (const YamlNode::Entry& entry : node.entries) load_entry(entry, object, loader, path);
    for (const Field& field : fields_) {
      if (field.need == Need::kRequired && !loader.has(path / field.key.name)) {
        loader.refuse(path, "no " + quote(field.key.name) + for_key(path), field.expected);
      }
    }
  }

  /// Appends what differs. Not const, as an access may be a function of a T&; nothing is changed.
  void compare(T& before, T& after, const Path& path, std::vector<Difference>& found) const {
    for (const Field& field : fields_) field.compare(before, after, path / field.key.name, found);
  }

  /// "a map with the keys a, b, c", for messages.
  std::string expected() const { return "a map with the keys " + key_names(); }
  std::vector<KeyReference> references() const {
    std::vector<KeyReference> all;
    for (const Field& field : fields_) all.insert(all.end(), field.references.begin(), field.references.end());
    return all;
  }
  /// Whether any key is required.
  bool needs_anything() const {
    for (const Field& field : fields_) {
      if (field.need == Need::kRequired) return true;
    }
    return false;
  }
  bool has_key(std::string_view name) const { return find(name) != nullptr; }

 private:
  enum class Need { kRequired, kOptional };
  using LoadField = std::function<void(const YamlNode&, T&, Loader&, const Path&)>;
  using CompareField = std::function<void(T&, T&, const Path&, std::vector<Difference>&)>;

  struct Field {
    Key key;
    Need need;
    std::string expected;
    LoadField load;
    std::vector<KeyReference> references;
    CompareField compare;
  };

  void add(Key key, Need need, std::string expected, LoadField load, std::vector<KeyReference> references,
           CompareField compare) {
    fields_.push_back({key, need, std::move(expected), std::move(load), std::move(references), std::move(compare)});
  }

  template <class Access, class V, class Convert>
  Schema& add_list(Key key, Access access, Schema<V> item_schema, Count count, Convert convert, CompareField compare) {
    const std::string expected = "a list of " + count_text(count) + ", each " + item_schema.expected();
    std::vector<KeyReference> references = {
        {key.name, "list of maps", "", count.least > 0 ? "required" : "none", count_range(count), key.doc}};
    append_references(references, std::string(key.name) + "[]", item_schema.references());
    auto load = [=](const YamlNode& node, T& object, Loader& loader, const Path& path) {
      auto& values = std::invoke(access, object);
      values.clear();
      each_item(node, loader, path, count, expected, [&](const YamlNode& item, const Path& at) {
        V value{};
        item_schema.load(item, value, loader, at);
        values.push_back(convert(value, loader, at));
      });
    };
    add(key, need_of(count), expected, load, std::move(references), std::move(compare));
    return *this;
  }

  const Field* find(std::string_view name) const {
    for (const Field& field : fields_) {
      if (field.key.name == name) return &field;
    }
    return nullptr;
  }

  void load_entry(const YamlNode::Entry& entry, T& object, Loader& loader, const Path& path) const {
    const Field* field = find(entry.key);
    const Path at = path / entry.key;
    if (field == nullptr) {
      loader.refuse_line(entry.line, "the unknown key " + quote(entry.key) + for_key(path), "one of " + key_names());
    } else if (loader.has(at)) {
      loader.refuse_line(entry.line, "the key " + quote(entry.key) + " again",
                         "it once, as on line " + std::to_string(loader.line_of(at)));
    } else {
      loader.locate(at, entry.line);
      field->load(entry.value, object, loader, at);
    }
  }

  std::string key_names() const {
    std::string names;
    for (const Field& field : fields_) names += (names.empty() ? "" : ", ") + std::string(field.key.name);
    return names;
  }

  static std::string for_key(const Path& path) { return path.is_root() ? "" : " for " + quote(path.leaf()); }

  static Need need_of(Count count) { return count.least > 0 ? Need::kRequired : Need::kOptional; }

  static std::string count_text(Count count) {
    return (count.most == Count{}.most ? std::to_string(count.least) + " or more" : count_range(count)) + " items";
  }
  static std::string count_range(Count count) {
    return count.most == Count{}.most ? "" : std::to_string(count.least) + " to " + std::to_string(count.most);
  }

  template <class V>
  static KeyReference describe_scalar(const Key& key, const Scalar<V>& scalar, std::string fallback) {
    return {key.name, scalar.type, scalar.unit, std::move(fallback), scalar.range, key.doc};
  }

  static void append_references(std::vector<KeyReference>& all, const std::string& within,
                                std::vector<KeyReference> references) {
    for (KeyReference& reference : references) {
      reference.key = within + "." + reference.key;
      all.push_back(std::move(reference));
    }
  }

  template <class V>
  static std::optional<V> read_scalar(const YamlNode& node, const Scalar<V>& scalar, Loader& loader, const Path& path) {
    std::optional<V> value;
    if (node.kind == YamlNode::Kind::kText) value = scalar.parse(node.text);
    if (!value) loader.refuse(path, describe(node) + for_key(path), scalar.expected);
    return value;
  }

  template <class Access, class V>
  static LoadField load_scalar(Access access, Scalar<V> scalar) {
    return [=](const YamlNode& node, T& object, Loader& loader, const Path& path) {
      if (auto value = read_scalar(node, scalar, loader, path)) std::invoke(access, object) = std::move(*value);
    };
  }

  // A V, or an optional one.
  template <class Value, class V>
  static std::string written(const Value& value, const Scalar<V>& scalar) {
    if constexpr (std::is_same_v<Value, std::optional<V>>) {
      return value ? scalar.print(*value) : "nothing";
    } else {
      return scalar.print(value);
    }
  }

  template <class Value, class V>
  static void compare_values(const Value& before, const Value& after, const Scalar<V>& scalar, const Path& at,
                             std::vector<Difference>& found) {
    Difference difference{at.text(), written(before, scalar), written(after, scalar)};
    if (difference.before != difference.after) found.push_back(std::move(difference));
  }

  template <class Access, class V>
  static CompareField compare_scalar(Access access, Scalar<V> scalar) {
    return [=](T& before, T& after, const Path& at, std::vector<Difference>& found) {
      compare_values(std::invoke(access, before), std::invoke(access, after), scalar, at, found);
    };
  }

  // Item by item when both have as many.
  template <class Access, class CompareItem>
  static CompareField compare_list(Access access, CompareItem compare_item) {
    return [=](T& before, T& after, const Path& at, std::vector<Difference>& found) {
      auto& old = std::invoke(access, before);
      auto& young = std::invoke(access, after);
      if (old.size() != young.size()) {
        found.push_back({at.text(), std::to_string(old.size()) + " items", std::to_string(young.size()) + " items"});
        return;
      }
      for (std::size_t i = 0; i < old.size(); ++i) compare_item(old[i], young[i], at / i, found);
    };
  }

  template <class Function>
  static void each_item(const YamlNode& node, Loader& loader, const Path& path, Count count,
                        const std::string& expected, Function function) {
    if (node.kind != YamlNode::Kind::kList) {
      loader.refuse(path, describe(node) + for_key(path), expected);
      return;
    }
    if (node.items.size() < count.least || node.items.size() > count.most) {
      loader.refuse(path, std::to_string(node.items.size()) + " items" + for_key(path), expected);
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Path at = path / i;
      loader.locate(at, node.items[i].line);
      function(node.items[i], at);
    }
  }

  std::vector<Field> fields_;
};

/// Reads a document of one schema and refuses what has the wrong shape. The loader is left ready for the checks of
/// meaning, whose caller ends with `finish`.
template <class T>
T load_document(const Schema<T>& schema, std::string_view text, const std::string& file_name, Loader& loader) {
  T object{};
  schema.load(parse_yaml(text, file_name), object, loader);
  loader.finish();
  return object;
}

}  // namespace hypernat::config
