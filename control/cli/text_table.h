// Aligned columns for people: a heading, then rows; no borders, so that the output can be cut and sorted.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace hypernat::cli {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> headings);

  /// Adds a row; a row shorter than the headings is filled with empty cells.
  void add(std::vector<std::string> cells);
  std::size_t size() const { return rows_.size(); }

  /// Every line ends with a newline; columns of numbers stand to the right.
  std::string to_string() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

/// What a person wants to see of a JSON value: text bare, lists joined by commas, nothing for null.
std::string plain_text(const nlohmann::json& value);
/// The member of an object as plain text; empty when it has none.
std::string member_text(const nlohmann::json& object, const std::string& name);

}  // namespace hypernat::cli
