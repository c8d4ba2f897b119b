#include "control/workerhost/net_namespace.h"

#include <fcntl.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>

namespace hypernat::workerhost {
namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

std::string setting_path(const std::string& name) {
  return "/proc/sys/net/" + name;
}

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

void write_network_setting(const std::string& name, const std::string& value) {
  const std::string path = setting_path(name);
  const UniqueFd file(checked(::open(path.c_str(), O_WRONLY | O_CLOEXEC), "opening " + path));
  checked(::write(file.get(), value.data(), value.size()), "writing " + value + " to " + path);
}

bool has_network_setting(const std::string& name) {
  return ::access(setting_path(name).c_str(), F_OK) == 0;
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
