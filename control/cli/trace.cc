// hypernat trace: arms the data plane's trace, and tells the decisions for each packet that matched.
#include <fmt/format.h>

#include <iostream>
#include <thread>

#include "config/json.h"
#include "control/cli/commands.h"
#include "control/cli/errors.h"
#include "control/cli/telemetry_client.h"
#include "control/cli/text_table.h"

namespace hypernat::cli {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTracePollInterval{50};

std::string filter_of(const TraceOptions& trace) {
  std::string filter = fmt::format("count={}", trace.count);
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) filter += fmt::format(";{}={}", name, value);
  };
  add("mapping", trace.mapping);
  add("address", trace.address);
  add("port", trace.port);
  add("protocol", trace.protocol);
  if (trace.openings_only) add("openings", "only");
  return filter;
}

/// Stops the trace however the command ends, so that the workers do not record for nobody.
class ArmedTrace {
 public:
  ArmedTrace(const TelemetryClient& dataplane, const std::string& filter) : dataplane_(dataplane) {
    const auto answer = dataplane_.ask("/hypernat/trace_start", filter);
    if (answer.contains("error"))
      throw CommandError("the data plane does not take the filter '" + filter + "': " + member_text(answer, "error"));
  }
  ~ArmedTrace() {
    try {
      dataplane_.ask("/hypernat/trace_stop");
    } catch (const std::exception&) {  // it went away; nothing is left to be stopped
    }
  }
  ArmedTrace(const ArmedTrace&) = delete;
  ArmedTrace& operator=(const ArmedTrace&) = delete;

 private:
  const TelemetryClient& dataplane_;
};

std::string flow_of(const json& record) {
  const auto flow = member_text(record, "flow");
  if (flow.empty()) return "no flow";
  if (member_text(record, "flow_opened") != "yes") return "flow " + flow + " was open already";
  return fmt::format("rule {} of its security groups permits it: flow {} opens", member_text(record, "rule"), flow);
}

/// One packet, one paragraph: where it came from, what was decided, where it went.
std::string story_of(const json& record) {
  const auto text = [&](const char* name) { return member_text(record, name); };
  const auto flags = text("tcp_flags").empty() ? "" : " [" + text("tcp_flags") + "]";
  std::string story = text("direction") + " ";
  if (record.contains("icmp_error"))
    story += fmt::format("ICMP error ({}) from {} about ", text("icmp_error"), text("icmp_error_from"));
  story += fmt::format("{}{}, {} bytes, worker {}", text("protocol"), flags, text("bytes"), text("worker"));
  if (text("home") != text("worker")) story += fmt::format(" (at home on worker {})", text("home"));
  story += fmt::format("\n  received   {} -> {}   on {}, segment {}, from tunnel end {}\n", text("src"), text("dst"),
                       text("attachment"), text("segment"), text("tunnel_peer"));
  if (record.contains("mapping")) story += fmt::format("  mapping    {}, subnet {}\n", text("mapping"), text("subnet"));
  story += fmt::format("  flow       {}\n", flow_of(record));
  if (record.contains("out_src")) {
    story += fmt::format("  rewritten  {} -> {}", text("out_src"), text("out_dst"));
    if (record.contains("interface")) story += fmt::format("   interface {}", text("interface"));
    story += "\n";
    story += fmt::format("  next hop   {} at {}, on {} to tunnel end {}\n", text("next_hop"), text("next_hop_mac"),
                         text("out_attachment"), text("tunnel_end"));
  }
  story += fmt::format("  verdict    {}", text("verdict"));
  if (record.contains("to_worker")) story += fmt::format(" to worker {}: {}", text("to_worker"), text("reason"));
  return story + "\n";
}

}  // namespace

int trace_packets(const Options& options, const TraceOptions& trace) {
  const TelemetryClient dataplane(options.dataplane);
  const ArmedTrace armed(dataplane, filter_of(trace));
  std::cerr << "hypernat: waiting for " << trace.count << " packets\n";
  const auto limit = steady_clock::now() + trace.patience;
  auto records = json::array();
  while (records.size() < trace.count && steady_clock::now() < limit) {
    std::this_thread::sleep_for(kTracePollInterval);
    records = dataplane.ask_pages("/hypernat/trace");
  }
  if (records.empty())
    throw CommandError(
        fmt::format("no packet matched within {} s", trace.patience.count()),
        "`hypernat mappings` lists the mappings; `hypernat drops` what was dropped before a mapping was known");
  if (options.output == Output::kJson) {
    std::cout << records.dump(2) << "\n";
    return 0;
  }
  for (const auto& record : records) std::cout << (record == records.front() ? "" : "\n") << story_of(record);
  return 0;
}

}  // namespace hypernat::cli
