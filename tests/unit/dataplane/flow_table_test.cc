#include "dataplane/flow/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <vector>

#include "dataplane/flow/flow_hash.h"

namespace hypernat::dataplane {
namespace flow_table {

// A table with its pool. The nth flow has keys that no other has, and a number of the pool's choice.
class Table {
 public:
  explicit Table(std::uint32_t flows) {
    EXPECT_TRUE(pool_.allocate(flows));
    EXPECT_TRUE(table_.allocate({.name = "table"}));
  }

  // All flows have one signature when it is given.
  std::optional<std::uint32_t> open(std::uint32_t n, std::optional<std::uint32_t> signature = {}) {
    const std::uint32_t number = pool_.take();
    Flow& flow = pool_[number];
    flow.state = FlowState::kUdp;
    flow.protocol = n % 2 == 0 ? Protocol::kUdp : Protocol::kTcp;
    flow.inside = Ipv4Address::from_host(0x64400000 + n / 4);
    flow.inside_port = L4Port::from_host(static_cast<std::uint16_t>(n));
    flow.remote = Ipv4Address::of(10, 0, 1, 10);
    flow.remote_port = L4Port::from_host(53);
    flow.interface = Ipv4Address::of(10, 0, 1, 20);
    flow.interface_port = L4Port::from_host(static_cast<std::uint16_t>(n));
    pool_.cold(number).mapping_number = (1 + n % 3) & 0xffffff;
    pool_.cold(number).subnet_number = 1 + n / 0x10000;
    const FlowKey out = outbound(number);
    if (!table_.insert(out, signature.value_or(hash_(out)), number)) return std::nullopt;
    const FlowKey in = inbound(number);
    if (table_.insert(in, signature.value_or(hash_(in)), number)) return number;
    table_.erase(out, signature.value_or(hash_(out)), number);
    return std::nullopt;
  }
  void close(std::uint32_t number, std::optional<std::uint32_t> signature = {}) {
    for (const FlowKey& key : {outbound(number), inbound(number)})
      table_.erase(key, signature.value_or(hash_(key)), number);
    pool_.give_back(number);
  }

  FlowKey outbound(std::uint32_t number) const { return outbound_key_of(pool_[number], pool_.cold(number)); }
  FlowKey inbound(std::uint32_t number) const { return inbound_key_of(pool_[number], pool_.cold(number)); }
  std::uint32_t lookup(const FlowKey& key) const { return table_.lookup(key, hash_(key)); }
  std::uint32_t hint(const FlowKey& key) const { return table_.hint(hash_(key)); }
  const FlowTable& operator*() const { return table_; }
  std::uint32_t signature_of(const FlowKey& key) const { return hash_(key); }

