// Which tables are used, which refused, and what the status says of it.
#include <gtest/gtest.h>

#include <optional>
#include <system_error>

#include "dataplane/process/table_keeper.h"
#include "tests/packet/attach_world.h"

namespace hypernat::dataplane {
namespace {

using config::DataplaneStatus;

class FakeStore : public config::Store {
 public:
  void publish(std::span<const std::byte> table) override { bytes.emplace(table.begin(), table.end()); }
  std::optional<std::vector<std::byte>> fetch() override {
    if (gone) throw std::system_error(std::make_error_code(std::errc::no_such_device), "store");
    return bytes;
  }
  void report(const DataplaneStatus& given) override {
    if (gone) throw std::system_error(std::make_error_code(std::errc::no_such_device), "store");
    status = given;
  }
  std::vector<DataplaneStatus> statuses() override { return {status}; }

  std::optional<std::vector<std::byte>> bytes;
  DataplaneStatus status;
  bool gone = false;
};

// A keeper with one worker that does what the test says.
class Keeper : public testing::Test {
 protected:
  DataplaneStatus beat() {
    keeper_.pull();
    keeper_.report(DataplaneStatus{});
    return store_.status;
  }
  void publish(const config::Table& table) { store_.publish(config::write_table(table)); }

  FakeStore store_;
  const Tables* published_ = nullptr;
  bool adopts_ = true;
  const Tables* adopted_ = nullptr;
  TableKeeper keeper_{store_,
                      compiler_options(every_attachment()),
                      {.publish =
                           [this](const Tables* tables) {
                             published_ = tables;
                             if (adopts_) adopted_ = tables;
                           },
                       .all_adopted = [this](const Tables* tables) { return adopted_ == tables; },
                       .all_swept = [this](const Tables* tables) { return adopted_ == tables; }}};
};

TEST_F(Keeper, WorkersHaveAnEmptyTableBeforeTheFirst) {
  ASSERT_NE(published_, nullptr);
  EXPECT_EQ(published_->generation, 0U);
  const DataplaneStatus status = beat();
  EXPECT_EQ(status.generation, 0U);
  EXPECT_EQ(status.refusal, "the store holds no table");
}

TEST_F(Keeper, UsesATableAndReportsIt) {
  publish(every_segment(3));
  const DataplaneStatus status = beat();
  EXPECT_EQ(published_->generation, 3U);
  EXPECT_EQ(status.generation, 3U);
  EXPECT_EQ(status.epoch, 1U);
  EXPECT_EQ(status.table_sha256, config::sha256_hex(*store_.bytes));
  EXPECT_EQ(status.refusal, "");
  const Tables* before = published_;
  beat();
  EXPECT_EQ(published_, before) << "the same bytes are not compiled again";
}

TEST_F(Keeper, RefusesAnOlderGenerationAndKeepsTheNewer) {
  publish(every_segment(3));
  beat();
  publish(every_segment(2));
  const DataplaneStatus status = beat();
  EXPECT_EQ(status.generation, 3U);
  EXPECT_NE(status.refusal.find("older"), std::string::npos) << status.refusal;
}

TEST_F(Keeper, RefusesOtherContentUnderTheSameNumber) {
  publish(every_segment(3));
  beat();
  config::Table other = every_segment(3);
  other.mappings.pop_back();
  publish(other);
  const DataplaneStatus status = beat();
  EXPECT_NE(status.refusal.find("other content"), std::string::npos) << status.refusal;
  EXPECT_EQ(published_->generation, 3U);
}

TEST_F(Keeper, TakesALowerGenerationOfAHigherEpoch) {
  publish(every_segment(9));
  beat();
  config::Table restored = every_segment(1);
  restored.epoch = 2;
  publish(restored);
  const DataplaneStatus status = beat();
  EXPECT_EQ(status.epoch, 2U);
  EXPECT_EQ(status.generation, 1U);
  EXPECT_EQ(status.refusal, "");
}

TEST_F(Keeper, RefusesDamagedBytesWholeAndRecovers) {
  publish(every_segment(1));
  beat();
  const auto good = config::write_table(every_segment(2));
  for (const std::size_t length : {std::size_t{0}, std::size_t{10}, good.size() / 2, good.size() - 1}) {
    store_.publish({good.data(), length});
    EXPECT_NE(beat().refusal, "") << length << " bytes";
    EXPECT_EQ(published_->generation, 1U);
  }
  store_.publish(good);
  EXPECT_EQ(beat().refusal, "");
  EXPECT_EQ(published_->generation, 2U);
}

TEST_F(Keeper, RefusesAnAttachmentThatIsNotThereAndALimitExceeded) {
  config::Table table = every_segment(1);
  table.subnets[0].segment.attachment = "nowhere";
  publish(table);
  EXPECT_NE(beat().refusal.find("nowhere"), std::string::npos);
  EXPECT_EQ(published_->generation, 0U);
}

TEST_F(Keeper, GoesOnWithoutTheStoreAndSaysSoWhenItIsBack) {
  publish(every_segment(1));
  beat();
  store_.gone = true;
  keeper_.pull();
  keeper_.report(DataplaneStatus{});
  EXPECT_EQ(published_->generation, 1U);
  EXPECT_NE(keeper_.refusal().find("does not answer"), std::string::npos);
  store_.gone = false;
  EXPECT_EQ(beat().refusal, "");
}

// The status must not promise what a worker does not yet do.
TEST_F(Keeper, ReportsTheOldGenerationUntilEveryWorkerSwitched) {
  publish(every_segment(1));
  beat();
  adopts_ = false;
  publish(every_segment(2));
  EXPECT_EQ(beat().generation, 1U);
  publish(every_segment(3));
  EXPECT_EQ(beat().generation, 1U) << "the next table waits as well";
  EXPECT_EQ(published_->generation, 2U);
  adopts_ = true;
  adopted_ = published_;
  EXPECT_EQ(beat().generation, 3U);
}

}  // namespace
}  // namespace hypernat::dataplane
