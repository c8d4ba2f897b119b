// What a measurement leaves: samples, each with all that tells what it is of.
//
// A figure is the median of its run's samples; ratios are formed within a run, by whoever reads them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace hypernat::bench {

/// Cycles are TSC cycles per packet or operation.
struct Figure {
  std::string measure;  ///< "journey", "floor", "physics", …
  std::string setting;  ///< what it was measured at: "plain outbound uniform", …
  std::uint64_t flows = 0;
  std::uint32_t run = 0;
  std::string unit = "cycles";
  std::vector<double> samples;

  double value() const;  ///< the median
};

/// The `rank`-th quantile (0 … 1) of values in any order; 0 of none.
double quantile(std::vector<double> values, double rank);

class Report {
 public:
  /// Keeps it, and says so in a line on standard error. Throws std::runtime_error when there are no samples.
  void add(Figure figure);
  /// One figure for each rank, its name behind the setting of `of`: a quantile of the values.
  struct Rank {
    const char* name;
    double share;
  };
  void add_quantiles(const Figure& of, const std::vector<double>& values, std::initializer_list<Rank> ranks);
  /// All figures, with their medians and samples.
  nlohmann::json json() const;

 private:
  std::vector<Figure> figures_;
};

}  // namespace hypernat::bench
