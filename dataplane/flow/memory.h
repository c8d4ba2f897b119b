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

template <class T>
class FixedArray {
 public:
  static_assert(std::is_trivially_destructible_v<T>);

  /// Value-initialised elements. False when the memory can not be had. Once only.
  bool allocate(std::size_t count) {
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    std::size_t bytes = count * sizeof(T);
    const std::size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, bytes);
    if (memory == nullptr) return false;
    if (alignment == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);  // advice: small pages work too
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
  static constexpr std::size_t kCacheLine = 64;
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
    if (bytes >= kLarge) madvise(memory, bytes, MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) { ::operator delete(memory, alignment_of(count * sizeof(T))); }
  bool operator==(const RandomAccessAllocator&) const = default;

 private:
  static constexpr std::size_t kLarge = std::size_t{1} << 20;
  static std::align_val_t alignment_of(std::size_t bytes) {
    return std::align_val_t{bytes >= kLarge ? 2 * kLarge : 64};
  }
};
template <class T>
using RandomAccessVector = std::vector<T, RandomAccessAllocator<T>>;

}  // namespace hypernat::dataplane
