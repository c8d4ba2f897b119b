// XML as EC2 answers with: elements in elements, text escaped, no attributes but the namespace.
//
// What is written is well-formed whatever the texts hold: bytes that are no XML character become "?".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hypernat::control {

class XmlWriter {
 public:
  /// <name>text</name>
  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::int64_t value) { text(name, std::to_string(value)); }
  /// "true" or "false".
  void truth(std::string_view name, bool value) { text(name, value ? "true" : "false"); }
  /// <name>…</name> around what `write` writes.
  void element(std::string_view name, const std::function<void()>& write);
  /// <name><item>…</item>…</name>, an item for each value.
  template <class Values, class Write>
  void items(std::string_view name, const Values& values, Write write) {
    element(name, [&] {
      for (const auto& value : values) element("item", [&] { write(value); });
    });
  }

  /// The whole document around what was written: `<root xmlns="xml_namespace">`; none when that is empty.
  std::string document(std::string_view root, std::string_view xml_namespace) const;

 private:
  std::string body_;
};

/// Whether bytes are UTF-8 of characters that XML 1.0 may hold.
bool is_xml_text(std::string_view text);

}  // namespace hypernat::control
