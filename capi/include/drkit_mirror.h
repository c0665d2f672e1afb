/* Mirrors: one storage over several copies, and what a copy lacks. Part of drkit.h; its conventions apply. */
#ifndef DRKIT_MIRROR_H
#define DRKIT_MIRROR_H

#include <drkit_repository.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of drk_storage_mirror. */
typedef struct drk_mirror_options {
  uint32_t struct_size;
  uint32_t quorum; /**< copies that must take a put for it to succeed; 0: all */
} drk_mirror_options;
#define DRK_MIRROR_OPTIONS_INIT \
  { sizeof(drk_mirror_options), 0 }

/** An object that a copy lacks, has wrong, or has though the others removed it. Accessor struct (convention 6). */
typedef struct drk_mirror_gap {
  uint32_t struct_size;
  uint32_t damaged;   /**< 1: the copy has other bytes */
  const char* key;    /**< "": the copy cannot be asked at all */
  const char* reason; /**< one line */
  uint64_t copy;      /**< position in the list of copies, from 0 */
} drk_mirror_gap;
#define DRK_MIRROR_GAP_INIT \
  { sizeof(drk_mirror_gap), 0, NULL, NULL, 0 }

/** A list of gaps. */
typedef struct drk_mirror_gaps drk_mirror_gaps;

/**
 * One storage over open ones, as `mirror:ADDRESS|ADDRESS` is over addresses. The copies' handles stay the caller's.
 * Errors: DRK_INVALID_ARGUMENT (no copy, a NULL one, a quorum above their number).
 */
DRK_API drk_status drk_storage_mirror(drk_storage* const* copies, size_t count, const drk_mirror_options* options,
                                      drk_storage** out, drk_error** err);
/** 1 for a storage of drk_storage_mirror or of a mirror's address. */
DRK_API int drk_storage_is_mirror(const drk_storage* storage);

/**
 * Call it after each operation over a mirror: compares the copies, brings over what is missing, and gives what could
 * not be healed. What is left makes the operation partial: drk_mirror_gaps_status. Empty for a storage that is no
 * mirror. Errors: DRK_CANCELLED.
 */
DRK_API drk_status drk_mirror_settle(const drk_context* ctx, drk_storage* storage, drk_mirror_gaps** out,
                                     drk_error** err);
/** What is known to be missing since the mirror was opened, nothing being asked. Errors: DRK_INVALID_ARGUMENT. */
DRK_API drk_status drk_mirror_pending(const drk_storage* storage, drk_mirror_gaps** out, drk_error** err);
/** Lists every copy; what differs is pending then. Errors: when a copy cannot be listed; DRK_INVALID_ARGUMENT. */
DRK_API drk_status drk_mirror_compare(const drk_context* ctx, drk_storage* storage, drk_error** err);
/** Heals what is pending and gives what is left. Errors: DRK_CANCELLED, DRK_INVALID_ARGUMENT. */
DRK_API drk_status drk_mirror_heal(const drk_context* ctx, drk_storage* storage, drk_mirror_gaps** out,
                                   drk_error** err);

/** How many gaps the list has. */
DRK_API size_t drk_mirror_gaps_count(const drk_mirror_gaps* gaps);
/** Fills `out` with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_mirror_gaps_at(const drk_mirror_gaps* gaps, size_t index, drk_mirror_gap* out, drk_error** err);
/** Objects that the call which gave this list brought to a copy. */
DRK_API uint64_t drk_mirror_gaps_objects_copied(const drk_mirror_gaps* gaps);
/** Their bytes. */
DRK_API uint64_t drk_mirror_gaps_bytes_copied(const drk_mirror_gaps* gaps);
/** What an operation came to: its own result, or partial when that is complete and the list is not empty. */
DRK_API drk_result_status drk_mirror_gaps_status(const drk_mirror_gaps* gaps, drk_result_status of_operation);
/** Gives the list back. */
DRK_API void drk_mirror_gaps_free(drk_mirror_gaps* gaps);

#ifdef __cplusplus
}
#endif
#endif
