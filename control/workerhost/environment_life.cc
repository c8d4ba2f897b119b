#include "control/workerhost/environment_life.h"

#include <cstring>

namespace hypernat::workerhost {
namespace {

std::uint64_t leading_number(const char* text) {
  std::uint64_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + static_cast<std::uint64_t>(*text - '0');
  return number;
}

}  // namespace

EnvironmentLife life_from_stat(const char* text) {
  // proc(5): field 2 is the name in parentheses, which may hold anything; the start time is field 22.
  constexpr int kFieldsAfterName = 20;
  const char* at = std::strrchr(text, ')');
  for (int field = 0; at != nullptr && field < kFieldsAfterName; ++field) at = std::strchr(at + 1, ' ');
  if (at == nullptr) return {};
  return {.pid = static_cast<std::int64_t>(leading_number(text)), .start_ticks = leading_number(at + 1)};
}

}  // namespace hypernat::workerhost
