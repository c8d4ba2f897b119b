// Identifications: no two alike in a round, whoever gives them, and none that can be told from those before.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "dataplane/fragments/identifications.h"

namespace hypernat::dataplane {
namespace {

TEST(Identifications, OfAllWorkersTogetherComeOnceInARound) {
  for (const std::uint16_t workers : {std::uint16_t{3}, std::uint16_t{16}}) {
    std::vector<bool> seen(65536);
    const std::uint32_t share = 65536U / workers;
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      Identifications identifications({.secret = {1, 2}, .worker = worker, .workers = workers});
      for (std::uint32_t n = 0; n < share; ++n) {
        const std::uint16_t one = identifications.next(
            {.attachment = 1, .segment_id = 5001, .remote = Ipv4Address::of(10, 0, 1, 53), .protocol = Protocol::kUdp});
        ASSERT_FALSE(seen[one]) << "worker " << worker << " of " << workers << ", number " << n;
        seen[one] = true;
      }
    }
  }
}

TEST(Identifications, DoNotFollowOneAnother) {
  Identifications identifications({.secret = {1, 2}, .worker = 0, .workers = 1});
  const IdentificationScope scope{
      .attachment = 1, .segment_id = 5001, .remote = Ipv4Address::of(10, 0, 1, 53), .protocol = Protocol::kUdp};
  std::map<std::uint16_t, int> steps;
  std::uint16_t before = identifications.next(scope);
  for (int n = 0; n < 4096; ++n) {
    const std::uint16_t next = identifications.next(scope);
    ++steps[static_cast<std::uint16_t>(next - before)];
    before = next;
  }
  for (const auto& [step, times] : steps) EXPECT_LT(times, 16) << "a step of " << step;
}

}  // namespace
}  // namespace hypernat::dataplane
