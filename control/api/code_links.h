// Links to uploaded code, as GetFunction's Code.Location tells them: whoever has one may fetch the archive without a
// signature of his own, for ten minutes. AWS's lead to S3; these lead to the server that was asked.
//
// A link is signed with a secret that ends with the process, and so does every link. It names the archive by what it
// holds: one that no function has any more is not there.
#pragma once

#include <string>

#include "control/api/message.h"
#include "control/lifecycle/clock.h"

namespace hypernat::control {

/// An account's archive, by its SHA-256 as functions say it.
struct CodeName {
  std::string account;
  std::string sha256;
};

inline constexpr const char* kArchiveType = "application/zip";

class CodeLinks {
 public:
  CodeLinks();

  /// "http://", the host that `asked` names, and what leads to the code until ten minutes from now.
  std::string make(const CodeName& code, const ApiRequest& asked, TimePoint now) const;

  static bool is_for(const ApiRequest& request);
  /// What a link leads to. Throws Refusal: kAccessDenied when it was not made here or is over.
  CodeName open(const ApiRequest& request, TimePoint now) const;

 private:
  std::string signature_of(const std::string& path, const std::string& expires) const;

  const std::string secret_;
};

}  // namespace hypernat::control