 private:
  FlowPool pool_;
  FlowTable table_{pool_};
  FlowHash hash_{{1, 22, 333, 4444}};
};

TEST(FlowTable, finds_a_flow_by_both_its_keys) {
  Table table(100);
  const std::uint32_t first = table.open(1).value();
  const std::uint32_t second = table.open(2).value();
  const FlowKey out = table.outbound(first);
  const FlowKey in = table.inbound(first);
  EXPECT_EQ(table.lookup(out), first);
  EXPECT_EQ(table.lookup(in), first);
  EXPECT_EQ(table.hint(out), first);
  EXPECT_EQ(table.lookup(table.outbound(second)), second);
  FlowKey other = out;
  other.remote_and_ports ^= 1;
  EXPECT_EQ((*table).lookup(other, table.signature_of(out)), kNone) << "a signature is no key";

  table.close(first);
  EXPECT_EQ(table.lookup(out), kNone);
  EXPECT_EQ(table.lookup(in), kNone);
  EXPECT_EQ(table.hint(in), kNone);
  EXPECT_EQ(table.lookup(table.inbound(second)), second);
}

TEST(FlowTable, tells_flows_of_one_signature_apart) {
  constexpr std::uint32_t kSignature = 0xdeadbeef;
  Table table(1000);
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t n = 0; n < 20; ++n) numbers.push_back(table.open(n, kSignature).value());
  EXPECT_EQ((*table).overflow(), 33U) << "seven found a place in their set";
  std::mt19937 random(3);
  std::shuffle(numbers.begin(), numbers.end(), random);
  while (!numbers.empty()) {
    for (const std::uint32_t number : numbers) {
      ASSERT_EQ((*table).lookup(table.outbound(number), kSignature), number);
      ASSERT_EQ((*table).lookup(table.inbound(number), kSignature), number);
    }
    const std::uint32_t gone = numbers.back();
    const FlowKey key = table.inbound(gone);
    numbers.pop_back();
    table.close(gone, kSignature);
    ASSERT_EQ((*table).lookup(key, kSignature), kNone);
  }
  EXPECT_EQ((*table).overflow(), 0U);
  EXPECT_EQ((*table).hint(kSignature), kNone);
}

TEST(FlowTable, refuses_when_there_is_no_room_and_changes_nothing_then) {
  Table table(20'000);
  std::vector<std::uint32_t> numbers;
  std::uint32_t n = 0;
  for (std::optional<std::uint32_t> number = table.open(n, 7); number; number = table.open(++n, 7))
    numbers.push_back(*number);
  EXPECT_LT(numbers.size(), 10'000U);
  const std::uint32_t full = (*table).overflow();
  EXPECT_FALSE(table.open(19'999, 7));
  EXPECT_EQ((*table).overflow(), full);
  for (const std::uint32_t number : numbers) ASSERT_EQ((*table).lookup(table.outbound(number), 7), number);
}

// Hints are right but for those that found no place, and for a few that name another flow.
TEST(FlowTable, holds_every_flow_of_its_pool) {
  constexpr std::uint32_t kFlows = 100'000;
  Table table(kFlows);
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t n = 0; n < kFlows; ++n) {
    const auto number = table.open(n);
    ASSERT_TRUE(number) << n;
    numbers.push_back(*number);
  }
  std::uint32_t right = 0;
  std::uint32_t wrong = 0;
  for (const std::uint32_t number : numbers) {
    for (const FlowKey& key : {table.outbound(number), table.inbound(number)}) {
      ASSERT_EQ(table.lookup(key), number);
      right += table.hint(key) == number ? 1 : 0;
      wrong += table.hint(key) != number && table.hint(key) != kNone ? 1 : 0;
    }
  }
  EXPECT_GT(right, 2 * kFlows * 96 / 100);
  EXPECT_LT(wrong, 2 * kFlows / 1000);
  EXPECT_GT((*table).overflow(), 0U);
  EXPECT_LT((*table).overflow(), 2 * kFlows / 30);
  for (const std::uint32_t number : numbers) table.close(number);
  EXPECT_EQ((*table).overflow(), 0U);
}

TEST(FlowTable, finds_what_is_open_whatever_came_and_went) {
  constexpr std::uint32_t kFlows = 300;
  Table table(kFlows);
  std::mt19937 random(11);
  std::vector<std::uint32_t> open_numbers(4 * kFlows, kNone);  // by n
  std::vector<FlowKey> keys_of_all(8 * kFlows);
  std::uint32_t open = 0;
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    const auto n = static_cast<std::uint32_t>(random() % open_numbers.size());
    if (open_numbers[n] != kNone) {
      table.close(open_numbers[n]);
      open_numbers[n] = kNone;
      --open;
    } else if (open < kFlows) {
      const auto number = table.open(n);
      ASSERT_TRUE(number) << step;
      open_numbers[n] = *number;
      keys_of_all[2 * n] = table.outbound(*number);
      keys_of_all[2 * n + 1] = table.inbound(*number);
      ++open;
    }
    // A bulk of keys of flows that are, were, or never came.
    std::array<const FlowKey*, FlowTable::kMaxBulk> keys;
    std::array<std::uint32_t, FlowTable::kMaxBulk> signatures;
    std::array<std::uint32_t, FlowTable::kMaxBulk> found;
    std::array<std::uint32_t, FlowTable::kMaxBulk> expected;
    const std::size_t count = random() % (FlowTable::kMaxBulk + 1);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t asked = random() % keys_of_all.size();
      keys[i] = &keys_of_all[asked];
      signatures[i] = table.signature_of(*keys[i]);
      expected[i] = open_numbers[asked / 2];
    }
    (*table).lookup_bulk({keys.data(), count}, {signatures.data(), count}, {found.data(), count});
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(found[i], expected[i]) << step;
  }
}

TEST(FlowTable, hints_at_nothing_beyond_its_pool) {
  for (const std::uint32_t flows : {1U, 2U, 3U, 64U, 65U}) {
    SCOPED_TRACE(flows);
    const Table table(flows);
    for (std::uint64_t signature = 0; signature <= 0xffffffff; signature += 0x10001) {
      const std::uint32_t hint = (*table).hint(static_cast<std::uint32_t>(signature));
      ASSERT_TRUE(hint == kNone || hint < flows) << "an empty place may look like a number, but of a flow";
      ASSERT_EQ((*table).lookup({}, static_cast<std::uint32_t>(signature)), kNone);
    }
  }
}

}  // namespace flow_table
}  // namespace hypernat::dataplane
