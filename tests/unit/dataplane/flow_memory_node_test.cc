// Where the first touch of a thread puts memory. The machine may have one node only: which ones there are is a
// parameter, and the kernel is asked what it was told.
#include <gtest/gtest.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/flow/memory_node.h"

namespace hypernat::dataplane {
namespace {

constexpr NodeMask kOneNode{0b1};
constexpr NodeMask kTwoNodes{0b11};

struct Policy {
  int mode = -1;
  NodeMask nodes{};
  bool operator==(const Policy&) const = default;
};

Policy policy_of_this_thread() {
  Policy policy;
  EXPECT_EQ(syscall(SYS_get_mempolicy, &policy.mode, policy.nodes.data(), 8 * sizeof(NodeMask) + 1, nullptr, 0), 0);
  return policy;
}

TEST(MemoryNode, IsPreferredWhileItLivesAndNoLonger) {
  const Policy before = policy_of_this_thread();
  {
    const MemoryNode node(0, kTwoNodes);
    if (!node.in_force()) GTEST_SKIP() << "this kernel or container sets no memory policy";
    EXPECT_EQ(policy_of_this_thread(), (Policy{MPOL_PREFERRED, {0b1}}));
  }
  EXPECT_EQ(policy_of_this_thread(), before);
}

TEST(MemoryNode, ThatNobodyNamesOrThatIsTheOnlyOneChangesNothing) {
  const Policy before = policy_of_this_thread();
  const MemoryNode none(-1, kTwoNodes);
  const MemoryNode only(0, kOneNode);
  const MemoryNode unknown(0, NodeMask{});
  EXPECT_FALSE(none.in_force() || only.in_force() || unknown.in_force());
  EXPECT_EQ(policy_of_this_thread(), before);
}

TEST(MemoryNode, ThatIsNotAllowedIsNoError) {
  const Policy before = policy_of_this_thread();
  const MemoryNode third(2, kTwoNodes);
  const MemoryNode beyond(100'000, kTwoNodes);
  EXPECT_FALSE(third.in_force() || beyond.in_force());
  EXPECT_EQ(policy_of_this_thread(), before);
}

// The second node is not there when the machine has one: the kernel refuses, and that is no error either.
TEST(MemoryNode, ThatTheKernelRefusesLeavesThePolicyAsItWas) {
  if ((allowed_nodes()[0] & 0b10) != 0) GTEST_SKIP() << "the machine has a second node";
  const Policy before = policy_of_this_thread();
  const MemoryNode second(1, kTwoNodes);
  EXPECT_FALSE(second.in_force());
  EXPECT_EQ(policy_of_this_thread(), before);
}

TEST(MemoryNode, IsOneOfThoseAllowed) {
  EXPECT_NE(allowed_nodes(), NodeMask{}) << "a process has memory somewhere";
}

}  // namespace
}  // namespace hypernat::dataplane
