// Replays inputs where there is no libFuzzer: every file that is named, and every file in every folder that is named.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void replay(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open()) throw std::runtime_error("cannot read " + file.string());
  // In a buffer of exactly its size, so that sanitizers see every overrun. Named first: a crash has its file above it.
  const auto input = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), input.get());
  std::cout << file.string() << std::endl;
  LLVMFuzzerTestOneInput(input.get(), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t replayed = 0;
  try {
    for (int i = 1; i < count; ++i) {
      for (const fs::path& file : files_of(arguments[i])) {
        replay(file);
        ++replayed;
      }
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  if (replayed == 0) {
    std::cerr << "found no input; expected files, or folders of them\n";
    return 1;
  }
  std::cout << replayed << " inputs\n";
  return 0;
}
