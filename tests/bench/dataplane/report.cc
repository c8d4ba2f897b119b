#include "tests/bench/dataplane/report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace hypernat::bench {

double quantile(std::vector<double> values, double rank) {
  if (values.empty()) return 0;
  const auto at = std::min(values.size() - 1, static_cast<std::size_t>(rank * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

double Figure::value() const {
  return quantile(samples, 0.5);
}

void Report::add_quantiles(const Figure& of, const std::vector<double>& values, std::initializer_list<Rank> ranks) {
  for (const Rank& rank : ranks) {
    Figure figure = of;
    figure.setting += std::string(" ") + rank.name;
    figure.samples = {quantile(values, rank.share)};
    add(std::move(figure));
  }
}

void Report::add(Figure figure) {
  if (figure.samples.empty()) throw std::runtime_error("nothing was measured for " + figure.measure + ": more flows");
  std::fprintf(stderr, "%-12s %-36s %9llu flows, run %u: %10.1f %s\n", figure.measure.c_str(), figure.setting.c_str(),
               static_cast<unsigned long long>(figure.flows), figure.run, figure.value(), figure.unit.c_str());
  figures_.push_back(std::move(figure));
}

nlohmann::json Report::json() const {
  auto all = nlohmann::json::array();
  for (const Figure& figure : figures_) {
    all.push_back({{"measure", figure.measure},
                   {"setting", figure.setting},
                   {"flows", figure.flows},
                   {"run", figure.run},
                   {"unit", figure.unit},
                   {"value", figure.value()},
                   {"samples", figure.samples}});
  }
  return all;
}

}  // namespace hypernat::bench
