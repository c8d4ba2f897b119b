#include "config/sha256.h"

#include <openssl/evp.h>

#include <new>
#include <string>

#include "config/table.h"

namespace hypernat::config {

Sha256 sha256(std::span<const std::byte> bytes) {
  Sha256 digest;
  // With a built-in algorithm and no engine, allocation is all that can fail.
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
                 nullptr) != 1) {
    throw std::bad_alloc();
  }
  return digest;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : sha256(bytes)) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 0xf];
  }
  return text;
}

}  // namespace hypernat::config
