#include "control/workerhost/precedence.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

namespace hypernat::workerhost {
namespace precedence_test {

struct Standing {
  int policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  int nice = ::getpriority(PRIO_PROCESS, 0);
  bool operator==(const Standing&) const = default;
};

Standing of_a_new_thread() {
  Standing standing;
  std::thread([&] { standing = Standing(); }).join();
  return standing;
}

TEST(Precedence, IsTheThreadsOwnAndEndsWithIt) {
  std::thread([] {
    {
      const Precedence precedence;
      const Standing mine;
      EXPECT_EQ(mine.policy == SCHED_RR, precedence.kind() == Precedence::Kind::kRealTime);
      EXPECT_EQ(mine.nice == -20, precedence.kind() == Precedence::Kind::kNice);
      EXPECT_EQ(of_a_new_thread().policy, SCHED_OTHER);
      EXPECT_GE(of_a_new_thread().nice, 0);
    }
    EXPECT_EQ(Standing().policy, SCHED_OTHER);
    EXPECT_GE(Standing().nice, 0);
  }).join();
}

}  // namespace precedence_test
}  // namespace hypernat::workerhost
