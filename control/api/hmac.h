// HMAC-SHA-256, of OpenSSL: what signatures are made with.
#pragma once

#include <string>
#include <string_view>

namespace hypernat::control {

/// 32 bytes. Throws std::bad_alloc when the library cannot set it up.
std::string hmac(std::string_view key, std::string_view text);

/// In lower-case hexadecimal.
std::string hex(std::string_view bytes);

/// Takes as long whatever it finds.
bool same_signature(std::string_view a, std::string_view b);

}  // namespace hypernat::control
