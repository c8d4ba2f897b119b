// Uploaded code: zips as people make them, and as somebody makes them who means harm.
#include "control/runner/archive.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zip.h>

#include <fstream>
#include <sstream>

#include "control/runner/frames.h"
#include "tests/unit/control/world.h"
#include "tests/unit/control/zips.h"

namespace hypernat::control::testing {
namespace {

using runner::ArchiveError;
using runner::check_archive;

std::string refusal_of(const std::string& zip, const runner::ArchiveLimits& limits = {}) {
  try {
    check_archive(zip, limits);
    return "none";
  } catch (const ArchiveError& error) {
    return error.what();
  }
}

std::string content_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(Archive, is_unpacked_with_its_permissions) {
  const auto zip = make_zip({{.name = "bootstrap", .content = "#!/bin/sh\ncat\n", .mode = S_IFREG | 0755},
                             {.name = "lib/", .content = "", .mode = S_IFDIR | 0755},
                             {.name = "lib/data.txt", .content = std::string(200'000, 'x'), .mode = S_IFREG | 0600},
                             {.name = "deep/er/file", .content = "y", .mode = 0}});
  EXPECT_EQ(refusal_of(zip), "none");
  const TemporaryDirectory directory;
  runner::unpack_archive(zip, directory / "");
  EXPECT_EQ(content_of(directory / "bootstrap"), "#!/bin/sh\ncat\n");
  EXPECT_EQ(content_of(directory / "lib/data.txt").size(), 200'000U);
  EXPECT_EQ(content_of(directory / "deep/er/file"), "y");
  struct stat status {};
  ASSERT_EQ(::stat((directory / "bootstrap").c_str(), &status), 0);
  EXPECT_NE(status.st_mode & S_IXUSR, 0U);
}

struct ArchiveRow {
  ZipEntry entry;
  const char* why;
};

TEST(Archive, is_refused_when_a_name_leads_elsewhere) {
  const ZipEntry bootstrap{.name = "bootstrap", .content = "x", .mode = S_IFREG | 0755};
  for (const auto& row : std::vector<ArchiveRow>{
           {{.name = "../evil", .content = "x", .mode = S_IFREG | 0644}, "leads out of its directory"},
           {{.name = "a/../../evil", .content = "x", .mode = S_IFREG | 0644}, "leads out of its directory"},
           {{.name = "a/..", .content = "x", .mode = S_IFREG | 0644}, "leads out of its directory"},
           {{.name = "./a", .content = "x", .mode = S_IFREG | 0644}, "leads out of its directory"},
           {{.name = "/etc/passwd", .content = "x", .mode = S_IFREG | 0644}, "is an absolute path"},
           {{.name = "a\\..\\b", .content = "x", .mode = S_IFREG | 0644}, "has a backslash"},
           {{.name = "a//b", .content = "x", .mode = S_IFREG | 0644}, "has an empty part"},
           {{.name = std::string(1025, 'a'), .content = "x", .mode = S_IFREG | 0644}, "no length"},
           {{.name = "link", .content = "/etc", .mode = S_IFLNK | 0777}, "neither a file nor a directory"},
           {{.name = "device", .content = "", .mode = S_IFCHR | 0666}, "neither a file nor a directory"}}) {
    const auto zip = make_zip({bootstrap, row.entry});
    EXPECT_NE(refusal_of(zip).find(row.why), std::string::npos) << row.entry.name << ": " << refusal_of(zip);
    const TemporaryDirectory directory;
    EXPECT_THROW(runner::unpack_archive(zip, directory / "code"), ArchiveError);
    EXPECT_FALSE(std::filesystem::exists(directory / "evil"));
  }
}

TEST(Archive, needs_a_bootstrap_that_can_be_executed) {
  EXPECT_NE(refusal_of(make_zip({{.name = "main.py", .content = "x", .mode = S_IFREG | 0755}})).find("no file"),
            std::string::npos);
  EXPECT_NE(refusal_of(make_zip({{.name = "bin/bootstrap", .content = "x", .mode = S_IFREG | 0755}})).find("no file"),
            std::string::npos);
  EXPECT_NE(refusal_of(make_zip({{.name = "bootstrap", .content = "x", .mode = S_IFREG | 0644}})).find("chmod"),
            std::string::npos);
}

TEST(Archive, is_held_to_its_limits_as_it_unpacks) {
  const auto bomb = make_zip({{.name = "bootstrap", .content = std::string(10'000'000, '\0'), .mode = S_IFREG | 0755}});
  ASSERT_LT(bomb.size(), 100'000U);
  EXPECT_EQ(refusal_of(bomb), "none");
  EXPECT_NE(refusal_of(bomb, {.unpacked_bytes = 9'999'999}).find("more bytes"), std::string::npos);
  EXPECT_NE(refusal_of(bomb, {.zipped_bytes = 100}).find("expected at most 100"), std::string::npos);
  EXPECT_NE(refusal_of(make_zip({{.name = "a", .content = "", .mode = 0}, {.name = "b", .content = "", .mode = 0}}),
                       {.files = 1})
                .find("2 files"),
            std::string::npos);
}

TEST(Archive, that_is_none_or_damaged_is_refused) {
  EXPECT_NE(refusal_of(""), "none");
  EXPECT_NE(refusal_of("hello"), "none");
  const auto good = make_zip({{.name = "bootstrap", .content = std::string(5000, 'x') + "y", .mode = S_IFREG | 0755}});
  EXPECT_NE(refusal_of(good.substr(0, good.size() / 2)), "none");
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    refusal_of(damaged);  // whatever is said, nothing is read that is not there
  }
  auto damaged = good;
  damaged[45] = static_cast<char>(damaged[45] ^ 0x55);  // in the compressed content
  EXPECT_NE(refusal_of(damaged), "none");
}

TEST(Frames, come_out_as_they_went_in_whatever_the_pieces) {
  const auto bytes = runner::frame_header(runner::FrameKind::kEvent, 3) + "abc" +
                     runner::frame_header(runner::FrameKind::kOutput, 0) +
                     runner::frame_header(runner::FrameKind::kEnd, 1) + "d";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    runner::FrameReader reader;
    std::string seen;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      reader.append(bytes.substr(at, piece));
      while (const auto frame = reader.next()) seen += static_cast<char>(frame->kind) + frame->content + ' ';
    }
    EXPECT_EQ(seen, "Eabc O Dd ") << piece;
  }
  runner::FrameReader reader;
  reader.append(std::string("E\xff\xff\xff\xff", 5));
  EXPECT_THROW(reader.next(), std::runtime_error);
}

}  // namespace
}  // namespace hypernat::control::testing
