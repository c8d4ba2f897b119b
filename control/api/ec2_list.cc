// Lists as every Describe… gives them: by id, or by filters, a page at a time.
#include <algorithm>
#include <memory>

#include "config/names.h"
#include "control/api/base64.h"
#include "control/api/ec2_call.h"

namespace hypernat::control {
namespace {

constexpr std::int64_t kMostResults = 1000;
constexpr std::int64_t kFewestResults = 5;
constexpr std::size_t kMostFilters = 50;
constexpr std::size_t kMostFilterValues = 200;
constexpr std::string_view kTokenMark = "after:";

// "*" stands for any text, "?" for one character, a backslash takes the next character as it is. Time is bounded by the
// product of both lengths: only the last star is ever gone back to.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t in_text = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (in_text < text.size()) {
    const bool is_escape = at + 1 < pattern.size() && pattern[at] == '\\';
    const char wanted = at < pattern.size() ? pattern[is_escape ? at + 1 : at] : '\0';
    if (at < pattern.size() && !is_escape && wanted == '*') {
      star = at++;
      star_text = in_text;
    } else if (at < pattern.size() && ((!is_escape && wanted == '?') || wanted == text[in_text])) {
      at += is_escape ? 2 : 1;
      ++in_text;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_text = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

struct Filter {
  std::string name;
  std::vector<std::string> values;
};

std::vector<Filter> read_filters(Ec2Call& call, const Ec2List& list) {
  std::vector<Filter> filters;
  for (const auto& each : call.parameters.structures("Filter")) {
    Filter filter{.name = call.parameters.text(each + ".Name"), .values = call.parameters.list(each + ".Value")};
    const bool is_known = list.filters.contains(filter.name) || filter.name.starts_with("tag:") ||
                          filter.name == "tag-key" || filter.name == "tag-value";
    if (!is_known) throw invalid_value("The filter '" + filter.name + "' is invalid");
    if (filter.values.empty()) throw invalid_value("The filter '" + filter.name + "' has no value");
    if (filter.values.size() > kMostFilterValues)
      throw Ec2Error("FilterLimitExceeded",
                     "The filter '" + filter.name + "' has more than " + std::to_string(kMostFilterValues) + " values");
    filters.push_back(std::move(filter));
  }
  if (filters.size() > kMostFilters)
    throw Ec2Error("FilterLimitExceeded", "The request has more than " + std::to_string(kMostFilters) + " filters");
  return filters;
}

bool passes(const Ec2Item& item, const Filter& filter) {
  const auto [begin, end] = item.values.equal_range(filter.name);
  return std::any_of(begin, end, [&](const auto& entry) {
    return std::any_of(filter.values.begin(), filter.values.end(),
                       [&](const auto& value) { return matches(value, entry.second); });
  });
}

// The id that the page before ended with; empty for the first page.
std::string read_token(QueryParameters& parameters) {
  const auto token = parameters.text("NextToken", "");
  if (token.empty()) return {};
  const auto text = from_base64(token);
  if (!text || !text->starts_with(kTokenMark) || !config::is_name(text->substr(kTokenMark.size())))
    throw Ec2Error("InvalidPaginationToken", "The specified pagination token is not valid or is expired.");
  return text->substr(kTokenMark.size());
}

void keep_named(const Ec2List& list, const std::vector<std::string>& ids, std::vector<Ec2Item>& items) {
  for (const auto& id : ids)
    if (std::none_of(items.begin(), items.end(), [&](const auto& item) { return item.id == id; }))
      throw Ec2Error(list.not_found, std::string("The ") + list.what + " '" + id + "' does not exist");
  std::erase_if(items, [&](const auto& item) { return std::find(ids.begin(), ids.end(), item.id) == ids.end(); });
}

}  // namespace

void write_list(Ec2Call& call, const Ec2List& list, std::vector<Ec2Item> items) {
  const auto filters = read_filters(call, list);
  const auto ids = call.parameters.list(list.ids);
  const auto most = call.parameters.number_if_any("MaxResults", kFewestResults, kMostResults);
  const auto after = read_token(call.parameters);
  if (!ids.empty() && most)
    throw Ec2Error("InvalidParameterCombination",
                   std::string("The parameter ") + list.ids + " cannot be used with the parameter maxResults");
  if (!ids.empty()) keep_named(list, ids, items);
  std::erase_if(items, [&](const auto& item) {
    return item.id <= after ||
           !std::all_of(filters.begin(), filters.end(), [&](const auto& filter) { return passes(item, filter); });
  });
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto page = std::min(items.size(), static_cast<std::size_t>(most.value_or(kMostResults)));
  const bool is_more = page < items.size();
  items.resize(page);
  call.xml.items(list.element, items, [](const auto& item) { item.write(); });
  if (is_more) call.xml.text("nextToken", base64(std::string(kTokenMark) + items.back().id));
}

}  // namespace hypernat::control
