/*
 * drkit.h: libdrkit for C, and for every language that can call C.
 *
 * Conventions, numbered so that the comments below can name them:
 *
 *  1. Handles are opaque structs. What a function gives through an `out` parameter belongs to the caller, who gives
 *     it back with the matching `_free`; `_free(NULL)` does nothing. Never mix in the C library's free().
 *  2. Every call that can fail returns drk_status, DRK_OK (0) or a pinned code. On failure every `out` is set to NULL
 *     (or zero) and, when `err` is not NULL, `*err` is a new drk_error that the caller frees; on success `*err` is
 *     NULL. `err` comes last and may be NULL. No C++ exception ever crosses this interface.
 *  3. Text in is UTF-8 and ends with NUL; paths inside snapshots are any bytes but NUL. Bytes in are pointer and size.
 *     The library copies what it keeps.
 *  4. Text out is borrowed from its handle and lives as long as that. Text inside a struct that a callback receives
 *     lives until the callback returns. Long texts out are a drk_buffer.
 *  5. Options are structs that begin with `uint32_t struct_size`. Make them with their DRK_..._INIT, then change
 *     members; NULL stands for the defaults. They only ever grow at the end. An older caller's shorter struct is
 *     completed with defaults; a newer caller's longer one is accepted when all that this library does not know is
 *     zero, else refused with DRK_UNSUPPORTED.
 *  6. Structs that the library fills for accessors also begin with `struct_size`, set by the caller (their INIT does)
 *     and respected by the library. In structs handed to callbacks the library sets it.
 *  7. Callbacks end with `void *user_data`, given at registration and never touched by the library. They must not
 *     throw or longjmp. What a non-zero answer does stands at the callback's type.
 *  8. Everything that may block takes `const drk_context *ctx` first: cancellation, progress, log. NULL is allowed.
 *  9. Thread-safety: a drk_repository and a drk_storage may be used by many threads at once; every other handle by one
 *     thread at a time, or by many if all only read. drk_cancel may be called from anywhere, a signal handler included.
 *     Freeing a handle while a call uses it is an error of the caller.
 * 10. Fork: a child process must not use handles made by its parent. Create them after the fork.
 * 11. Times are nanoseconds since the Unix epoch, UTC; sizes are bytes; durations are nanoseconds.
 * 12. Since: 0.1 for everything without a `Since:` line. Binary compatibility is promised within a major version for
 *     drkit.h and all that it includes but drkit_spi.h, which may change in a minor one.
 */
#ifndef DRKIT_H
#define DRKIT_H

#include <drkit_base.h>
#include <drkit_mirror.h>
#include <drkit_object_lock.h>
#include <drkit_operations.h>
#include <drkit_pitr.h>
#include <drkit_probe.h>
#include <drkit_repository.h>
#include <drkit_spi.h>
#include <drkit_wal.h>

#endif
