#include "dataplane/telemetry/telemetry.h"

#include <rte_version.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace hypernat::dataplane {
namespace {

constexpr std::chrono::milliseconds kAnswerPatience{1000};

// DPDK's handlers carry no context, and commands can not be taken back: this says whom they are for.
std::mutex active_mutex;
Telemetry* active = nullptr;

template <int (Telemetry::*Handler)(const char*, Answer&)>
int handle(const char*, const char* parameter, rte_tel_data* data) {
  const std::lock_guard lock(active_mutex);
  if (active == nullptr) return -ENODEV;
  Answer answer(data);
  return (active->*Handler)(parameter, answer);
}

struct Command {
  const char* name;
  telemetry_cb handler;
  const char* help;
};

constexpr Command kCommands[] = {
    {"/hypernat/info", handle<&Telemetry::info>,
     "Node, table in use, workers, what is in use of what was allocated. No parameter"},
    {"/hypernat/workers", handle<&Telemetry::workers>,
     "Workers, the lcore that each is on, and when its last round was. Parameter: page"},
    {"/hypernat/account", handle<&Telemetry::account>,
     "Packet account; it closes when balance is 0. Parameter: worker"},
    {"/hypernat/drops", handle<&Telemetry::drops>, "Dropped packets by reason. Parameter: worker"},
    {"/hypernat/ports", handle<&Telemetry::ports>, "Device ports. Parameter: page"},
    {"/hypernat/interfaces", handle<&Telemetry::interfaces>, "Interfaces and their counters. Parameter: page"},
    {"/hypernat/tenants", handle<&Telemetry::tenants>, "Tenants and their counters. Parameter: page"},
    {"/hypernat/mappings", handle<&Telemetry::mappings>, "Mappings of the table in use. Parameter: page"},
    {"/hypernat/flows", handle<&Telemetry::flows>, "Open flows. Parameter: page"},
    {"/hypernat/neighbours", handle<&Telemetry::neighbours>, "What ARP found. Parameter: page"},
    {"/hypernat/trace_start", handle<&Telemetry::trace_start>,
     "Trace packets. Parameter: mapping=1;address=10.0.1.10;port=80;protocol=tcp;count=20, all optional"},
    {"/hypernat/trace", handle<&Telemetry::trace>, "Traced packets so far. Parameter: page"},
    {"/hypernat/trace_stop", handle<&Telemetry::trace_stop>, "Stop tracing. No parameter"},
};

}  // namespace

std::size_t number_in(const char* parameter, std::size_t otherwise) {
  if (parameter == nullptr) return otherwise;
  std::size_t number = otherwise;
  const auto [end, error] = std::from_chars(parameter, parameter + std::strlen(parameter), number);
  return error == std::errc{} ? number : otherwise;
}

Telemetry::Telemetry(Dataplane& dataplane) : dataplane_(dataplane) {
  const std::lock_guard lock(active_mutex);
  active = this;
  for (const Command& command : kCommands) rte_telemetry_register_cmd(command.name, command.handler, command.help);
}

Telemetry::~Telemetry() {
  const std::lock_guard lock(active_mutex);
  active = nullptr;
  dataplane_.trace(nullptr);
}

const Mailbox::Answer* Telemetry::ask(Worker& worker, Mailbox::Question question, std::uint32_t cursor) {
  return worker.mailbox().ask(question, cursor, kAnswerPatience) ? &worker.mailbox().answer() : nullptr;
}

int Telemetry::info(const char*, Answer& answer) {
  const auto tables = dataplane_.tables().current();
  std::uint64_t flows = 0;
  std::uint64_t redirects = 0;
  std::uint64_t remotes = 0;
  std::uint64_t port_bitmaps = 0;
  std::uint64_t datagrams = 0;
  for (const auto& worker : dataplane_.workers()) {
    const Mailbox::Answer* account = ask(*worker, Mailbox::Question::kAccount, 0);
    if (account == nullptr) continue;
    flows += account->open_flows;
    redirects += account->redirects;
    remotes += account->remotes;
    port_bitmaps += account->port_bitmaps;
    datagrams += account->datagrams;
  }
  answer.add("node", dataplane_.config().node)
      .add("dpdk", rte_version())
      .add("pid", static_cast<std::uint64_t>(getpid()))
      .add("epoch", tables->epoch)
      .add("generation", tables->generation)
      .add("table_sha256", tables->sha256)
      .add("refusal", dataplane_.tables().refusal())
      .add("workers", dataplane_.workers().size())
      .add("flows", flows)
      .add("flow_limit", std::uint64_t{dataplane_.config().limits.flows} * dataplane_.workers().size())
      .add("redirects", redirects)
      .add("remotes", remotes)
      .add("port_bitmaps", port_bitmaps)
      .add("fragmented_datagrams", datagrams)
      .add("buffers_in_use", dataplane_.buffers_in_use())
      .add("milliseconds", dataplane_.clock().now());
  return 0;
}

