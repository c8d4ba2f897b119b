#include "control/workerhost/environment_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace hypernat::workerhost {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Ipv4Prefix kBlock = *parse_ipv4_prefix("100.64.0.0/24");

EnvironmentFacts example() {
  return {.slot = SlotNumber{3},
          .address = *parse_ipv4_address("100.64.0.4"),
          .function = "acme \"web\"",
          .mapping = MappingNumber{100},
          .started_ns = 1'234'567'890'123,
          .gateway = {},
          .mtu = 1450,
          .vxlan_port = 4789};
}

config::WorkerhostConfig fitting_config() {
  config::WorkerhostConfig config;
  config.slots = 8;
  return config;
}

class Record : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "hypernat-record.XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path path() const { return directory_ / "3"; }

  std::filesystem::path directory_;
  UniqueFd lock_;
};

TEST_F(Record, HoldsWhatItWasGiven) {
  EXPECT_EQ(EnvironmentRecord::create(directory_, example(), lock_).facts(), example());
  EXPECT_EQ(EnvironmentRecord(path()).facts(), example());
  EXPECT_EQ(EnvironmentRecord(path()).life().phase, EnvironmentPhase::kForked);
}

TEST_F(Record, ShowsHowFarTheEnvironmentHasCome) {
  const auto record = EnvironmentRecord::create(directory_, example(), lock_);
  const EnvironmentLife life{.pid = 4711, .start_ticks = 99, .phase = EnvironmentPhase::kRunning};
  ASSERT_EQ(::pwrite(lock_.get(), &life, sizeof(life), 0), static_cast<ssize_t>(sizeof(life)));
  EXPECT_EQ(record.life().pid, 4711);
  EXPECT_EQ(record.life().start_ticks, 99U);
  EXPECT_EQ(record.life().phase, EnvironmentPhase::kRunning);
  EXPECT_EQ(EnvironmentRecord(path()).facts(), example());
}

TEST_F(Record, IsLockedExactlyAsLongAsTheProcessThatInheritedItLives) {
  const auto record = EnvironmentRecord::create(directory_, example(), lock_);
  int gate[2];
  ASSERT_EQ(::pipe(gate), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char ignored = 0;
    ::close(gate[1]);
    ::_exit(static_cast<int>(::read(gate[0], &ignored, 1)));
  }
  lock_.reset();
  EXPECT_TRUE(is_record_locked(path()));
  ::close(gate[0]);
  ::close(gate[1]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(is_record_locked(path()));
}

TEST_F(Record, StillSpeaksOfItsOwnEnvironmentWhenTheSlotHasTheNextOne) {
  auto record = EnvironmentRecord::create(directory_, example(), lock_);
  record.remove();
  UniqueFd next_lock;
  auto next = EnvironmentRecord::create(directory_, example(), next_lock);
  const EnvironmentLife life{.pid = 4711, .start_ticks = 99, .phase = EnvironmentPhase::kSaid};
  ASSERT_EQ(::pwrite(lock_.get(), &life, sizeof(life), 0), static_cast<ssize_t>(sizeof(life)));
  EXPECT_EQ(record.life().phase, EnvironmentPhase::kSaid);
  EXPECT_EQ(next.life().phase, EnvironmentPhase::kForked);
  record.remove();
  EXPECT_EQ(list_records(directory_), std::vector{path()});
}

TEST_F(Record, ListsWholeRecordsAndRemovesDrafts) {
  EnvironmentRecord::create(directory_, example(), lock_);
  std::ofstream(directory_ / "4.new") << "half";
  EXPECT_EQ(list_records(directory_), std::vector{path()});
  EXPECT_FALSE(std::filesystem::exists(directory_ / "4.new"));
  EnvironmentRecord(path()).remove();
  EXPECT_THAT(list_records(directory_), IsEmpty());
}

TEST_F(Record, RefusesWhatIsNone) {
  for (const char* text : {"", "{}", "nonsense"}) {
    std::ofstream(path()) << std::string(sizeof(EnvironmentLife), '\0') << text;
    try {
      EnvironmentRecord record(path());
      FAIL() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(path().string()));
    }
  }
}

TEST(ReasonToEnd, IsNoneWhileNothingHasChanged) {
  EXPECT_THAT(reason_to_end(example(), fitting_config(), kBlock), IsEmpty());
}

TEST(ReasonToEnd, NamesWhatHasChanged) {
  const auto reason = [](void (*change)(config::WorkerhostConfig&)) {
    auto config = fitting_config();
    change(config);
    return reason_to_end(example(), config, kBlock);
  };
  EXPECT_THAT(reason([](auto& config) { config.slots = 3; }), HasSubstr("`slots` is 3"));
  EXPECT_THAT(reason([](auto& config) { config.gateway.address = *parse_ipv4_address("169.254.100.2"); }),
              HasSubstr("gateway was 169.254.100.1"));
  EXPECT_THAT(reason([](auto& config) { config.gateway.mac.bytes[5] = 2; }), HasSubstr("gateway_mac was"));
  EXPECT_THAT(reason([](auto& config) { config.mtu = 1400; }), HasSubstr("mtu was 1450"));
  EXPECT_THAT(reason([](auto& config) { config.vxlan_port = 4790; }), HasSubstr("and is 4790 now"));
  EXPECT_THAT(reason_to_end(example(), fitting_config(), *parse_ipv4_prefix("100.64.1.0/24")),
              HasSubstr("100.64.1.0/24"));
  EXPECT_THAT(reason_to_end(example(), fitting_config(), *parse_ipv4_prefix("100.64.0.0/30")),
              HasSubstr("100.64.0.0/30"));
  EXPECT_THAT(reason([](auto& config) { config.dataplane = *parse_ipv4_address("192.0.2.2"); }), IsEmpty());
}

TEST(LifeFromStat, FindsPidAndStartTimeBehindAnyName) {
  const std::string rest = " S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 55555 8704000 1000";
  for (const std::string name : {"environment", "a) S 1 (b", "(", "))) "}) {
    const auto life = life_from_stat(("4711 (" + name + ")" + rest).c_str());
    EXPECT_EQ(life.pid, 4711) << name;
    EXPECT_EQ(life.start_ticks, 55555U) << name;
  }
  for (const char* text : {"", "4711", "4711 (sh) S 1 2"}) EXPECT_EQ(life_from_stat(text).pid, 0) << text;
}

}  // namespace
}  // namespace hypernat::workerhost
