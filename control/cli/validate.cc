// hypernat validate: what is wrong with configuration files, without touching anything else.
#include <iostream>

#include "config/json.h"
#include "config/validate_files.h"
#include "control/cli/commands.h"

namespace hypernat::cli {

int validate(const Options& options, const ValidateOptions& validate) {
  if (validate.reference) {
    std::cout << config::reference_markdown();
    return 0;
  }
  config::validate_files(validate.files);
  auto list = nlohmann::json::array();
  for (const auto& file : validate.files) {
    const auto kind = to_string(config::kind_of(file));
    list.push_back({{"File", file.string()}, {"Kind", kind}});
    if (options.output == Output::kTables) std::cout << file.string() << ": a good " << kind << "\n";
  }
  if (options.output == Output::kJson) std::cout << nlohmann::json{{"Files", list}}.dump(2) << "\n";
  return 0;
}

}  // namespace hypernat::cli
