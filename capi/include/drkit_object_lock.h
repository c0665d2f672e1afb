/* Object Lock of what a storage keeps. Part of drkit.h; its conventions apply. */
#ifndef DRKIT_OBJECT_LOCK_H
#define DRKIT_OBJECT_LOCK_H

#include <drkit_repository.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of drk_storage_retain. */
typedef struct drk_retain_options {
  uint32_t struct_size;
  int32_t legal_hold; /**< 1: set it, 0: lift it, -1: leave it as it is */
  int64_t until_ns;   /**< protect until then; 0: retention stays as it is */
  uint32_t parallel;  /**< requests at once, 1 to 64 */
  uint32_t reserved;
} drk_retain_options;
#define DRK_RETAIN_OPTIONS_INIT \
  { sizeof(drk_retain_options), -1, 0, 8, 0 }

/** What drk_storage_retain did. */
typedef struct drk_retain_report drk_retain_report;

/**
 * Protects every object below an address (`s3://bucket/prefix`, a bucket with Object Lock): a whole repository, for
 * longer and never for shorter. DRK_OK also when single objects refused: ask drk_retain_report_failure_count.
 * Errors: DRK_UNSUPPORTED (no Object Lock there), DRK_INVALID_ARGUMENT (nothing to do, a moment that is not ahead),
 * those of opening and listing.
 */
DRK_API drk_status drk_storage_retain(const drk_context* ctx, const char* address, const drk_storage_options* storage,
                                      const drk_retain_options* options, drk_retain_report** out, drk_error** err);
/** Objects that are now as wanted. */
DRK_API uint64_t drk_retain_report_objects(const drk_retain_report* report);
/** Their bytes. */
DRK_API uint64_t drk_retain_report_bytes(const drk_retain_report* report);
/** How many objects refused. */
DRK_API size_t drk_retain_report_failure_count(const drk_retain_report* report);
/** The key of one of them, borrowed; "" past the end. */
DRK_API const char* drk_retain_report_failure_key(const drk_retain_report* report, size_t index);
/** Why, in one line, borrowed; "" past the end. */
DRK_API const char* drk_retain_report_failure_reason(const drk_retain_report* report, size_t index);
/** Gives the report back. */
DRK_API void drk_retain_report_free(drk_retain_report* report);

#ifdef __cplusplus
}
#endif
#endif
