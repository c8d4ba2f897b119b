// Network namespaces as descriptors: made, visited, never mounted anywhere.
//
// A namespace that only descriptors and processes hold goes away by itself when they do, also after SIGKILL; and no
// execution environment inherits four thousand mounts. `nsenter --net=/proc/PID/fd/FD` enters one from outside.
#pragma once

#include <string>

#include "control/workerhost/unique_fd.h"

namespace hypernat::workerhost {

/// Of the calling thread.
UniqueFd current_network_namespace();

/// Brings the calling thread back to the network namespace it was in, however the scope is left.
class NamespaceVisit {
 public:
  NamespaceVisit() : home_(current_network_namespace()) {}
  ~NamespaceVisit();
  NamespaceVisit(const NamespaceVisit&) = delete;
  NamespaceVisit& operator=(const NamespaceVisit&) = delete;

  int home() const { return home_.get(); }
  void enter(int network_namespace) const;
  /// Makes a namespace and enters it.
  UniqueFd enter_new() const;

 private:
  UniqueFd home_;
};

/// Writes a setting under /proc/sys/net of the calling thread's network namespace. Throws std::system_error.
void write_network_setting(const std::string& name, const std::string& value);
/// False when this kernel has no such setting.
bool has_network_setting(const std::string& name);

/// True when no TCP connection that could still send, and no unfinished fragment, is left in the calling thread's
/// network namespace. TIME_WAIT speaks only when spoken to, and does not count.
bool is_network_quiet();

}  // namespace hypernat::workerhost
