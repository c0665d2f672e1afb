// Symbol visibility of the public C++ API.
#pragma once

#if defined(__GNUC__)
#define DRKIT_API __attribute__((visibility("default")))
#else
#define DRKIT_API
#endif
