// The mapping table's bytes: writer and reader are inverse, and nothing but what was written is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <memory>

#include "config/sha256.h"
#include "config/table.h"
#include "config/table_wire.h"
#include "tests/unit/config/tables.h"

namespace hypernat::config {
namespace table {

using testing::HasSubstr;

constexpr std::size_t kHeaderSize = 56;
constexpr std::size_t kDigestOffset = 24;

std::string refusal_of(std::span<const std::byte> bytes) {
  // Exactly as large as the input, so that a sanitizer sees one byte too many.
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  try {
    read_table({exact.get(), bytes.size()});
  } catch (const TableError& error) {
    return error.what();
  }
  return "";
}

/// Gives the payload a digest that is right, as a writer with a bug (or a grudge) would.
void seal(std::vector<std::byte>& bytes) {
  const Sha256 digest = sha256(std::span(bytes).subspan(kHeaderSize));
  std::memcpy(bytes.data() + kDigestOffset, digest.data(), digest.size());
}

TEST(Table, ReadsBackWhatWasWritten) {
  const Table table = small_table();
  EXPECT_EQ(read_table(write_table(table)), table);
}

TEST(Table, ReadsBackATableWithNothingInIt) {
  const Table table{.epoch = 1,
                    .generation = 1,
                    .peers = {},
                    .tenants = {},
                    .route_sets = {},
                    .rule_sets = {},
                    .subnets = {},
                    .mappings = {}};
  EXPECT_EQ(read_table(write_table(table)), table);
}

TEST(Table, ReadsBackRandomTables) {
  std::mt19937_64 random(20260101);
  for (int i = 0; i < 500; ++i) {
    const Table table = random_table(random);
    const auto bytes = write_table(table);
    ASSERT_EQ(read_table(bytes), table) << "table " << i;
    ASSERT_EQ(write_table(read_table(bytes)), bytes) << "table " << i;
  }
}

TEST(Table, EqualTablesGiveEqualBytesAndOthersAnotherDigest) {
  Table table = small_table();
  const auto bytes = write_table(table);
  EXPECT_EQ(write_table(small_table()), bytes);
  EXPECT_EQ(sha256_hex(bytes), sha256_hex(write_table(small_table())));
  ++table.generation;
  EXPECT_NE(sha256_hex(write_table(table)), sha256_hex(bytes));
}

// A data plane that was updated must not take the same table for another one, nor a control plane publish it again.
TEST(Table, OfATenantWithoutRatesAndTimeoutsHasTheBytesItHadBeforeThereWereAny) {
  EXPECT_EQ(sha256_hex(write_table(small_table())), "aa20be66b56beda563aeb05ae386a51f3bb255408f5e59c3d667d30e006ceb1d");
}

TEST(Table, DigestIsSha256) {
  // FIPS 180-2, appendix B.1
  const std::string text = "abc";
  EXPECT_EQ(sha256_hex(std::as_bytes(std::span(text))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Table, IsReadFromAnyAddress) {
  const auto bytes = write_table(small_table());
  std::vector<std::byte> buffer(bytes.size() + 8);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    std::copy(bytes.begin(), bytes.end(), buffer.begin() + static_cast<std::ptrdiff_t>(offset));
    EXPECT_EQ(read_table(std::span(buffer).subspan(offset, bytes.size())), small_table());
  }
}

TEST(Table, RefusesEveryTruncation) {
  const auto bytes = write_table(small_table());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(refusal_of(std::span(bytes).first(size)), "") << size << " bytes";
  }
}

TEST(Table, RefusesEveryCorruptedByte) {
  const auto bytes = write_table(small_table());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
      auto corrupted = bytes;
      corrupted[i] ^= flip;
      EXPECT_NE(refusal_of(corrupted), "") << "byte " << i;
    }
  }
}

TEST(Table, RefusesBytesBehindTheEnd) {
  auto bytes = write_table(small_table());
  bytes.push_back(std::byte{0});
  EXPECT_THAT(refusal_of(bytes), HasSubstr("as the header says"));
}

