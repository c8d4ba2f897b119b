#include "tests/unit/control/zips.h"

#include <zip.h>

#include <stdexcept>

namespace hypernat::control::testing {

std::string make_zip(const std::vector<ZipEntry>& entries) {
  zip_source_t* bytes = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  zip_source_keep(bytes);  // closing the archive lets go of it
  zip_t* archive = zip_open_from_source(bytes, ZIP_TRUNCATE, nullptr);
  if (archive == nullptr) throw std::runtime_error("no zip");
  for (const auto& entry : entries) {
    auto* content = zip_source_buffer(archive, entry.content.data(), entry.content.size(), 0);
    const auto index = zip_file_add(archive, entry.name.c_str(), content, ZIP_FL_ENC_UTF_8);
    if (index < 0) throw std::runtime_error(entry.name + ": " + zip_strerror(archive));
    const auto position = static_cast<zip_uint64_t>(index);
    if (entry.mode != 0) zip_file_set_external_attributes(archive, position, 0, ZIP_OPSYS_UNIX, entry.mode << 16);
    zip_file_set_mtime(archive, position, 1'000'000'000, 0);
  }
  if (zip_close(archive) != 0) throw std::runtime_error("the zip cannot be written");
  zip_stat_t status;
  zip_source_stat(bytes, &status);
  std::string zip(status.size, '\0');
  zip_source_open(bytes);
  zip_source_read(bytes, zip.data(), zip.size());
  zip_source_close(bytes);
  zip_source_free(bytes);
  return zip;
}

}  // namespace hypernat::control::testing
