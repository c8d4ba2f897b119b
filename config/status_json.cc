// A data plane's status as a JSON document; members are named as in the struct. Unknown members are ignored, so that a
// newer data plane can report to an older control plane.
#include <stdexcept>

#include "config/json.h"
#include "config/store.h"

namespace hypernat::config {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse_member(const std::string& member, const std::string& found, const std::string& expected) {
  throw std::invalid_argument("status: found " + found + " for \"" + member + "\"; expected " + expected);
}

const Json& member_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end()) refuse_member(name, "nothing", "a member of that name");
  return *member;
}

void read(const Json& object, const char* name, std::string& value) {
  const Json& member = member_of(object, name);
  if (!member.is_string()) refuse_member(name, member.type_name(), "a string");
  value = member.get<std::string>();
}

template <class Integer>
void read(const Json& object, const char* name, Integer& value) {
  const Json& member = member_of(object, name);
  // Comparing through the library would convert first: -1 must not become a huge generation.
  const bool in_range = member.is_number_unsigned()
                            ? std::in_range<Integer>(member.get<std::uint64_t>())
                            : member.is_number_integer() && std::in_range<Integer>(member.get<std::int64_t>());
  // Only numbers in full: writing out a list takes a stack frame for each of its levels, however many there are.
  if (!in_range)
    refuse_member(name, member.is_number() ? member.dump() : member.type_name(), "an integer of its range");
  value = member.get<Integer>();
}

PortUse read_port_use(const Json& object) {
  if (!object.is_object()) refuse_member("port_use", object.type_name(), "an array of objects");
  PortUse use;
  read(object, "interface_id", use.interface_id);
  read(object, "ports_in_use", use.ports_in_use);
  read(object, "exhausted", use.exhausted);
  return use;
}

}  // namespace

std::string to_json(const DataplaneStatus& status) {
  Json port_use = Json::array();
  for (const PortUse& use : status.port_use) {
    port_use.push_back(
        {{"interface_id", use.interface_id}, {"ports_in_use", use.ports_in_use}, {"exhausted", use.exhausted}});
  }
  const Json document = {{"node", status.node},
                         {"epoch", status.epoch},
                         {"generation", status.generation},
                         {"table_sha256", status.table_sha256},
                         {"unix_milliseconds", status.unix_milliseconds},
                         {"beat_milliseconds", status.beat_milliseconds},
                         {"refusal", status.refusal},
                         {"stalled_workers", status.stalled_workers},
                         {"port_use", std::move(port_use)}};
  // A refusal may quote bytes of a broken table: what is not UTF-8 is replaced, a status is written in any case.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

DataplaneStatus status_from_json(std::string_view text) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw std::invalid_argument("status: found text that is not JSON; expected an object");
  if (!document.is_object()) {
    throw std::invalid_argument(std::string("status: found ") + document.type_name() + "; expected an object");
  }
  DataplaneStatus status;
  read(document, "node", status.node);
  read(document, "epoch", status.epoch);
  read(document, "generation", status.generation);
  read(document, "table_sha256", status.table_sha256);
  read(document, "unix_milliseconds", status.unix_milliseconds);
  read(document, "beat_milliseconds", status.beat_milliseconds);
  read(document, "refusal", status.refusal);
  const Json& port_use = member_of(document, "port_use");
  if (!port_use.is_array()) refuse_member("port_use", port_use.type_name(), "an array");
  for (const Json& use : port_use) status.port_use.push_back(read_port_use(use));
  // Data planes of before do not say it.
  if (const auto stalled = document.find("stalled_workers"); stalled != document.end()) {
    if (!stalled->is_array()) refuse_member("stalled_workers", stalled->type_name(), "an array of worker numbers");
    for (const Json& worker : *stalled) {
      if (!worker.is_number_unsigned() || worker.get<std::uint64_t>() > 0xffff)
        refuse_member("stalled_workers", worker.is_number() ? worker.dump() : worker.type_name(),
                      "an array of worker numbers");
      status.stalled_workers.push_back(worker.get<std::uint16_t>());
    }
  }
  return status;
}

}  // namespace hypernat::config
