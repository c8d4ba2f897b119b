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

/// A /proc of our own, mounted nowhere. The kernel remembers the settings' directories of every namespace that was
/// looked at in one list per /proc, and walks it at each look: a new /proc now and then keeps the list short.
class ProcInstance {
 public:
  /// Throws std::system_error.
  ProcInstance();
  int root() const { return root_.get(); }

 private:
  UniqueFd root_;
};

/// A directory under /proc/sys/net of the network namespace that it was opened in.
class NetworkSettings {
 public:
  /// Throws std::system_error; a directory that this kernel does not have is empty.
  NetworkSettings(const ProcInstance& proc, const std::string& directory);
  /// A setting that this kernel does not have is left alone. Throws std::system_error.
  void write(const std::string& name, const std::string& value) const;

 private:
  std::string path_;
  UniqueFd directory_;
};

/// True when no TCP connection that could still send, and no unfinished fragment, is left in the calling thread's
/// network namespace. TIME_WAIT speaks only when spoken to, and does not count.
bool is_network_quiet();

}  // namespace hypernat::workerhost
