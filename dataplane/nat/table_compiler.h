// From the table that the control plane published to the one that workers read.
//
// It remembers which slot every object has, so that an object which stands keeps its slot and flows may hold slots
// across generations. A freed slot is not given away before `reclaim`. Route and rule sets of equal content are one
// object, across subnets, mappings and generations. Main lcore only; may allocate and throw.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/table.h"
#include "dataplane/nat/tables.h"

namespace hypernat::dataplane {

class TableCompiler {
 public:
  struct Options {
    std::vector<std::string> outside_attachments;  ///< by name; Segment::attachment becomes `attachment_index` of it
    std::vector<std::uint8_t> attachment_indices;  ///< of the same length: index among all attachments
    std::uint32_t tenants = 1024;                  ///< slots of each kind: the limits of the configuration
    std::uint32_t subnets = 1024;
    std::uint32_t mappings = 4096;
    std::uint32_t interfaces = 4096;
  };

  explicit TableCompiler(Options options);
  ~TableCompiler();

  /// `table` is validated. Throws config::TableError when it exceeds a limit (slots that await `reclaim` count) or
  /// names an attachment that is not there; then nothing has changed. Compile the next only after every worker has
  /// switched to this one.
  std::shared_ptr<const Tables> compile(const config::Table& table, std::string sha256);

  /// Every worker uses the tables compiled last and has swept the flows of earlier ones (Nat::swept): slots freed so
  /// far may be given away again.
  void reclaim();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hypernat::dataplane
