// Which system calls an execution environment may not make.
//
// A network namespace confines the internet protocols, and nothing else that a socket can be: a virtual machine's
// environments would otherwise talk to its hypervisor over AF_VSOCK. Whatever could make sockets past the check, or
// regain capabilities in a user namespace, is refused along with it.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "control/workerhost/environment_init.h"

namespace hypernat::workerhost {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
/// Beyond it are the calls of the x32 interface, other numbers for the same calls.
constexpr std::uint32_t kLastNativeCall = 0x3fffffff;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kLastNativeCall = 0xffffffff;
#else
#error "say here what this architecture is called"
#endif

constexpr sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
constexpr sock_filter verdict(std::uint32_t value) {
  return BPF_STMT(BPF_RET | BPF_K, value);
}
constexpr sock_filter refuse(std::uint32_t error) {
  return verdict(SECCOMP_RET_ERRNO | error);
}
/// Goes on with the next instruction when equal, else skips `otherwise`.
constexpr sock_filter when(std::uint32_t value, std::uint8_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise);
}

constexpr std::size_t kCall = offsetof(seccomp_data, nr);
constexpr std::size_t kFirstArgument = offsetof(seccomp_data, args);

constexpr sock_filter kFilter[] = {
    load(offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
    refuse(ENOSYS),
    load(kCall),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kLastNativeCall, 0, 1),
    refuse(ENOSYS),

    when(SYS_io_uring_setup, 1),
    refuse(ENOSYS),
    when(SYS_bpf, 1),
    refuse(EPERM),
    when(SYS_perf_event_open, 1),
    refuse(EPERM),
    // Keyrings belong to users, not to environments.
    when(SYS_keyctl, 1),
    refuse(ENOSYS),
    when(SYS_add_key, 1),
    refuse(ENOSYS),
    when(SYS_request_key, 1),
    refuse(ENOSYS),
    // Its flags lie in memory, out of reach; the C library then calls clone.
    when(SYS_clone3, 1),
    refuse(ENOSYS),

    when(SYS_clone, 4),
    load(kFirstArgument),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
    refuse(EPERM),
    verdict(SECCOMP_RET_ALLOW),

    when(SYS_unshare, 4),
    load(kFirstArgument),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
    refuse(EPERM),
    verdict(SECCOMP_RET_ALLOW),

    when(SYS_socket, 6),
    load(kFirstArgument),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0),
    refuse(EAFNOSUPPORT),
    verdict(SECCOMP_RET_ALLOW),
};

}  // namespace

int confine_system_calls() {
  const sock_fprog program{.len = sizeof(kFilter) / sizeof(kFilter[0]), .filter = const_cast<sock_filter*>(kFilter)};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

}  // namespace hypernat::workerhost
