// The NAT and its specification side by side: whatever happens to one happens to the other, and they are compared.
//
// A step is a number from which it is unfolded in the world as it is then. Steps hold no references to each other, so
// that any part of a sequence is a sequence too and one that fails can be shrunk.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/model/nat_spec.h"
#include "tests/model/traffic.h"
#include "tests/packet/nat_world.h"

namespace hypernat::model {

using StepSeed = std::uint64_t;

/// What a contest is about.
struct Scene {
  dataplane::NatWorld::Options world;
  Cast cast;
  /// Flows that one environment opens first, so that the ports towards one remote endpoint run out.
  std::uint32_t opened_before = 0;
};

class Contest {
 public:
  explicit Contest(const Scene& scene);

  void step(StepSeed seed);
  /// All that there is to compare while nothing happens.
  void compare();
  void let_everything_end();

  /// In what the two differ; nothing as long as they do not.
  const std::string& difference() const { return difference_; }
  /// What happened in the last step, a line for each packet.
  const std::vector<std::string>& story() const { return story_; }
  /// How often each thing happened, by name.
  const std::map<std::string, std::uint64_t>& happened() const { return happened_; }

 private:
  void open_many(std::uint32_t count);
  void send(const std::vector<Traffic::Arrival>& arrivals);
  void send_fragments(Dice& dice);
  void send_fragment(const Traffic::Arrival& arrival);
  void judge_fragments_that_left();
  void judge(const Traffic::Arrival& arrival, const dataplane::Outcome& outcome);
  void note(const spec::Arrival& came, const spec::Fate& seen, const std::string& should_be);
  void let_time_pass(Dice& dice);
  void pass(spec::Time milliseconds);
  void change_table(Dice& dice);
  void change_tenant(Dice& dice, config::Tenant& tenant);
  void change_mapping(Dice& dice, config::Mapping& mapping);
  std::vector<Traffic::Arrival> some_packets(Dice& dice);
  void sweep();
  void let_go();
  void go_round_remotes();
  void compare_flows();
  void compare_counters();
  template <class Value>
  void expect_equal(const std::string& what, const Value& is, const Value& should_be);

  Scene scene_;
  config::Table table_;
  dataplane::NatWorld world_;
  spec::NatSpec spec_;
  Traffic traffic_;
  spec::Time now_;
  std::uint64_t next_uid_ = 1000;
  std::map<std::uint32_t, config::Mapping> removed_;       ///< by number
  std::map<std::uint64_t, std::uint64_t> fullest_before_;  ///< by interface uid: flows towards its fullest remote
  std::vector<Traffic::Arrival> kept_back_;                ///< fragments that come later
  std::map<std::size_t, Traffic::Arrival> fragments_;      ///< that are held, by number
  unsigned changes_ = 0;                                   ///< of the table since the last sweep
  std::string difference_;
  std::vector<std::string> story_;
  std::map<std::string, std::uint64_t> happened_;
};

}  // namespace hypernat::model
