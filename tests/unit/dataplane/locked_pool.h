// A pool of packet buffers behind a mutex, for tests under the thread sanitizer: DPDK's own pools are compiled without
// it, so that it would see every buffer that changes hands through them as a race.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>

namespace hypernat::dataplane {

/// Null when memory can not be had. Freed by rte_mempool_free. `room`: bytes of a buffer behind its headroom.
rte_mempool* make_locked_pool(const char* name, std::uint32_t buffers, std::uint16_t room);

}  // namespace hypernat::dataplane
