// main of tests that need DPDK's memory: no huge pages, no devices, nothing shared with other processes.
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  std::string prefix = "hypernat-test-" + std::to_string(getpid());
  std::array<std::string, 10> words = {
      arguments[0], "--no-huge", "--no-pci",      "--no-shconf", "--no-telemetry",
      "-m512",      "-l0",       "--file-prefix", prefix,        "--log-level=lib.eal:4"};
  std::array<char*, words.size()> pointers;
  for (std::size_t i = 0; i < words.size(); ++i) pointers[i] = words[i].data();
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    std::fputs("EAL does not start\n", stderr);
    return 1;
  }
  const int result = RUN_ALL_TESTS();
  rte_eal_cleanup();
  return result;
}
