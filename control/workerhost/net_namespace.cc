#include "control/workerhost/net_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cstdlib>
#include <fstream>

namespace hypernat::workerhost {
namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

}  // namespace

UniqueFd current_network_namespace() {
  return UniqueFd(checked(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC), std::string("opening ") + kOwnNamespace));
}

NamespaceVisit::~NamespaceVisit() {
  // Going on in a stranger's namespace would do the next thing in the wrong place.
  if (::setns(home_.get(), CLONE_NEWNET) < 0) std::abort();
}

void NamespaceVisit::enter(int network_namespace) const {
  checked(::setns(network_namespace, CLONE_NEWNET), "entering a slot's network namespace");
}

UniqueFd NamespaceVisit::enter_new() const {
  checked(::unshare(CLONE_NEWNET), "making a network namespace");
  return current_network_namespace();
}

ProcInstance::ProcInstance() {
  const UniqueFd context(checked(::fsopen("proc", FSOPEN_CLOEXEC), "opening a proc file system"));
  checked(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "making a proc file system");
  root_ = UniqueFd(checked(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0), "mounting a proc file system"));
}

NetworkSettings::NetworkSettings(const ProcInstance& proc, const std::string& directory)
    : path_("sys/net/" + directory),
      directory_(::openat(proc.root(), path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!directory_.is_open() && errno != ENOENT) throw_errno("opening /proc/" + path_);
}

void NetworkSettings::write(const std::string& name, const std::string& value) const {
  if (!directory_.is_open()) return;
  const UniqueFd file(::openat(directory_.get(), name.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) return;
  checked(file.get(), "opening /proc/" + path_ + "/" + name);
  checked(::write(file.get(), value.data(), value.size()), "writing " + value + " to /proc/" + path_ + "/" + name);
}

bool is_network_quiet() {
  std::ifstream file("/proc/thread-self/net/sockstat");
  if (!file) throw_errno("opening /proc/thread-self/net/sockstat");
  for (std::string kind, key; file >> kind >> key;) {
    unsigned long in_use = 0;
    file >> in_use;
    if (in_use != 0 && (kind == "TCP:" || kind == "FRAG:")) return false;
    std::getline(file, key);
  }
  return true;
}

}  // namespace hypernat::workerhost