// Pages are walked in order; a page asked for out of order is found by walking to it.
template <typename Add>
int Telemetry::walk_workers(Mailbox::Question question, const char* parameter, std::vector<Place>& pages,
                            Answer& answer, Add&& add) {
  const std::size_t page = number_in(parameter, 0);
  if (page == 0) pages.assign(1, Place{});
  if (page >= pages.size()) return 0;
  Place place = pages[page];
  while (place.worker < dataplane_.workers().size() && !answer.full()) {
    const Mailbox::Answer* part = ask(*dataplane_.workers()[place.worker], question, place.cursor);
    if (part == nullptr) return -ETIMEDOUT;
    add(place.worker, *part);
    place.cursor = part->next;
    if (part->next == kNone) place = {place.worker + 1, 0};
    // A part is at most what a page takes; what would not fit any more begins the next page.
    if (answer.entries() > 0) break;
  }
  if (answer.entries() > 0 && page + 1 == pages.size()) pages.push_back(place);
  return 0;
}

int Telemetry::flows(const char* parameter, Answer& answer) {
  const auto tables = dataplane_.tables().current();
  return walk_workers(
      Mailbox::Question::kFlows, parameter, flow_pages_, answer, [&](std::size_t worker, const Mailbox::Answer& part) {
        for (std::size_t i = 0; i < part.filled; ++i) {
          const FlowView& flow = part.flows[i];
          const bool known = flow.interface_slot < tables->interfaces.size();
          answer.entry([&](Answer& entry) {
            entry.add("worker", worker)
                .add("mapping", to_number(flow.mapping))
                .add("protocol", to_string(flow.protocol))
                .add("state", name_of(flow.state))
                .add("inside", to_string(flow.inside))
                .add("inside_port", flow.inside_port.host())
                .add("interface", known ? std::string_view(tables->interfaces[flow.interface_slot].id) : "")
                .add("interface_address", to_string(flow.interface))
                .add("interface_port", flow.interface_port.host())
                .add("remote", to_string(flow.remote))
                .add("remote_port", flow.remote_port.host())
                .add("tunnel_peer", to_string(flow.peer))
                .add("rule", flow.rule)
                .add("age_ms", flow.age)
                .add("idle_ms", flow.idle)
                .add("outbound_packets", flow.outbound_packets)
                .add("outbound_bytes", flow.outbound_bytes)
                .add("inbound_packets", flow.inbound_packets)
                .add("inbound_bytes", flow.inbound_bytes);
          });
        }
      });
}

int Telemetry::neighbours(const char* parameter, Answer& answer) {
  static constexpr const char* kStates[] = {"free", "unresolved", "reachable", "stale", "failed"};
  return walk_workers(Mailbox::Question::kNeighbours, parameter, neighbour_pages_, answer,
                      [&](std::size_t worker, const Mailbox::Answer& part) {
                        for (std::size_t i = 0; i < part.filled; ++i) {
                          const Neighbour& neighbour = part.neighbours[i];
                          const bool underlay = neighbour.link.is_underlay();
                          answer.entry([&](Answer& entry) {
                            entry.add("worker", worker)
                                .add("link", underlay ? "underlay" : "subnet")
                                .add(underlay ? "attachment" : "subnet",
                                     underlay
                                         ? std::string_view(dataplane_.attachments()[neighbour.link.attachment()].name)
                                         : std::string_view(std::to_string(to_number(neighbour.link.subnet_number()))))
                                .add("address", to_string(neighbour.address))
                                .add("state", kStates[static_cast<std::size_t>(neighbour.state)])
                                .add("mac", to_string(neighbour.at.mac))
                                .add("vtep", to_string(neighbour.at.vtep))
                                .add("attempts", neighbour.attempts)
                                .add("references", neighbour.references)
                                .add("age_ms", part.now - neighbour.changed);
                          });
                        }
                      });
}

}  // namespace hypernat::dataplane
