#include "control/workerhost/slot_making.h"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

namespace hypernat::workerhost {
namespace {

TEST(SlotMaking, ReadsAvailableMemoryInBytes) {
  std::istringstream meminfo("MemTotal:       24684148 kB\nMemFree:         1 kB\nMemAvailable:   23925044 kB\n");
  EXPECT_EQ(available_memory(meminfo), std::int64_t{23'925'044} * 1024);
}

TEST(SlotMaking, RefusesAMeminfoWithoutIt) {
  for (const char* text : {"", "MemTotal: 1 kB\n", "MemAvailable: much\n"}) {
    std::istringstream meminfo(text);
    EXPECT_THROW(available_memory(meminfo), std::runtime_error) << text;
  }
}

TEST(SlotMaking, DividesByTheSlotsThatWereMade) {
  EXPECT_EQ((SlotMaking{.made = 4, .available_memory_drop = 4096}.drop_per_slot()), 1024);
  EXPECT_EQ((SlotMaking{.made = 4, .available_memory_drop = -4096}.drop_per_slot()), -1024);
  EXPECT_EQ((SlotMaking{.made = 0, .available_memory_drop = 4096}.drop_per_slot()), 0);
}

}  // namespace
}  // namespace hypernat::workerhost
