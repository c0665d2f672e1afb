#include "net/wiping_memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <malloc.h>

namespace drkit::net {

void* wiping_malloc(std::size_t size) { return std::malloc(size); }

void wiping_free(void* memory) {
  if (memory == nullptr) return;
  ::explicit_bzero(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

// The system's own may move the bytes and leave them behind.
void* wiping_realloc(void* memory, std::size_t size) {
  void* const larger = std::malloc(size);
  if (larger == nullptr || memory == nullptr) return larger;
  std::memcpy(larger, memory, std::min(size, ::malloc_usable_size(memory)));
  wiping_free(memory);
  return larger;
}

char* wiping_strdup(const char* text) { return ::strdup(text); }

void* wiping_calloc(std::size_t count, std::size_t size) { return std::calloc(count, size); }

}  // namespace drkit::net
