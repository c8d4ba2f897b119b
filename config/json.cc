#include "config/json.h"

template class nlohmann::basic_json<>;
template class nlohmann::detail::serializer<nlohmann::json>;
template class nlohmann::detail::lexer<nlohmann::json, hypernat::config::JsonStringInput>;
template class nlohmann::detail::parser<nlohmann::json, hypernat::config::JsonStringInput>;
template class nlohmann::detail::lexer<nlohmann::json, hypernat::config::JsonCharacterInput>;
template class nlohmann::detail::parser<nlohmann::json, hypernat::config::JsonCharacterInput>;