TEST(Table, SaysWhatIsWrongWithTheHeader) {
  const auto bytes = write_table(small_table());
  const auto with = [&bytes](std::size_t offset, unsigned value) {
    auto changed = bytes;
    changed[offset] = std::byte{static_cast<unsigned char>(value)};
    return refusal_of(changed);
  };
  EXPECT_EQ(refusal_of({}), "table: found 0 bytes; expected a header of 56");
  EXPECT_EQ(with(0, 'X'), "table: found other bytes at the start; expected a mapping table's magic");
  EXPECT_EQ(with(8, 2), "table: found version 2; expected version 1");
  EXPECT_EQ(with(12, 1), "table: found a reserved member of 1; expected 0");
  EXPECT_THAT(with(16, 0), HasSubstr("as the header says (truncated?)"));
  EXPECT_EQ(with(kDigestOffset, 0), "table: found a payload of another SHA-256; expected the header's (corrupted?)");
  EXPECT_EQ(with(kHeaderSize, 0xff), "table: found a payload of another SHA-256; expected the header's (corrupted?)");
}

// Behind a digest that is right, what is left is the verifier and the validation: each corruption is refused or reads
// as a table that could have been written. Whatever happens, no byte outside the buffer is touched.
TEST(Table, SurvivesCorruptionUnderARightDigest) {
  const auto bytes = write_table(small_table());
  std::size_t refused = 0;
  for (std::size_t i = kHeaderSize; i < bytes.size(); ++i) {
    for (const std::byte flip : {std::byte{0x01}, std::byte{0x04}, std::byte{0x80}, std::byte{0xff}}) {
      auto corrupted = bytes;
      corrupted[i] ^= flip;
      seal(corrupted);
      refused += refusal_of(corrupted).empty() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, bytes.size());  // of the four attempts at each byte, most
}

TEST(Table, SurvivesRandomPayloads) {
  std::mt19937_64 random(7);
  auto bytes = write_table(small_table());
  for (int round = 0; round < 2'000; ++round) {
    auto garbage = bytes;
    const std::size_t from = kHeaderSize + random() % (bytes.size() - kHeaderSize);
    const std::size_t size = std::min<std::size_t>(1 + random() % 32, bytes.size() - from);
    for (std::size_t i = 0; i < size; ++i) garbage[from + i] = static_cast<std::byte>(random());
    seal(garbage);
    refusal_of(garbage);
  }
}

// A thousand sets that are one and the same list of a thousand routes: 20 KB that mean 12 MB, and could mean anything.
TEST(Table, RefusesAListThatIsReferredToAgainAndAgain) {
  flatbuffers::FlatBufferBuilder builder;
  const auto nothing = [&builder]<class Row>(Row) { return builder.CreateVector(std::vector<Row>{}); };
  const auto routes = builder.CreateVectorOfStructs(std::vector<wire::Route>(1'000));
  const std::vector<flatbuffers::Offset<wire::RouteSet>> sets(1'000, wire::CreateRouteSet(builder, routes));
  const auto route_sets = builder.CreateVector(sets);
  wire::FinishPayloadBuffer(
      builder,
      wire::CreatePayload(builder, 1, 1, nothing(flatbuffers::Offset<wire::TunnelPeer>{}),
                          nothing(flatbuffers::Offset<wire::Tenant>{}), route_sets,
                          nothing(flatbuffers::Offset<wire::RuleSet>{}), nothing(flatbuffers::Offset<wire::Subnet>{}),
                          builder.CreateVectorOfStructs(std::vector<wire::Mapping>{}),
                          builder.CreateVectorOfStructs(std::vector<wire::Interface>{}),
                          nothing(flatbuffers::Offset<flatbuffers::String>{})));
  std::vector<std::byte> bytes(kHeaderSize + builder.GetSize());
  wire::Header header;
  header.length = builder.GetSize();
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + kHeaderSize, builder.GetBufferPointer(), builder.GetSize());
  seal(bytes);
  EXPECT_EQ(refusal_of(bytes),
            "table: found more rows than the payload has room for; expected every list in a place of its own");
}

TEST(Table, OfAHundredThousandMappingsIsReadBack) {
  const Table table = large_table(100'000);
  const auto start = std::chrono::steady_clock::now();
  const auto bytes = write_table(table);
  const auto written = std::chrono::steady_clock::now();
  const Table read = read_table(bytes);
  const auto end = std::chrono::steady_clock::now();
  const auto milliseconds = [](auto duration) {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
  };
  RecordProperty("bytes", static_cast<int>(bytes.size()));
  RecordProperty("write_milliseconds", milliseconds(written - start));
  RecordProperty("read_milliseconds", milliseconds(end - written));
  std::printf("  %zu bytes, written in %d ms, read in %d ms\n", bytes.size(), milliseconds(written - start),
              milliseconds(end - written));
  EXPECT_TRUE(read == table);  // not EXPECT_EQ: a failure would print all of it
}

}  // namespace table
}  // namespace hypernat::config
