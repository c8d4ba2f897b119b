// An answer of rte_telemetry under construction: a dictionary, or a page of numbered dictionaries.
//
// DPDK 22.11 has no arrays of dictionaries, takes 256 entries and sends 16 KiB; so lists come in pages, dictionaries
// whose keys "00", "01" … only order them. Names are lower case and '_': '-' and '.' are refused.
#pragma once

#include <rte_telemetry.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hypernat::dataplane {

class Answer {
 public:
  /// Entries of one page.
  static constexpr std::size_t kPage = 16;

  explicit Answer(rte_tel_data* data) : data_(data) { rte_tel_data_start_dict(data); }

  Answer& add(const char* name, std::uint64_t value) {
    rte_tel_data_add_dict_u64(data_, name, value);
    return *this;
  }
  Answer& add_signed(const char* name, std::int64_t value) {
    rte_tel_data_add_dict_int(data_, name, static_cast<int>(value));
    return *this;
  }
  /// Longer text than DPDK takes is cut.
  Answer& add(const char* name, std::string_view text) {
    rte_tel_data_add_dict_string(data_, name, std::string(text.substr(0, RTE_TEL_MAX_STRING_LEN - 1)).c_str());
    return *this;
  }
  Answer& add_numbers(const char* name, std::size_t count) {
    rte_tel_data* numbers = rte_tel_data_alloc();
    rte_tel_data_start_array(numbers, RTE_TEL_U64_VAL);
    for (std::size_t number = 0; number < count; ++number) rte_tel_data_add_array_u64(numbers, number);
    rte_tel_data_add_dict_container(data_, name, numbers, 0);
    return *this;
  }

  /// The next entry of a page.
  template <typename Fill>
  void entry(Fill&& fill) {
    rte_tel_data* data = rte_tel_data_alloc();
    Answer inner(data);
    fill(inner);
    const std::string name = std::string(entries_ < 10 ? "0" : "") + std::to_string(entries_);
    rte_tel_data_add_dict_container(data_, name.c_str(), data, 0);
    ++entries_;
  }
  std::size_t entries() const { return entries_; }
  bool full() const { return entries_ == kPage; }

 private:
  rte_tel_data* data_;
  std::size_t entries_ = 0;
};

/// The number in a command's parameter, or `otherwise` when there is none.
std::size_t number_in(const char* parameter, std::size_t otherwise);

}  // namespace hypernat::dataplane
