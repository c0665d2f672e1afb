// Symbol visibility of the public C++ API.
#pragma once

#if defined(__GNUC__)
#define DRKIT_API [[gnu::visibility("default")]]
#else
#define DRKIT_API
#endif
