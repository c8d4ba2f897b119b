// The directory store: what is published is whole, and what is not understood harms nobody.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <system_error>
#include <thread>

#include "config/store.h"
#include "config/table.h"
#include "tests/unit/config/tables.h"

namespace hypernat::config {
namespace store {

namespace fs = std::filesystem;

class DirectoryStore : public testing::Test {
 protected:
  DirectoryStore() {
    std::string name = (fs::temp_directory_path() / "hypernat-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    root_ = name;
    store_ = open_directory_store(directory());
  }
  ~DirectoryStore() override { fs::remove_all(root_); }

  fs::path directory() const { return root_ / "run" / "store"; }
  static std::vector<std::byte> bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }
  void put(const fs::path& name, std::string_view text) const { std::ofstream(directory() / name) << text; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(directory())) {
      names.push_back(fs::relative(entry.path(), directory()).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path root_;
  std::unique_ptr<Store> store_;
};

DataplaneStatus status_of(std::string node) {
  return {.node = std::move(node),
          .epoch = 3,
          .generation = 41,
          .table_sha256 = std::string(64, 'a'),
          .unix_milliseconds = 1'700'000'000'123,
          .beat_milliseconds = 500,
          .refusal = "mapping 7: found no interface; expected \"at least one\"",
          .port_use = {{"eni-1", 51'609, 2}, {"eni-2", 1, 0}},
          .stalled_workers = {0, 3}};
}

TEST_F(DirectoryStore, IsEmptyAtFirst) {
  EXPECT_EQ(store_->fetch(), std::nullopt);
  EXPECT_TRUE(store_->statuses().empty());
}

TEST_F(DirectoryStore, GivesBackTheTableLastPublished) {
  store_->publish(write_table(small_table()));
  Table next = small_table();
  ++next.generation;
  store_->publish(write_table(next));
  EXPECT_EQ(read_table(store_->fetch().value()), next);
}

TEST_F(DirectoryStore, KeepsTheTableWhenOpenedAgain) {
  store_->publish(bytes_of("a table"));
  EXPECT_EQ(open_directory_store(directory())->fetch(), bytes_of("a table"));
}

TEST_F(DirectoryStore, KeepsAnEmptyTableApartFromNone) {
  store_->publish({});
  EXPECT_EQ(store_->fetch(), std::vector<std::byte>());
}

TEST_F(DirectoryStore, LeavesNothingBesideTableAndStatuses) {
  store_->publish(bytes_of("a table"));
  store_->report(status_of("dp1"));
  EXPECT_EQ(files(), (std::vector<std::string>{"status", "status/dp1.json", "table"}));
}

TEST_F(DirectoryStore, IgnoresWhatACrashLeftBehind) {
  put(".table.a1B2c3", "half a ta");
  put("status/.dp1.json.a1B2c3", "{\"node\": \"dp");
  EXPECT_EQ(store_->fetch(), std::nullopt);
  EXPECT_TRUE(store_->statuses().empty());
  store_->publish(bytes_of("a table"));
  EXPECT_EQ(store_->fetch(), bytes_of("a table"));
}

TEST_F(DirectoryStore, ReadersSeeTheOldTableOrTheNewOne) {
  const std::vector<std::byte> old_table(100'000, std::byte{'o'});
  const std::vector<std::byte> new_table(300'000, std::byte{'n'});
  store_->publish(old_table);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) store_->publish(i % 2 == 0 ? new_table : old_table);
    done = true;
  });
  const auto reader = open_directory_store(directory());
  while (!done) {
    const auto seen = reader->fetch();
    EXPECT_TRUE(seen == old_table || seen == new_table);
  }
  writer.join();
}

TEST_F(DirectoryStore, SaysWhichFileCannotBeWritten) {
  fs::remove_all(directory());
  try {
    store_->publish(bytes_of("a table"));
    FAIL() << "published into a directory that is gone";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(error.what()).find(directory().string()), std::string::npos) << error.what();
  }
  EXPECT_THROW(store_->statuses(), std::system_error);
}

TEST_F(DirectoryStore, CannotBeMadeInAFile) {
  std::ofstream(root_ / "file") << "in the way";
  EXPECT_THROW(open_directory_store(root_ / "file"), std::system_error);
}

TEST_F(DirectoryStore, ListsTheLastStatusOfEveryNodeInOrder) {
  auto second = status_of("dp2");
  store_->report(status_of("dp2"));
  second.generation = 42;
  store_->report(second);
  store_->report(status_of("dp1"));
  EXPECT_EQ(store_->statuses(), (std::vector<DataplaneStatus>{status_of("dp1"), second}));
}

TEST_F(DirectoryStore, LeavesOutStatusesItCannotUnderstand) {
  store_->report(status_of("dp1"));
  put("status/truncated.json", to_json(status_of("truncated")).substr(0, 40));
  put("status/empty.json", "");
  put("status/another.json", to_json(status_of("dp9")));
  put("status/dp3.txt", to_json(status_of("dp3")));
  put("status/.json", to_json(status_of("dp4")));
  fs::create_directory(directory() / "status/directory.json");
  EXPECT_EQ(store_->statuses(), std::vector<DataplaneStatus>{status_of("dp1")});
}

TEST_F(DirectoryStore, TakesNoNodeNameThatIsAPath) {
  for (const char* node : {"", ".", "..", "../table", "a/b", "a b", "-a", "dp\n1", "dp\xc3\xa9"}) {
    EXPECT_THROW(store_->report(status_of(node)), std::system_error) << node;
  }
  EXPECT_EQ(files(), std::vector<std::string>{"status"});
}

TEST(Status, ReadsBackWhatWasWritten) {
  EXPECT_EQ(status_from_json(to_json(status_of("dp1"))), status_of("dp1"));
  EXPECT_EQ(status_from_json(to_json({})), DataplaneStatus{});
  auto extremes = status_of("dp1");
  extremes.epoch = extremes.generation = extremes.port_use[0].exhausted = ~std::uint64_t{0};
  extremes.unix_milliseconds = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(status_from_json(to_json(extremes)), extremes);
}

TEST(Status, IsWrittenThoughARefusalQuotesBytesThatAreNoText) {
  auto status = status_of("dp1");
  status.refusal = "tenant \"\xff\xfe\"";
  EXPECT_EQ(status_from_json(to_json(status)).refusal, "tenant \"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(Status, IgnoresMembersOfALaterVersion) {
  std::string text = to_json(status_of("dp1"));
  text.insert(1, "\"later\": [1, 2],");
  EXPECT_EQ(status_from_json(text), status_of("dp1"));
}

TEST(Status, IsReadFromADataPlaneThatDoesNotSayWhichWorkersStand) {
  std::string text = to_json(status_of("dp1"));
  text.replace(text.find("stalled_workers"), 7, "former_");
  auto without = status_of("dp1");
  without.stalled_workers.clear();
  EXPECT_EQ(status_from_json(text), without);
}

std::string refusal_of(std::string_view text) {
  try {
    status_from_json(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

std::string with(std::string_view from, std::string_view to) {
  std::string text = to_json(status_of("dp1"));
  return text.replace(text.find(from), from.size(), to);
}

TEST(Status, RefusesByTheNameOfTheMember) {
  EXPECT_EQ(refusal_of("{"), "status: found text that is not JSON; expected an object");
  EXPECT_EQ(refusal_of("[]"), "status: found array; expected an object");
  EXPECT_EQ(refusal_of(with("\"epoch\"", "\"Epoch\"")),
            "status: found nothing for \"epoch\"; expected a member of that name");
  EXPECT_EQ(refusal_of(with("\"dp1\"", "1")), "status: found number for \"node\"; expected a string");
  EXPECT_EQ(refusal_of(with("41", "-1")), "status: found -1 for \"generation\"; expected an integer of its range");
  EXPECT_EQ(refusal_of(with("41", "4.5")), "status: found 4.5 for \"generation\"; expected an integer of its range");
  EXPECT_EQ(refusal_of(with("51609", "4294967296")),
            "status: found 4294967296 for \"ports_in_use\"; expected an integer of its range");
  EXPECT_EQ(refusal_of("{\"node\": \"a\", \"epoch\": 0, \"generation\": 0, \"table_sha256\": \"\", "
                       "\"unix_milliseconds\": 0, \"beat_milliseconds\": 0, \"refusal\": \"\", \"port_use\": [7]}"),
            "status: found number for \"port_use\"; expected an array of objects");
  EXPECT_EQ(refusal_of(with("\"stalled_workers\": [\n    0,", "\"stalled_workers\": [\n    -1,")),
            "status: found -1 for \"stalled_workers\"; expected an array of worker numbers");
}

// What is said of a list must not need a stack frame for each of its levels: any data plane writes into the store.
TEST(Status, RefusesAListWithoutEnd) {
  const std::string list = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(refusal_of(with("41", list)), "status: found array for \"generation\"; expected an integer of its range");
}

}  // namespace store
}  // namespace hypernat::config
