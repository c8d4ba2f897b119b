#include "dataplane/flow/home.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace hypernat::dataplane {
namespace {

// The 32 key bits that a set bit of the input selects: those from its own position on.
std::uint32_t key_window(const ToeplitzKey& key, std::size_t bit) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < 5; ++i) bytes = bytes << 8 | key[bit / 8 + i];
  return static_cast<std::uint32_t>(bytes >> (8 - bit % 8));
}

std::uint32_t byte_contribution(const ToeplitzKey& key, std::size_t position, std::uint32_t value) {
  std::uint32_t sum = 0;
  for (std::size_t bit = 0; bit < 8; ++bit)
    if ((value & 0x80U >> bit) != 0) sum ^= key_window(key, position * 8 + bit);
  return sum;
}

}  // namespace

Home::Home(const Options& options) : workers_(options.workers), key_(options.key) {
  if (!std::has_single_bit(options.buckets) || options.buckets > kMaxBuckets)
    throw std::invalid_argument("home buckets: " + std::to_string(options.buckets) +
                                "; expected a power of two, at most " + std::to_string(kMaxBuckets));
  if (options.workers == 0 || options.workers > kMaxWorkers || options.workers > options.buckets)
    throw std::invalid_argument("workers: " + std::to_string(options.workers) + "; expected 1 to " +
                                std::to_string(std::min<std::uint32_t>(kMaxWorkers, options.buckets)));
  bucket_mask_ = options.buckets - 1;

  for (std::size_t position = 0; position < kTupleBytes; ++position)
    for (std::uint32_t value = 0; value < 256; ++value)
      table_[position][value] = byte_contribution(key_, position, value);

  port_buckets_of_worker_.resize(workers_);
  for (std::uint32_t bucket = 0; bucket < options.buckets; ++bucket) {
    const auto worker = static_cast<std::uint16_t>(bucket % workers_);
    worker_of_bucket_.push_back(worker);
    port_buckets_of_worker_[worker].push_back(static_cast<std::uint16_t>(bucket));
  }

  std::vector<std::uint16_t> reply(PortSpace::kPorts);
  std::vector<std::uint16_t> echo(PortSpace::kPorts);
  for (std::uint32_t number = 0; number < PortSpace::kPorts; ++number) {
    const L4Port both = L4Port::from_host(static_cast<std::uint16_t>(number));
    reply[number] = static_cast<std::uint16_t>(port(10, both) & bucket_mask_);
    echo[number] = static_cast<std::uint16_t>((port(8, both) ^ port(10, both)) & bucket_mask_);
  }
  // A single worker has every bucket, so it does not matter which of them a port leads to: one class of all ports.
  if (workers_ == 1) {
    reply_ports_ = echo_identifiers_ = PortSpace(std::vector<std::uint16_t>(PortSpace::kPorts), 1);
    port_buckets_of_worker_[0] = {0};
    return;
  }
  reply_ports_ = PortSpace(reply, options.buckets);
  echo_identifiers_ = PortSpace(echo, options.buckets);
  if (!reply_ports_.even() || !echo_identifiers_.even())
    throw std::invalid_argument("home key: ports do not reach all " + std::to_string(options.buckets) +
                                " buckets with it; expected another key, or one worker");
}

}  // namespace hypernat::dataplane
