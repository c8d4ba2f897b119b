// Where a worker's time goes: the TSC cycles that each stage of the journey took, for whoever measures.
//
// Written by the worker, read when it stands still. Most workers have none, and read no clock between stages.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace hypernat::dataplane {

enum class Stage : std::uint8_t { kDescribe, kParse, kAdmit, kGather, kGoHome, kTranslate, kLeave };

inline constexpr std::array<std::string_view, 7> kStageNames{"describe", "parse",     "admit", "gather",
                                                             "go home",  "translate", "leave"};

struct StageCycles {
  std::array<std::uint64_t, kStageNames.size()> cycles{};  ///< by Stage
  std::uint64_t packets = 0;                               ///< that went the journey
};

}  // namespace hypernat::dataplane
