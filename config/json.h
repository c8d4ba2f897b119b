// JSON as every file here includes it: the library's header, and the promise that its code has been made once, in
// json.cc. Without the promise each file that touches JSON makes all of it again, which is a third of its compile time.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace hypernat::config {

/// What nlohmann::json::parse reads a std::string and a string literal through.
using JsonStringInput = nlohmann::detail::iterator_input_adapter<std::string::const_iterator>;
using JsonCharacterInput = nlohmann::detail::iterator_input_adapter<const char*>;

}  // namespace hypernat::config

extern template class nlohmann::basic_json<>;
extern template class nlohmann::detail::serializer<nlohmann::json>;
extern template class nlohmann::detail::lexer<nlohmann::json, hypernat::config::JsonStringInput>;
extern template class nlohmann::detail::parser<nlohmann::json, hypernat::config::JsonStringInput>;
extern template class nlohmann::detail::lexer<nlohmann::json, hypernat::config::JsonCharacterInput>;
extern template class nlohmann::detail::parser<nlohmann::json, hypernat::config::JsonCharacterInput>;
