// Memory for libcurl that is overwritten before it is given back: headers, passwords and bodies pass through it.
#pragma once

#include <cstddef>

namespace drkit::net {

void* wiping_malloc(std::size_t size);
void wiping_free(void* memory);
void* wiping_realloc(void* memory, std::size_t size);
char* wiping_strdup(const char* text);
void* wiping_calloc(std::size_t count, std::size_t size);

}  // namespace drkit::net
