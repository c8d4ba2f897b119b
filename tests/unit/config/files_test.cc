// Configuration files as files: ones that are none, the examples, telling them apart, the reference, noise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

#include "config/control_config.h"
#include "config/dataplane_config.h"
#include "config/functions_config.h"
#include "config/validate_files.h"
#include "config/workerhost_config.h"

namespace hypernat::config {
namespace files {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path example(const std::string& name) {
  return fs::path(std::getenv("HYPERNAT_SOURCE_ROOT")) / "config" / name;
}

class ConfigFile : public testing::Test {
 protected:
  ConfigFile() {
    std::string name = (fs::temp_directory_path() / "hypernat-config-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    directory_ = name;
  }
  ~ConfigFile() override { fs::remove_all(directory_); }

  fs::path put(const std::string& name, std::string_view text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }

  /// What loading the file says, with the directory cut off.
  std::string refusal_of(const fs::path& file) const {
    try {
      load_functions_config(file);
    } catch (const ConfigError& error) {
      std::string text = error.what();
      const std::string prefix = directory_.string() + "/";
      for (std::size_t at = 0; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
      return text;
    }
    return "";
  }
  std::string refusal_of_text(std::string_view text) const { return refusal_of(put("f.yaml", text)); }

  fs::path directory_;
};

TEST_F(ConfigFile, ThatDoesNotExistIsRefused) {
  EXPECT_EQ(refusal_of(directory_ / "none.yaml"), "none.yaml: found no such file; expected a file to read");
}

TEST_F(ConfigFile, ThatIsADirectoryIsRefused) {
  fs::create_directory(directory_ / "d.yaml");
  EXPECT_EQ(refusal_of(directory_ / "d.yaml"), "d.yaml: found a directory; expected a file to read");
}

TEST_F(ConfigFile, ThatIsEmptyIsRefused) {
  const std::string expected = "f.yaml: found an empty file; expected a map of keys";
  for (const char* text : {"", "\n\n", "   ", "# only a comment\n", "---\n", "~\n", "---\n...\n"}) {
    EXPECT_EQ(refusal_of_text(text), expected) << text;
  }
}

TEST_F(ConfigFile, ThatIsNotYamlIsRefusedWithItsLine) {
  EXPECT_EQ(refusal_of_text("tenants:\n  - [unclosed\n"),
            "f.yaml:3: found text that is not YAML (end of sequence flow not found); expected YAML");
  EXPECT_EQ(refusal_of_text("tenants: {a: b\nc: d\n"),
            "f.yaml:2: found text that is not YAML (end of map flow not found); expected YAML");
  EXPECT_EQ(refusal_of_text("a: 1\n\tb: 2\n"),
            "f.yaml:2: found text that is not YAML (illegal tab when looking for indentation); expected YAML");
  EXPECT_THAT(refusal_of_text(std::string(2'000, '[')), HasSubstr("found text that is not YAML"));
}

TEST_F(ConfigFile, ThatHoldsSomethingElseThanAMapIsRefused) {
  EXPECT_EQ(refusal_of_text("just a text\n"), "f.yaml:1: found \"just a text\"; expected a map with the keys tenants");
  EXPECT_EQ(refusal_of_text("\n- a\n- b\n"), "f.yaml:2: found a list; expected a map with the keys tenants");
  EXPECT_THAT(refusal_of_text(std::string("\x7f"
                                          "ELF\x02\x01\x01\0\0\0",
                                          10)),
              HasSubstr("f.yaml:1: found "));
}

TEST_F(ConfigFile, ThatUsesWhatFilesDoWithoutIsRefused) {
  EXPECT_EQ(refusal_of_text("tenants: &t []\nmore: *t\n"),
            "f.yaml:2: found an alias; expected the value itself, written out");
  EXPECT_EQ(refusal_of_text("tenants: &t [*t]\n"), "f.yaml:1: found an alias; expected the value itself, written out");
  EXPECT_EQ(refusal_of_text("tenants: !include other.yaml\n"),
            "f.yaml:1: found the tag \"!include\"; expected a value without a tag");
  EXPECT_EQ(refusal_of_text("? [a, b]\n: c\n"), "f.yaml:1: found a list as a key; expected a name as a key");
  EXPECT_EQ(refusal_of_text("tenants: []\n---\ntenants: []\n"), "f.yaml: found several YAML documents; expected one");
}

TEST_F(ConfigFile, IsQuotedWithoutWhatATerminalWouldObey) {
  EXPECT_EQ(
      refusal_of_text("tenants: []\n\"a\\e[31m\\nb\": 1\n"),
      "f.yaml:1: found 0 items for \"tenants\"; expected a list of 1 or more items, each a map with the keys account, "
      "name, limits, timeouts, vpcs, functions\n"
      "f.yaml:2: found the unknown key \"a?[31m?b\"; expected one of tenants");
}

TEST(ExampleFiles, AreValidTogether) {
  const std::vector<fs::path> files = {example("functions.yaml"), example("dataplane.yaml"), example("control.yaml"),
                                       example("workerhost.yaml")};
  EXPECT_NO_THROW(validate_files(files));
}

TEST(ExampleFiles, DescribeOneWorld) {
  const DataplaneConfig dataplane = load_dataplane_config(example("dataplane.yaml"));
  const ControlConfig control = load_control_config(example("control.yaml"));
  const WorkerhostConfig host = load_workerhost_config(example("workerhost.yaml"));
  EXPECT_EQ(dataplane.store, control.store);
  EXPECT_EQ(dataplane.lambda_vpc.prefix, control.lambda_vpc.prefix);
  EXPECT_EQ(dataplane.lambda_vpc.gateway, host.gateway);
  EXPECT_EQ(dataplane.attachments[0].address->address, host.dataplane);
  EXPECT_EQ(dataplane.attachments[0].udp_port, host.vxlan_port);
  EXPECT_LE(host.mtu, dataplane.attachments[0].mtu);
  EXPECT_EQ(host.control, control.listen.socket);
  EXPECT_GT(control.mapping_reuse_after, dataplane.timeouts.tcp_established);
}

TEST(ExampleFiles, HoldFiveFunctionsAndThreeNetworkConfigurations) {
  const FunctionsConfig config = load_functions_config(example("functions.yaml"));
  std::size_t functions = 0;
  std::set<std::tuple<std::string, std::string, std::vector<std::string>>> network_configurations;
  for (const TenantConfig& tenant : config.tenants) {
    functions += tenant.functions.size();
    for (const FunctionConfig& function : tenant.functions) {
      for (const std::string& subnet : function.subnets) {
        network_configurations.emplace(tenant.account, subnet, function.security_groups);
      }
    }
  }
  EXPECT_EQ(functions, 5U);
  EXPECT_EQ(network_configurations.size(), 3U);
}

TEST_F(ConfigFile, IsKnownByItsKeysWhateverItsName) {
  const auto copy = [this](const std::string& name) {
    fs::copy_file(example(name), directory_ / ("x" + name));
    return directory_ / ("x" + name);
  };
  EXPECT_EQ(kind_of(copy("dataplane.yaml")), FileKind::kDataplane);
  EXPECT_EQ(kind_of(copy("control.yaml")), FileKind::kControl);
  EXPECT_EQ(kind_of(copy("workerhost.yaml")), FileKind::kWorkerhost);
  EXPECT_EQ(kind_of(copy("functions.yaml")), FileKind::kFunctions);
  EXPECT_THROW(kind_of(put("other.yaml", "services: []\n")), ConfigError);
  EXPECT_THROW(kind_of(put("text.yaml", "text\n")), ConfigError);
}

TEST_F(ConfigFile, MistakesOfAllFilesAreSaidAtOnce) {
  const std::vector<fs::path> files = {put("c.yaml", "region: \"\"\n"), put("f.yaml", "tenants: 1\n"),
                                       directory_ / "none.yaml", example("workerhost.yaml")};
  try {
    validate_files(files);
    FAIL() << "validated";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.mistakes().size(), 3U) << error.what();
  }
}

TEST_F(ConfigFile, OfFunctionsIsHeldAgainstTheDataPlanesGivenWithIt) {
  std::ifstream stream(example("functions.yaml"));
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  text.replace(text.find("attachment: tenants"), 19, "attachment: nowhere");
  const fs::path functions = put("functions.yaml", text);
  EXPECT_NO_THROW(validate_files(std::vector<fs::path>{functions}));
  try {
    validate_files(std::vector<fs::path>{functions, example("dataplane.yaml")});
    FAIL() << "validated";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("found \"nowhere\"; expected an outside attachment of data plane \"dp1\": tenants"));
  }
}

TEST(Reference, HasALineForEveryKeyWithItsDefault) {
  const std::string reference = reference_markdown();
  EXPECT_THAT(reference, HasSubstr("### dataplane.yaml\n\n| Key | Type | Unit | Default | Range | Meaning |\n"));
  EXPECT_THAT(reference, HasSubstr("| `workers.burst` | integer | packets | 64 | 1 to 256 | "));
  EXPECT_THAT(reference, HasSubstr("| `timeouts.tcp_established` | duration | us, ms, s, m, h or d | 350s | "));
  EXPECT_THAT(
      reference,
      HasSubstr("| `tenants[].functions[].subnets` | list of id | | required | 1 to 16 items, each subnet-… | "));
  std::istringstream lines(reference);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| `")) {
      EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 7) << line;
    }
  }
}

// Whatever is in a file: it loads, or it is refused as one.
TEST(Noise, IsRefusedOrReadButNothingElse) {
  std::mt19937_64 random(4);
  constexpr std::string_view kBytes = ":-[]{},\"'#&*!|>%@` \n\t\0a1~?\xff\xc3";
  for (const char* name : {"dataplane.yaml", "control.yaml", "workerhost.yaml", "functions.yaml"}) {
    std::ifstream stream(example(name));
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (int round = 0; round < 400; ++round) {
      std::string noisy = text;
      for (std::size_t i = 0, changes = 1 + random() % 6; i < changes; ++i) {
        const std::size_t at = random() % noisy.size();
        switch (random() % 3) {
          case 0:
            noisy[at] = kBytes[random() % kBytes.size()];
            break;
          case 1:
            noisy.insert(at, 1, kBytes[random() % kBytes.size()]);
            break;
          default:
            noisy.erase(at, 1 + random() % 8);
            break;
        }
      }
      for (const auto& parse : {+[](const std::string& t) { parse_dataplane_config(t, "f"); },
                                +[](const std::string& t) { parse_control_config(t, "f"); },
                                +[](const std::string& t) { parse_workerhost_config(t, "f"); },
                                +[](const std::string& t) { parse_functions_config(t, "f"); }}) {
        try {
          parse(noisy);
        } catch (const ConfigError& error) {
          ASSERT_FALSE(error.mistakes().empty());
        }
      }
    }
  }
}

}  // namespace files
}  // namespace hypernat::config
