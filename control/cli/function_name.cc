#include "control/cli/function_name.h"

#include <sstream>
#include <vector>

#include "config/json.h"
#include "control/cli/errors.h"

namespace hypernat::cli {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

}  // namespace

FunctionName parse_function_name(const std::string& text) {
  if (text.starts_with("arn:")) {  // arn:aws:lambda:region:account:function:name[:qualifier]
    const auto parts = split(text, ':');
    if ((parts.size() == 7 || parts.size() == 8) && parts[2] == "lambda" && parts[5] == "function")
      return {.account = parts[4], .name = parts[6]};
    throw CommandError("function '" + text + "': expected arn:aws:lambda:REGION:ACCOUNT:function:NAME");
  }
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {.account = {}, .name = text};
  if (slash == 0 || slash + 1 == text.size() || text.find('/', slash + 1) != std::string::npos)
    throw CommandError("function '" + text + "': expected NAME, ACCOUNT/NAME or an ARN");
  return {.account = text.substr(0, slash), .name = text.substr(slash + 1)};
}

FunctionName resolve(const ControlConnection& control, FunctionName function) {
  if (!function.account.empty()) return function;
  std::vector<std::string> owners;
  for (const auto& account : control.accounts())
    if (control.find("/2015-03-31/functions/" + encode_segment(function.name), account)) owners.push_back(account);
  if (owners.empty())
    throw CommandError("no account has a function '" + function.name + "'", "`hypernat functions` lists them all");
  if (owners.size() > 1) {
    std::string names;
    for (const auto& owner : owners) names += (names.empty() ? "" : " or ") + owner + "/" + function.name;
    throw CommandError("several accounts have a function '" + function.name + "'", "say which: " + names);
  }
  function.account = owners.front();
  return function;
}

}  // namespace hypernat::cli
