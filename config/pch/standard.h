// Precompiled for every target of several files: what of the standard library most of them include, directly or not.
// It saves time and nothing else: each file still includes what it needs, and builds with -Db_pch=false.
// No header here has a guard: gcc warns of one in what it precompiles, and including them twice does no harm.

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
