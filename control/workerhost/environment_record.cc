#include "control/workerhost/environment_record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "config/json.h"

namespace hypernat::workerhost {
namespace {

using Json = nlohmann::json;

constexpr const char* kDraftSuffix = ".new";

template <class T>
T parsed(std::optional<T> value, const std::string& text) {
  if (!value) throw std::invalid_argument("found \"" + text + "\"; expected an address");
  return *value;
}

void write_whole(const UniqueFd& file, const std::string& bytes, const std::filesystem::path& path) {
  const auto written = checked(::write(file.get(), bytes.data(), bytes.size()), "writing " + path.string());
  if (static_cast<std::size_t>(written) != bytes.size())
    throw std::system_error(ENOSPC, std::generic_category(), "writing " + path.string());
}

std::string read_facts(const UniqueFd& file, const std::filesystem::path& path) {
  struct stat status {};
  checked(::fstat(file.get(), &status), "looking at " + path.string());
  const auto skip = static_cast<off_t>(sizeof(EnvironmentLife));
  std::string text(static_cast<std::size_t>(std::max<off_t>(status.st_size - skip, 0)), '\0');
  const auto size = checked(::pread(file.get(), text.data(), text.size(), skip), "reading " + path.string());
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

std::string to_json(const EnvironmentFacts& facts) {
  return Json{{"Slot", to_number(facts.slot)},
              {"Address", to_string(facts.address)},
              {"Function", facts.function},
              {"Mapping", to_number(facts.mapping)},
              {"StartedNs", facts.started_ns},
              {"Gateway", to_string(facts.gateway.address)},
              {"GatewayMac", to_string(facts.gateway.mac)},
              {"Mtu", facts.mtu},
              {"VxlanPort", facts.vxlan_port}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

EnvironmentFacts environment_facts_from_json(const std::string& text) {
  try {
    const Json object = Json::parse(text);
    const auto address = object.at("Address").get<std::string>();
    const auto gateway = object.at("Gateway").get<std::string>();
    const auto gateway_mac = object.at("GatewayMac").get<std::string>();
    EnvironmentFacts facts;
    facts.slot = SlotNumber{object.at("Slot").get<std::uint32_t>()};
    facts.address = parsed(parse_ipv4_address(address), address);
    facts.function = object.at("Function").get<std::string>();
    facts.mapping = MappingNumber{object.at("Mapping").get<std::uint32_t>()};
    facts.started_ns = object.at("StartedNs").get<std::int64_t>();
    facts.gateway.address = parsed(parse_ipv4_address(gateway), gateway);
    facts.gateway.mac = parsed(parse_mac_address(gateway_mac), gateway_mac);
    facts.mtu = object.at("Mtu").get<std::uint16_t>();
    facts.vxlan_port = object.at("VxlanPort").get<std::uint16_t>();
    return facts;
  } catch (const Json::exception& error) {
    throw std::invalid_argument(error.what());
  }
}

std::string reason_to_end(const EnvironmentFacts& facts, const config::WorkerhostConfig& config,
                          const Ipv4Prefix& block) {
  const auto changed = [](const char* key, const auto& was, const auto& is) {
    return fmt::format("{} was {} when its network was made, and is {} now", key, was, is);
  };
  const std::uint32_t slot = to_number(facts.slot);
  if (slot >= config.slots) return fmt::format("its slot is number {}, and `slots` is {} now", slot, config.slots);
  if (slot >= slots_of_block(block) || facts.address != slot_address(block, facts.slot))
    return fmt::format("its address is not slot {}'s in the block {} that the control plane gives now", slot,
                       to_string(block));
  if (facts.gateway.address != config.gateway.address)
    return changed("gateway", to_string(facts.gateway.address), to_string(config.gateway.address));
  if (facts.gateway.mac != config.gateway.mac)
    return changed("gateway_mac", to_string(facts.gateway.mac), to_string(config.gateway.mac));
  if (facts.mtu != config.mtu) return changed("mtu", facts.mtu, config.mtu);
  if (facts.vxlan_port != config.vxlan_port) return changed("vxlan_port", facts.vxlan_port, config.vxlan_port);
  return {};
}

EnvironmentRecord::EnvironmentRecord(std::filesystem::path path) : path_(std::move(path)) {
  const UniqueFd file(checked(::open(path_.c_str(), O_RDONLY | O_CLOEXEC), "opening " + path_.string()));
  try {
    facts_ = environment_facts_from_json(read_facts(file, path_));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(path_.string() + ": " + error.what());
  }
}

EnvironmentRecord EnvironmentRecord::create(const std::filesystem::path& directory, const EnvironmentFacts& facts,
                                            UniqueFd& lock) {
  const auto path = directory / std::to_string(to_number(facts.slot));
  const auto draft = path.string() + kDraftSuffix;
  lock = UniqueFd(checked(::open(draft.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), "making " + draft));
  checked(::flock(lock.get(), LOCK_EX | LOCK_NB), "locking " + draft);
  write_whole(lock, std::string(sizeof(EnvironmentLife), '\0') + to_json(facts), draft);
  checked(::rename(draft.c_str(), path.c_str()), "making " + path.string());
  return {path, facts};
}

EnvironmentLife EnvironmentRecord::life() const {
  const UniqueFd file(removed_.is_open() ? -1 : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  EnvironmentLife life;
  const auto size = ::pread(file.is_open() ? file.get() : removed_.get(), &life, sizeof(life), 0);
  return size == sizeof(life) ? life : EnvironmentLife{};
}

void EnvironmentRecord::remove() {
  if (removed_.is_open()) return;
  removed_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  ::unlink(path_.c_str());
}

bool is_record_locked(const std::filesystem::path& path) {
  const UniqueFd file(checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "opening " + path.string()));
  return ::flock(file.get(), LOCK_SH | LOCK_NB) < 0;
}

std::filesystem::path make_record_directory(const std::filesystem::path& state_directory) {
  auto directory = state_directory / "environments";
  if (::mkdir(directory.c_str(), 0700) < 0 && errno != EEXIST) throw_errno("making " + directory.string());
  return directory;
}

std::vector<std::filesystem::path> list_records(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> records;
  std::vector<std::filesystem::path> drafts;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    (entry.path().extension() == kDraftSuffix ? drafts : records).push_back(entry.path());
  for (const auto& draft : drafts) std::filesystem::remove(draft);
  std::sort(records.begin(), records.end());
  return records;
}

}  // namespace hypernat::workerhost
