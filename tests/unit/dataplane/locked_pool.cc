#include "tests/unit/dataplane/locked_pool.h"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

namespace hypernat::dataplane {
namespace {

struct Stack {
  std::mutex mutex;
  std::vector<void*> objects;
};

Stack& stack_of(const rte_mempool* pool) {
  return *static_cast<Stack*>(pool->pool_data);
}

int make(rte_mempool* pool) {
  pool->pool_data = new Stack;
  return 0;
}

void destroy(rte_mempool* pool) {
  delete static_cast<Stack*>(pool->pool_data);
}

int put(rte_mempool* pool, void* const* objects, unsigned count) {
  Stack& stack = stack_of(pool);
  const std::lock_guard lock(stack.mutex);
  stack.objects.insert(stack.objects.end(), objects, objects + count);
  return 0;
}

int take(rte_mempool* pool, void** objects, unsigned count) {
  Stack& stack = stack_of(pool);
  const std::lock_guard lock(stack.mutex);
  if (stack.objects.size() < count) return -ENOBUFS;
  std::memcpy(objects, &stack.objects[stack.objects.size() - count], count * sizeof(void*));
  stack.objects.resize(stack.objects.size() - count);
  return 0;
}

unsigned count_of(const rte_mempool* pool) {
  Stack& stack = stack_of(pool);
  const std::lock_guard lock(stack.mutex);
  return static_cast<unsigned>(stack.objects.size());
}

constexpr const char* kName = "locked";

void register_once() {
  static const bool done = [] {
    rte_mempool_ops ops{};
    std::strncpy(ops.name, kName, sizeof ops.name - 1);
    ops.alloc = make;
    ops.free = destroy;
    ops.enqueue = put;
    ops.dequeue = take;
    ops.get_count = count_of;
    return rte_mempool_register_ops(&ops) >= 0;
  }();
  (void)done;
}

}  // namespace

rte_mempool* make_locked_pool(const char* name, std::uint32_t buffers, std::uint16_t room) {
  register_once();
  return rte_pktmbuf_pool_create_by_ops(name, buffers, 0, 0, static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + room),
                                        SOCKET_ID_ANY, kName);
}

}  // namespace hypernat::dataplane
