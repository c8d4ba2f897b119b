#include "dataplane/flow/memory_node.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cstddef>

namespace hypernat::dataplane {
namespace {

constexpr std::size_t kWordBits = 8 * sizeof(unsigned long);
// The kernel takes the number of bits for one more than it reads.
constexpr unsigned long kBits = std::tuple_size_v<NodeMask> * kWordBits + 1;

int nodes_of(const NodeMask& mask) {
  int nodes = 0;
  for (const unsigned long word : mask) nodes += std::popcount(word);
  return nodes;
}

long get_policy(int& mode, NodeMask& nodes, unsigned long flags) {
  return syscall(SYS_get_mempolicy, &mode, nodes.data(), kBits, nullptr, flags);
}

}  // namespace

NodeMask allowed_nodes() {
  NodeMask allowed{};
  if (syscall(SYS_get_mempolicy, nullptr, allowed.data(), kBits, nullptr, MPOL_F_MEMS_ALLOWED) != 0) return {};
  return allowed;
}

MemoryNode::MemoryNode(int node, const NodeMask& allowed) {
  if (node < 0 || nodes_of(allowed) < 2) return;
  const auto number = static_cast<std::size_t>(node);
  if (number >= kBits - 1 || (allowed[number / kWordBits] >> number % kWordBits & 1) == 0) return;
  NodeMask wanted{};
  wanted[number / kWordBits] = 1UL << number % kWordBits;
  in_force_ = get_policy(mode_before_, nodes_before_, 0) == 0 &&
              syscall(SYS_set_mempolicy, MPOL_PREFERRED, wanted.data(), kBits) == 0;
}

MemoryNode::~MemoryNode() {
  if (in_force_) syscall(SYS_set_mempolicy, mode_before_, nodes_before_.data(), kBits);
}

}  // namespace hypernat::dataplane
