// What a cold start's measurement makes of moments: stages, percentiles, arrivals, the tables and files.
#include "config/json.h"
#include "control/cli/coldstart/plan.h"
#include "control/cli/coldstart/report.h"
#include "control/cli/coldstart/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <sstream>
#include <stdexcept>

namespace hypernat::coldstart {
namespace {

constexpr std::int64_t kMs = 1'000'000;

Sample shared_sample() {
  Sample sample;
  sample.address = "100.64.0.1";
  sample.moments.invoked = 1000 * kMs;
  sample.moments.placed = 1001 * kMs;
  sample.moments.received = 1003 * kMs;
  sample.moments.attached = 1004 * kMs;
  sample.moments.begun = 1006 * kMs;
  sample.moments.connecting = 1010 * kMs;
  sample.moments.accepted = 1012 * kMs;
  sample.moments.connected = 1015 * kMs;
  sample.moments.answered = 1020 * kMs;
  return sample;
}

// Asked for at once, made in 10,300 ms of which the model says 10,000, active 700 ms later, known 20 ms after that.
Sample leased_sample() {
  Sample sample = shared_sample();
  sample.moments.invoked -= 11'020 * kMs;
  sample.moments.has_lease = 1000 * kMs;
  sample.modelled_ns = 10'000 * kMs;
  sample.lease = {.requested = 5'000'000, .provisioned = 5'010'300, .active = 5'011'000};
  return sample;
}

Report report_of(Mode mode, std::vector<Sample> samples) {
  Report report;
  report.plan.function = "acme-web";
  report.plan.account = "111122223333";
  report.modes.emplace_back();
  report.modes.back().mode = mode;
  report.modes.back().samples = std::move(samples);
  return report;
}

TEST(Stages, OfEitherModeAddUpToTheWhole) {
  for (const Sample& sample : {shared_sample(), leased_sample()}) {
    const auto stages = stages_of(sample);
    EXPECT_EQ(std::accumulate(stages.begin(), stages.end(), std::int64_t{0}),
              sample.moments.answered - sample.moments.invoked);
  }
}

TEST(Stages, KeepTheModelsTimeApart) {
  const auto stages = stages_of(leased_sample());
  EXPECT_EQ(stages[static_cast<std::size_t>(Stage::kModelled)], 10'000 * kMs);
  EXPECT_EQ(stages[static_cast<std::size_t>(Stage::kProvisioning)], 300 * kMs);
  EXPECT_EQ(stages[static_cast<std::size_t>(Stage::kPublish)], 700 * kMs);
  EXPECT_EQ(stages[static_cast<std::size_t>(Stage::kLease)], 20 * kMs);
  EXPECT_EQ(measured_total_of(leased_sample()), (11'020 - 10'000 + 20) * kMs);
}

TEST(Stages, OfConnectivityAreTheSlotAndTheFirstPacketOnly) {
  EXPECT_EQ(connectivity_of(shared_sample()), (1 + 2) * kMs);
  Sample unseen = shared_sample();
  unseen.moments.accepted = 0;
  EXPECT_EQ(connectivity_of(unseen), -1);
  EXPECT_EQ(stages_of(unseen)[static_cast<std::size_t>(Stage::kConnect)], 5 * kMs);
}

TEST(Percentile, IsTheNearestRank) {
  std::vector<std::int64_t> values(200);
  std::iota(values.begin(), values.end(), 1);
  EXPECT_EQ(percentile(values, 50), 100);
  EXPECT_EQ(percentile(values, 99), 198);
  EXPECT_EQ(percentile(values, 100), 200);
  EXPECT_EQ(percentile({7}, 50), 7);
  EXPECT_EQ(percentile({}, 50), 0);
}

TEST(Arrivals, OfABurstAreAllAtOnce) {
  Plan plan;
  plan.count = 3;
  EXPECT_EQ(arrivals(plan), std::vector<std::chrono::nanoseconds>(3));
}

TEST(Arrivals, OfARateComeAtThatRateAndRepeatWithTheSeed) {
  Plan plan;
  plan.count = 2000;
  plan.rate = 100;
  const auto moments = arrivals(plan);
  EXPECT_TRUE(std::is_sorted(moments.begin(), moments.end()));
  EXPECT_NEAR(std::chrono::duration<double>(moments.back()).count(), 20, 2);
  EXPECT_EQ(arrivals(plan), moments);
  plan.seed = 2;
  EXPECT_NE(arrivals(plan), moments);
}

TEST(Target, IsAnAddressWithAPortAndAPathIfNeedBe) {
  struct Row {
    const char* text;
    std::uint16_t port;
    const char* path;
  };
  for (const Row& row : {Row{"10.0.1.10", 80, "/"}, Row{"10.0.1.10:8080", 8080, "/"},
                         Row{"http://10.0.1.10/a/b", 80, "/a/b"}, Row{"10.0.1.10:1/x:y", 1, "/x:y"}}) {
    Plan plan;
    set_target(plan, row.text);
    EXPECT_EQ(plan.server, Ipv4Address::of(10, 0, 1, 10)) << row.text;
    EXPECT_EQ(plan.port, row.port) << row.text;
    EXPECT_EQ(plan.path, row.path) << row.text;
  }
}

TEST(Target, ThatIsNoneSaysWhatWasFoundAndExpected) {
  for (const char* text :
       {"", "web.internal", "10.0.1", "10.0.1.10:", "10.0.1.10:0", "10.0.1.10:70000", "10.0.1.10:8x"}) {
    Plan plan;
    try {
      set_target(plan, text);
      FAIL() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("found \"" + std::string(text) + "\"; expected"), std::string::npos);
    }
  }
}

/// The cells of the row of that name.
std::vector<std::string> row_of(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + " ")) continue;
    std::istringstream words(line.substr(name.size()));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

TEST(Report, TellsModelledTimeInARowOfItsOwn) {
  using Cells = std::vector<std::string>;
  auto report = report_of(Mode::kShared, {shared_sample()});
  report.modes.push_back(report_of(Mode::kPerEnvironment, {leased_sample()}).modes.front());
  const auto text = to_text(report);
  EXPECT_EQ(row_of(text, "provisioning, modelled"),
            (Cells{"-", "-", "-", "-", "10000.000", "10000.000", "10000.000", "10000.000"}));
  EXPECT_EQ(row_of(text, "all that was measured"),
            (Cells{"20.000", "20.000", "20.000", "20.000", "1040.000", "1040.000", "1040.000", "1040.000"}));
  EXPECT_EQ(row_of(text, "with the model's part"),
            (Cells{"-", "-", "-", "-", "11040.000", "11040.000", "11040.000", "11040.000"}));
  EXPECT_EQ(to_text(report_of(Mode::kShared, {shared_sample()})).find("model's part"), std::string::npos);
}

TEST(Report, CountsFailuresByNameAndLeavesThemOutOfThePercentiles) {
  Sample failed = leased_sample();
  failed.failure = "SubnetOutOfIPAddresses";
  failed.detail = "subnet-1 has no free address";
  failed.moments = {};
  const auto report = report_of(Mode::kPerEnvironment, {leased_sample(), failed, failed});
  const auto text = to_text(report);
  EXPECT_NE(text.find("1 of 3 environments were answered"), std::string::npos) << text;
  EXPECT_NE(text.find("2 x SubnetOutOfIPAddresses: subnet-1 has no free address"), std::string::npos) << text;
  const auto mode = to_json(report).at("Modes").at(0);
  EXPECT_EQ(mode.at("Failures").at("SubnetOutOfIPAddresses"), 2);
  EXPECT_EQ(mode.at("Percentiles").at("all that was measured").at("max"), 1040.0);
}

TEST(Report, HoldsEverySampleInItsFiles) {
  auto samples = std::vector<Sample>{shared_sample(), shared_sample()};
  samples[1].number = 1;
  samples[1].failure = "NoFreeSlot";
  auto report = report_of(Mode::kShared, samples);
  report.plan.seed = 7;
  report.machine = {{"Cores", "2"}};
  EXPECT_EQ(to_json(report).at("Modes").at(0).at("Samples").size(), 2U);
  auto csv = to_csv(report);
  const std::string about = "# Seed: 7\n# Cores: 2\n";
  ASSERT_TRUE(csv.starts_with(about)) << csv;
  csv.erase(0, about.size());
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3);
  const auto heading = csv.substr(0, csv.find('\n'));
  const auto columns = std::count(heading.begin(), heading.end(), ',');
  for (std::size_t begin = 0; begin < csv.size(); begin = csv.find('\n', begin) + 1) {
    const auto line = csv.substr(begin, csv.find('\n', begin) - begin);
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), columns) << line;
  }
}

TEST(SharedWork, IsNothingUnlessATableWasPublished) {
  auto result = report_of(Mode::kShared, {shared_sample()}).modes.front();
  result.before = result.after = {.epoch = 1, .generation = 6, .table_sha256 = "ab", .count = 3, .bytes = 900};
  EXPECT_EQ(shared_work(result), "");
  ++result.after.count;
  EXPECT_NE(shared_work(result).find("1 tables of 0 bytes were published"), std::string::npos);
}

}  // namespace
}  // namespace hypernat::coldstart
