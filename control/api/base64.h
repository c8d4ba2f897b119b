// Base64, SHA-256 in it, and random ids: what AWS's wire format wants beside JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hypernat::control {

std::string base64(std::string_view bytes);
/// Nothing when it is not base64 with its padding.
std::optional<std::string> from_base64(std::string_view text);
/// Base64 of the SHA-256, as in CodeSha256.
std::string sha256_base64(std::string_view bytes);
/// A random UUID (RFC 9562, version 4).
std::string random_uuid();

}  // namespace hypernat::control
