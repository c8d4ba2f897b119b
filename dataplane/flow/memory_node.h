// Where memory lies on a machine with several NUMA nodes: while a MemoryNode lives, what its thread touches for the
// first time lies on that node, if there is room.
//
// Everything that a worker reads is allocated, and touched, by the thread that starts the data plane, which may be at
// home elsewhere; each random access to millions of flows would then cross to the other socket. By the plain system
// call, since nothing else of libnuma is needed.
#pragma once

#include <array>

namespace hypernat::dataplane {

/// A bit for each node, as the kernel reads them.
using NodeMask = std::array<unsigned long, 16>;

/// The nodes that this process may have memory on; none when the kernel does not say.
NodeMask allowed_nodes();

class MemoryNode {
 public:
  /// `node` -1, one that is not allowed, or the only one: nothing is done. A kernel or container that refuses is no
  /// error, as memory anywhere works, only slower.
  explicit MemoryNode(int node) : MemoryNode(node, allowed_nodes()) {}
  MemoryNode(int node, const NodeMask& allowed);
  /// The thread has its policy of before.
  ~MemoryNode();
  MemoryNode(const MemoryNode&) = delete;
  MemoryNode& operator=(const MemoryNode&) = delete;

  bool in_force() const { return in_force_; }

 private:
  int mode_before_ = 0;
  NodeMask nodes_before_{};
  bool in_force_ = false;
};

}  // namespace hypernat::dataplane
