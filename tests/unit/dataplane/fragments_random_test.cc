// Virtual reassembly against a model that is slow and obvious: bytes in a map, no limits. And with limits, what must
// hold whatever comes.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

#include "tests/unit/dataplane/fragments_world.h"

namespace hypernat::dataplane {
namespace {

using craft::Bytes;
using craft::Piece;
using Way = FragmentsWorld::Way;

// What has come of one datagram, byte by byte.
class ModelDatagram {
 public:
  explicit ModelDatagram(Tick began) : began_(began) {}
  Tick began() const { return began_; }
  bool complete() const { return !refused_ && end_ != 0 && bytes_.size() == end_; }

  std::string arrive(std::uint32_t offset, std::uint32_t size, bool more) {
    if (refused_) return "fragment_refused";
    if (20 + offset + size > 65535) return refuse("fragment_too_long");
    if (size == 0 || (more && size % 8 != 0)) return refuse("fragment_misaligned");
    // A last unit that is not full counts as full, as offsets can not tell.
    const std::uint32_t end = (offset + size + 7) / 8 * 8;
    std::uint32_t known = 0;
    for (std::uint32_t byte = offset; byte < end; ++byte) known += bytes_.count(byte) != 0 ? 1 : 0;
    if (known == end - offset) return "fragment_duplicate";
    const bool beyond = end_ != 0 && (end > end_ || !more);
    const bool short_of = !more && !bytes_.empty() && *bytes_.rbegin() >= end;
    if (known != 0 || beyond || short_of) return refuse("fragment_overlap");
    if (offset == 0 && size < 8) return refuse("fragment_tiny");
    for (std::uint32_t byte = offset; byte < end; ++byte) bytes_.insert(byte);
    if (!more) end_ = end;
    first_came_ |= offset == 0;
    return first_came_ ? "goes" : "held";
  }

 private:
  std::string refuse(const char* reason) {
    refused_ = true;
    return reason;
  }
  Tick began_;
  bool refused_ = false;
  bool first_came_ = false;
  std::uint32_t end_ = 0;  ///< 0: not known
  std::set<std::uint32_t> bytes_;
};

struct Draw {
  Way way;
  Piece piece;
};

Draw draw(std::mt19937& random) {
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  Draw drawn;
  drawn.way.tenant = below(3);
  drawn.way.number = 1 + drawn.way.tenant;
  drawn.piece.ip = {.src = "100.64.0." + std::to_string(1 + below(2)),
                    .dst = "10.0.1.53",
                    .identification = static_cast<std::uint16_t>(below(3))};
  drawn.piece.offset = 8 * below(6);
  const std::uint32_t units = 1 + below(3);
  drawn.piece.more = below(4) != 0;
  std::uint32_t size = 8 * units;
  if (below(20) == 0) size -= 1 + below(7);
  if (below(100) == 0) drawn.piece.offset = 65504;
  drawn.piece.payload = Bytes(size, 0);
  if (size >= 6) drawn.piece.payload[5] = 99;  // as a UDP length
  return drawn;
}

using Name = std::tuple<std::uint32_t, std::string, std::uint16_t>;

TEST(GatheringAgainstAModel, AgreesOnEveryFragment) {
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    FragmentsWorld world(Gathering::Options{
        .datagrams = 64, .datagrams_per_tenant = 32, .held = 4096, .held_per_tenant = 1024, .timeout = 50});
    std::map<Name, ModelDatagram> model;
    for (int step = 0; step < 2000; ++step) {
      world.now += static_cast<Tick>(random() % 4);
      if (random() % 3 == 0) world.expire();
      const Draw drawn = draw(random);
      const Name name{drawn.way.number, drawn.piece.ip.src, drawn.piece.ip.identification};
      auto known = model.find(name);
      if (known != model.end() && world.now - known->second.began() >= 50) {
        model.erase(known);
        known = model.end();
      }
      if (known == model.end()) known = model.emplace(name, ModelDatagram(world.now)).first;
      const std::string expected = known->second.arrive(
          drawn.piece.offset, static_cast<std::uint32_t>(drawn.piece.payload.size()), drawn.piece.more);
      if (known->second.complete()) model.erase(known);
      ASSERT_EQ(world.arrive(drawn.piece.bytes(), drawn.way), expected) << "seed " << seed << ", step " << step;
    }
    world.now += 50;
    for (int i = 0; i < 4; ++i) world.expire();
    EXPECT_EQ(world.gathering().datagrams(), 0U);
    EXPECT_TRUE(world.held.empty());
  }
}

// FragmentsWorld itself watches that each buffer leaves once.
TEST(GatheringAgainstAModel, KeepsItsLimitsAndLosesNoBuffer) {
  constexpr std::uint32_t kDatagrams = 6;
  constexpr std::uint32_t kHeld = 12;
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    FragmentsWorld world(Gathering::Options{.datagrams = kDatagrams,
                                            .datagrams_per_tenant = 3,
                                            .held = kHeld,
                                            .held_per_tenant = 6,
                                            .held_per_datagram = 2,
                                            .timeout = 50});
    std::size_t refused = 0;
    for (int step = 0; step < 2000; ++step) {
      world.now += static_cast<Tick>(random() % 4);
      if (random() % 3 == 0) world.expire();
      const Draw drawn = draw(random);
      const std::string became = world.arrive(drawn.piece.bytes(), drawn.way);
      refused += became != "goes" && became != "held" ? 1 : 0;
      EXPECT_LE(world.gathering().datagrams(), kDatagrams);
      EXPECT_LE(world.held.size(), kHeld);
    }
    EXPECT_EQ(world.went.size() + world.died.size() + world.held.size() + refused, world.arrived());
    world.now += 50;
    world.expire();
    EXPECT_EQ(world.gathering().datagrams(), 0U);
    EXPECT_TRUE(world.held.empty());
  }
}

}  // namespace
}  // namespace hypernat::dataplane
