#include "control/cli/text_table.h"

#include <algorithm>
#include <utility>

#include "config/json.h"

namespace hypernat::cli {
namespace {

/// Columns, not bytes: continuation bytes of UTF-8 take no place.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// Also a decimal fraction, and what stands in a number's place; an address has more than one point.
bool is_number(const std::string& text) {
  if (text == "?" || text == "-") return true;
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos &&
         std::count(text.begin(), text.end(), '.') <= 1;
}

}  // namespace

TextTable::TextTable(std::vector<std::string> headings) : headings_(std::move(headings)) {}

void TextTable::add(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_string() const {
  const std::size_t columns = headings_.size();
  std::vector<std::size_t> widths(columns);
  std::vector<char> right(columns, rows_.empty() ? 0 : 1);
  for (std::size_t column = 0; column < columns; ++column) {
    widths[column] = width_of(headings_[column]);
    for (const auto& row : rows_) {
      widths[column] = std::max(widths[column], width_of(row[column]));
      if (!is_number(row[column])) right[column] = 0;
    }
  }

  std::string text;
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t column = 0; column < columns; ++column) {
      const std::string padding(widths[column] - width_of(row[column]), ' ');
      if (column > 0) line += "  ";
      line += right[column] != 0 ? padding + row[column] : row[column] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  print(headings_);
  for (const auto& row : rows_) print(row);
  return text;
}

std::string plain_text(const nlohmann::json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto& element : value) {
    if (!text.empty()) text += ", ";
    text += plain_text(element);
  }
  return text;
}

std::string member_text(const nlohmann::json& object, const std::string& name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found == object.end() ? "" : plain_text(*found);
}

}  // namespace hypernat::cli
