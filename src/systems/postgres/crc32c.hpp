// CRC-32C (Castagnoli): what PostgreSQL puts over WAL records, pg_control and the files of a backup manifest.
#pragma once

#include <cstdint>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

class Crc32c {
 public:
  void update(ByteView bytes);
  std::uint32_t value() const { return ~state_; }

 private:
  std::uint32_t state_ = 0xFFFFFFFF;
};

/// The two ways of computing it, apart so that tests can hold them equal. state is inverted at both ends by callers.
std::uint32_t crc32c_portable(std::uint32_t state, ByteView bytes);
bool crc32c_has_instruction();
std::uint32_t crc32c_instruction(std::uint32_t state, ByteView bytes);

}  // namespace drkit::systems::postgres
