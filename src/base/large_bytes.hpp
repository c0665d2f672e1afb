// Large buffers in large pages.
#pragma once

#include <drkit/result.hpp>

namespace drkit::base {

/// As bytes.reserve. Megabytes are asked for in large pages where the system has them: the first touch of each page
/// interrupts the program, 4096 times in 16 MiB, which costs as much as compressing them.
void reserve_large(Bytes& bytes, std::size_t size);

}  // namespace drkit::base
