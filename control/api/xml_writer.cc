#include "control/api/xml_writer.h"

namespace hypernat::control {
namespace {

// The length of the character at the start of `text`; 0: none that XML has (XML 1.0, 2.2; UTF-8 as in RFC 3629).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 ? first != 0x7f : first == '\t' || first == '\n' || first == '\r';
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  std::uint32_t code = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_character = code >= kLeast[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) &&
                            code != 0xfffe && code != 0xffff;
  return is_character ? length : 0;
}

void append_escaped(std::string& to, std::string_view text) {
  while (!text.empty()) {
    const auto length = character_length(text);
    switch (length == 0 ? '\0' : text.front()) {
      case '\0':
        to += '?';
        break;
      case '&':
        to += "&amp;";
        break;
      case '<':
        to += "&lt;";
        break;
      case '>':
        to += "&gt;";
        break;
      case '\r':
        to += "&#13;";
        break;
      default:
        to += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

}  // namespace

bool is_xml_text(std::string_view text) {
  while (!text.empty()) {
    const auto length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void XmlWriter::text(std::string_view name, std::string_view value) {
  body_.append("<").append(name).append(">");
  append_escaped(body_, value);
  body_.append("</").append(name).append(">");
}

void XmlWriter::element(std::string_view name, const std::function<void()>& write) {
  body_.append("<").append(name).append(">");
  write();
  body_.append("</").append(name).append(">");
}

std::string XmlWriter::document(std::string_view root, std::string_view xml_namespace) const {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<";
  text.append(root);
  if (!xml_namespace.empty()) text.append(" xmlns=\"").append(xml_namespace).append("\"");
  text.append(">").append(body_).append("</").append(root).append(">");
  return text;
}

}  // namespace hypernat::control
