#include "control/cli/coldstart/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "config/json.h"
#include "control/cli/errors.h"
#include "control/cli/text_table.h"

namespace hypernat::coldstart {
namespace {

using nlohmann::json;

constexpr double kPercents[] = {50, 90, 99, 100};
constexpr const char* kPercentNames[] = {"p50", "p90", "p99", "max"};

double to_ms(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

bool is_answered(const Sample& sample) {
  return sample.failure.empty();
}

/// What `value` makes of every answered sample, sorted; what is negative is not known and left out.
template <class Value>
std::vector<std::int64_t> sorted(const std::vector<Sample>& samples, Value value) {
  std::vector<std::int64_t> values;
  for (const auto& sample : samples) {
    if (!is_answered(sample)) continue;
    if (const std::int64_t nanoseconds = value(sample); nanoseconds >= 0) values.push_back(nanoseconds);
  }
  std::sort(values.begin(), values.end());
  return values;
}

struct Row {
  std::string name;
  std::vector<std::int64_t> values;
};

std::vector<Row> rows_of(const ModeResult& result) {
  std::vector<Row> rows;
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    const bool of_leases = stage <= static_cast<std::size_t>(Stage::kLease);
    if (of_leases && result.mode == Mode::kShared) continue;
    rows.push_back({std::string(name_of(static_cast<Stage>(stage))),
                    sorted(result.samples, [stage](const Sample& sample) { return stages_of(sample)[stage]; })});
  }
  rows.push_back({"slot + first packet", sorted(result.samples, connectivity_of)});
  rows.push_back({"all that was measured", sorted(result.samples, measured_total_of)});
  if (result.mode == Mode::kPerEnvironment)
    rows.push_back({"with the model's part", sorted(result.samples, [](const Sample& sample) {
                      return sample.moments.answered - sample.moments.invoked;
                    })});
  return rows;
}

std::map<std::string, std::uint32_t> failures_of(const ModeResult& result) {
  std::map<std::string, std::uint32_t> failures;
  for (const auto& sample : result.samples)
    if (!is_answered(sample)) ++failures[sample.failure];
  return failures;
}

std::string failures_text(const ModeResult& result) {
  std::string text;
  for (const auto& [name, count] : failures_of(result)) {
    const auto example = std::find_if(result.samples.begin(), result.samples.end(),
                                      [&name = name](const Sample& sample) { return sample.failure == name; });
    text += fmt::format("  {} x {}: {}\n", count, name, example->detail);
  }
  return text;
}

std::string interfaces_text(const ModeResult& result) {
  if (result.interfaces.empty()) return {};
  const auto& first = result.interfaces.front();
  const auto most = std::max_element(result.interfaces.begin(), result.interfaces.end(),
                                     [](const auto& a, const auto& b) { return a.interfaces < b.interfaces; });
  const auto least = std::min_element(result.interfaces.begin(), result.interfaces.end(),
                                      [](const auto& a, const auto& b) { return a.addresses < b.addresses; });
  const auto& last = result.interfaces.back();
  return fmt::format(
      "  interfaces {} before, {} at most, {} after; addresses left in the subnet {} before, {} at least, {} after\n",
      first.interfaces, most->interfaces, last.interfaces, first.addresses, least->addresses, last.addresses);
}

// Whether later environments have it as well as earlier ones.
std::string drift_text(const ModeResult& result) {
  const std::size_t part = result.samples.size() / 10;
  if (part == 0) return {};
  const auto median = [](std::vector<Sample> samples) { return percentile(sorted(samples, connectivity_of), 50); };
  return fmt::format(
      "  slot + first packet, p50: {:.3f} ms of the first {}, {:.3f} ms of the last {}\n",
      to_ms(median({result.samples.begin(), result.samples.begin() + static_cast<std::ptrdiff_t>(part)})), part,
      to_ms(median({result.samples.end() - static_cast<std::ptrdiff_t>(part), result.samples.end()})), part);
}

// One table for all modes, so that a row can be compared across.
std::string percentiles_text(const std::vector<ModeResult>& modes) {
  std::vector<std::string> headings{"MILLISECONDS"};
  std::vector<std::string> names;  // of the rows, from the mode that has most
  std::vector<std::map<std::string, std::vector<std::int64_t>>> columns;
  for (const auto& result : modes) {
    for (const char* percent : kPercentNames) {
      const bool is_first = percent == kPercentNames[0];
      headings.push_back(is_first ? fmt::format("{}: {}", name_of(result.mode), percent) : percent);
    }
    const auto rows = rows_of(result);
    if (rows.size() > names.size()) {
      names.clear();
      for (const auto& row : rows) names.push_back(row.name);
    }
    auto& column = columns.emplace_back();
    for (const auto& row : rows) column.emplace(row.name, row.values);
  }
  cli::TextTable table(headings);
  for (const auto& name : names) {
    std::vector<std::string> cells{name};
    for (const auto& column : columns) {
      const auto values = column.find(name);
      for (const double percent : kPercents)
        cells.push_back(values == column.end()   ? "-"
                        : values->second.empty() ? "?"
                                                 : fmt::format("{:.3f}", to_ms(percentile(values->second, percent))));
    }
    table.add(std::move(cells));
  }
  return table.to_string();
}

std::string mode_text(const ModeResult& result) {
  const auto answered = std::count_if(result.samples.begin(), result.samples.end(), is_answered);
  return fmt::format("{}: {} of {} environments were answered\n", name_of(result.mode), answered,
                     result.samples.size()) +
         failures_text(result) + drift_text(result) + interfaces_text(result) +
         fmt::format("  mapping table: generation {}, then {}; {} published, {} bytes\n", result.before.generation,
                     result.after.generation, result.after.count - result.before.count,
                     result.after.bytes - result.before.bytes);
}

json sample_json(const Sample& sample) {
  json object{{"Number", sample.number},   {"WorkerHost", sample.worker_host}, {"Slot", sample.slot},
              {"Address", sample.address}, {"Mapping", sample.mapping},        {"InvokedNs", sample.moments.invoked}};
  if (!is_answered(sample)) {
    object["Failure"] = sample.failure;
    object["Detail"] = sample.detail;
    return object;
  }
  const auto stages = stages_of(sample);
  json& milliseconds = object["Milliseconds"];
  for (std::size_t stage = 0; stage < kStages; ++stage)
    milliseconds[std::string(name_of(static_cast<Stage>(stage)))] = to_ms(stages[stage]);
  object["MeasuredMilliseconds"] = to_ms(measured_total_of(sample));
  if (const auto connectivity = connectivity_of(sample); connectivity >= 0)
    object["SlotAndFirstPacketMilliseconds"] = to_ms(connectivity);
  return object;
}

json publications_json(const Publications& publications) {
  return {{"Epoch", publications.epoch},
          {"Generation", publications.generation},
          {"TableSha256", publications.table_sha256},
          {"Publications", publications.count},
          {"PublishedBytes", publications.bytes}};
}

json mode_json(const ModeResult& result) {
  json percentiles = json::object();
  for (const auto& row : rows_of(result)) {
    json& entry = percentiles[row.name] = json::object();
    for (std::size_t i = 0; i < std::size(kPercents); ++i)
      entry[kPercentNames[i]] = to_ms(percentile(row.values, kPercents[i]));
  }
  json samples = json::array();
  for (const auto& sample : result.samples) samples.push_back(sample_json(sample));
  json interfaces = json::array();
  for (const auto& count : result.interfaces)
    interfaces.push_back({{"Milliseconds", to_ms(count.at_ns)},
                          {"Interfaces", count.interfaces},
                          {"AvailableIpAddressCount", count.addresses}});
  return {{"Mode", name_of(result.mode)},
          {"Percentiles", percentiles},
          {"Failures", failures_of(result)},
          {"Before", publications_json(result.before)},
          {"After", publications_json(result.after)},
          {"Interfaces", interfaces},
          {"Samples", samples}};
}

}  // namespace

std::int64_t percentile(const std::vector<std::int64_t>& values, double percent) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

std::string shared_work(const ModeResult& result) {
  if (result.before == result.after) return {};
  return fmt::format("generation {} ({}) became {} ({}), {} tables of {} bytes were published",
                     result.before.generation, result.before.table_sha256, result.after.generation,
                     result.after.table_sha256, result.after.count - result.before.count,
                     result.after.bytes - result.before.bytes);
}

std::string to_text(const Report& report) {
  const Plan& plan = report.plan;
  std::string text = fmt::format(
      "cold start of {} to {}:{}{}: {} environments {}, seed {}; an interface takes {:.1f} s to make in the model\n",
      plan.function, to_string(plan.server), plan.port, plan.path, plan.count,
      plan.rate > 0 ? fmt::format("at {} a second", plan.rate) : "at once", plan.seed,
      static_cast<double>(plan.provisioning.count()) / 1000);
  text += "\n" + percentiles_text(report.modes) + "\n";
  for (const auto& result : report.modes) text += mode_text(result);
  return text;
}

json to_json(const Report& report) {
  const Plan& plan = report.plan;
  json modes = json::array();
  for (const auto& result : report.modes) modes.push_back(mode_json(result));
  return {{"Function", plan.function},
          {"Account", plan.account},
          {"Target", fmt::format("{}:{}{}", to_string(plan.server), plan.port, plan.path)},
          {"Count", plan.count},
          {"Rate", plan.rate},
          {"Seed", plan.seed},
          {"ModelledProvisioningMilliseconds", plan.provisioning.count()},
          {"Machine", report.machine},
          {"Modes", modes}};
}

std::string to_csv(const Report& report) {
  std::string text = fmt::format("# Seed: {}\n", report.plan.seed);
  for (const auto& [name, value] : report.machine) text += fmt::format("# {}: {}\n", name, value);
  text += "mode,number,worker_host,slot,address,mapping,invoked_ms,failure";
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    std::string name(name_of(static_cast<Stage>(stage)));
    std::erase(name, ',');
    std::replace(name.begin(), name.end(), ' ', '_');
    text += "," + name + "_ms";
  }
  text += ",measured_ms\n";
  for (const auto& result : report.modes) {
    for (const auto& sample : result.samples) {
      text += fmt::format("{},{},{},{},{},{},{:.3f},{}", name_of(result.mode), sample.number, sample.worker_host,
                          sample.slot, sample.address, sample.mapping,
                          to_ms(sample.moments.invoked - result.samples.front().moments.invoked), sample.failure);
      const auto stages = stages_of(sample);
      for (const auto nanoseconds : stages)
        text += is_answered(sample) ? fmt::format(",{:.6f}", to_ms(nanoseconds)) : ",";
      text += is_answered(sample) ? fmt::format(",{:.6f}\n", to_ms(measured_total_of(sample))) : ",\n";
    }
  }
  return text;
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw cli::CommandError("cannot write " + path.string());
}

}  // namespace hypernat::coldstart
