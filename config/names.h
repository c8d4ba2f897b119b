// Which texts may name a thing: one rule for every id and name, so that each is safe as a file name, in a URL, in a log
// line and in a JSON document without any quoting.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hypernat::config {

inline constexpr std::size_t kMaxNameLength = 128;
/// What `is_name` accepts, for messages.
inline constexpr std::string_view kNameRule = "1 to 128 characters of A-Z a-z 0-9 . _ - with a letter or digit first";

/// Nodes, worker hosts, attachments, subnets, interfaces, ….
bool is_name(std::string_view text);

/// An AWS account id: 12 decimal digits, kept as text because leading zeros count.
bool is_account(std::string_view text);

/// The text between quotation marks, for messages: shortened when long, and without what a terminal would obey.
std::string quote(std::string_view text);

}  // namespace hypernat::config
