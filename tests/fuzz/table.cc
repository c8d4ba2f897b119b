// A published mapping table: what every data plane reads on every beat.
//
// The input is a file as the store holds it. It is read as it is, and once more with the header's length and digest set
// right, which no mutation would find: so everything behind the digest is reached, too. What is read must be a table
// that writes itself back, and that the data plane can compile.
#include "config/table.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "config/table_wire.h"
#include "dataplane/nat/table_compiler.h"
#include "tests/fuzz/fuzz_target.h"

namespace hypernat {
namespace {

// What the tables of the seeds need, and little more, so that limits are met as well.
constexpr std::uint32_t kSlots = 64;

std::optional<config::Table> read(std::span<const std::byte> bytes) {
  try {
    return config::read_table(bytes);
  } catch (const config::TableError& refusal) {
    require(refusal.what()[0] != '\0', "a refusal says why");
    return std::nullopt;
  }
}

void compile(const config::Table& table) {
  dataplane::TableCompiler compiler({.outside_attachments = {"tenants", "lan", "trunk"},
                                     .attachment_indices = {1, 3, 5},
                                     .tenants = kSlots,
                                     .subnets = kSlots,
                                     .mappings = kSlots,
                                     .interfaces = kSlots});
  try {
    const auto compiled = compiler.compile(table, "sha");
    for (const config::Mapping& mapping : table.mappings)
      require(compiled->mapping_by_number.find(to_number(mapping.number)) != dataplane::Tables::kMissing,
              "every mapping of the table is found by its number");
  } catch (const config::TableError&) {
    // beyond the limits, or on an attachment that is not there
  }
}

/// Whether the bytes are a table.
bool check(std::span<const std::byte> bytes) {
  const auto table = read(bytes);
  if (!table) return false;
  require(read(config::write_table(*table)) == table, "what was read writes itself back");
  compile(*table);
  return true;
}

}  // namespace
}  // namespace hypernat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hypernat;
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  config::wire::Header header;
  if (check({begin, size}) || size < sizeof header) return 0;
  const auto bytes = std::make_unique<std::byte[]>(size);
  std::copy_n(begin, size, bytes.get());
  const std::span<const std::byte> payload(bytes.get() + sizeof header, size - sizeof header);
  std::memcpy(&header, bytes.get(), sizeof header);
  header.length = payload.size();
  header.digest = config::sha256(payload);
  std::memcpy(bytes.get(), &header, sizeof header);
  check({bytes.get(), size});
  return 0;
}
