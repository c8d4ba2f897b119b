#include "control/runner/frames.h"

#include <stdexcept>

namespace hypernat::runner {

std::string four_bytes(std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::uint32_t read_four_bytes(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes.at(i))} << (8 * i);
  return value;
}

std::string frame_header(FrameKind kind, std::size_t length) {
  return static_cast<char>(kind) + four_bytes(static_cast<std::uint32_t>(length));
}

std::optional<Frame> FrameReader::next() {
  if (buffer_.size() < kFrameHeader) return std::nullopt;
  const std::size_t length = read_four_bytes(std::string_view(buffer_).substr(1));
  if (length > kLongestFrame)
    throw std::runtime_error("found a frame of " + std::to_string(length) + " bytes; expected at most " +
                             std::to_string(kLongestFrame));
  if (buffer_.size() < kFrameHeader + length) return std::nullopt;
  Frame frame{.kind = static_cast<FrameKind>(buffer_[0]), .content = buffer_.substr(kFrameHeader, length)};
  buffer_.erase(0, kFrameHeader + length);
  return frame;
}

}  // namespace hypernat::runner
