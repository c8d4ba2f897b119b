// Arrays that are allocated once, at start, and never grow.
//
// Large ones lie on 2 MiB boundaries and ask for huge pages, so that random access to millions of flows does not miss
// the TLB as well. `allocate` touches every element: the memory lies where the policy of its thread says
// (memory_node.h).
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace hypernat::dataplane {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Where memory begins that is accessed at random: at a huge page when it fills one, else at a cache line.
constexpr std::size_t alignment_for_random_access(std::size_t bytes) {
  return bytes >= kHugePage ? kHugePage : 64;
}
/// Asks for huge pages when `bytes` fill one: advice, as small pages work too.
inline void prefer_huge_pages(void* memory, std::size_t bytes) {
  if (bytes >= kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
}

template <class T>
class FixedArray {
 public:
  static_assert(std::is_trivially_destructible_v<T>);

  /// Value-initialised elements. False when the memory can not be had. Once only.
  bool allocate(std::size_t count) {
    std::size_t bytes = count * sizeof(T);
    const std::size_t alignment = alignment_for_random_access(bytes);
    bytes = (bytes + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, bytes);
    if (memory == nullptr) return false;
    prefer_huge_pages(memory, bytes);
    elements_.reset(static_cast<T*>(memory));
    for (std::size_t i = 0; i < count; ++i) new (memory_at(i)) T();
    size_ = count;
    return true;
  }

  T& operator[](std::size_t index) { return elements_.get()[index]; }
  const T& operator[](std::size_t index) const { return elements_.get()[index]; }
  T* data() { return elements_.get(); }
  const T* data() const { return elements_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  void* memory_at(std::size_t index) { return elements_.get() + index; }

  std::unique_ptr<T[], Free> elements_;
  std::size_t size_ = 0;
};

/// For vectors that grow before packets look into them at random places: large ones lie like large FixedArrays.
template <class T>
class RandomAccessAllocator {
 public:
  using value_type = T;
  RandomAccessAllocator() = default;
  template <class Other>
  explicit RandomAccessAllocator(const RandomAccessAllocator<Other>&) {}

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    void* const memory = ::operator new(bytes, alignment_of(bytes));
    prefer_huge_pages(memory, bytes);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) { ::operator delete(memory, alignment_of(count * sizeof(T))); }
  bool operator==(const RandomAccessAllocator&) const = default;

 private:
  static std::align_val_t alignment_of(std::size_t bytes) {
    return std::align_val_t{alignment_for_random_access(bytes)};
  }
};
template <class T>
using RandomAccessVector = std::vector<T, RandomAccessAllocator<T>>;

}  // namespace hypernat::dataplane
