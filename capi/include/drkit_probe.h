/* What a storage really does. Part of drkit.h; its conventions apply. */
#ifndef DRKIT_PROBE_H
#define DRKIT_PROBE_H

#include <drkit_repository.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How one thing, or the whole storage, does for a repository; the values are pinned. */
typedef enum drk_probe_verdict {
  DRK_PROBE_OK = 0,
  DRK_PROBE_DEGRADED = 1, /**< slower, or something is missing that a repository does without */
  DRK_PROBE_UNSAFE = 2    /**< a repository could lose or mix up data */
} drk_probe_verdict;

/** Options of drk_storage_probe. */
typedef struct drk_probe_options {
  uint32_t struct_size;
  uint32_t small_objects; /**< for the rate; 1 to 10000 */
  uint64_t object_bytes;  /**< of the large objects; at most 256 MiB */
} drk_probe_options;
#define DRK_PROBE_OPTIONS_INIT \
  { sizeof(drk_probe_options), 32, (uint64_t)8 << 20 }

/** One thing that was looked at. Accessor struct (convention 6). */
typedef struct drk_probe_item {
  uint32_t struct_size;
  int32_t verdict; /**< drk_probe_verdict */
  const char* id;  /**< stable: "conditional_race", "upload", ... */
  const char* explanation;
  double value;     /**< what was measured */
  const char* unit; /**< "bytes/s", "objects/s", "s"; "": nothing was measured */
} drk_probe_item;
#define DRK_PROBE_ITEM_INIT \
  { sizeof(drk_probe_item), DRK_PROBE_OK, NULL, NULL, 0, NULL }

/** What a probe saw. */
typedef struct drk_probe_report drk_probe_report;

/**
 * Looks at a writable storage from the outside, under a prefix of its own, and removes what it put. DRK_OK means that
 * the storage could be asked, not that it does well: ask drk_probe_report_verdict. Errors: those of its first calls.
 */
DRK_API drk_status drk_storage_probe(const drk_context* ctx, drk_storage* storage, const drk_probe_options* options,
                                     drk_probe_report** out, drk_error** err);
/** The worst verdict of the items: anything but DRK_PROBE_UNSAFE is safe for a repository. */
DRK_API drk_probe_verdict drk_probe_report_verdict(const drk_probe_report* report);
/** One line: safe for a repository or not, and why; borrowed. */
DRK_API const char* drk_probe_report_summary(const drk_probe_report* report);
/** How many things were looked at. */
DRK_API size_t drk_probe_report_count(const drk_probe_report* report);
/** One of them, with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_probe_report_at(const drk_probe_report* report, size_t index, drk_probe_item* out,
                                       drk_error** err);
/** One JSON document with stable keys. */
DRK_API drk_status drk_probe_report_to_json(const drk_probe_report* report, drk_buffer** out, drk_error** err);
/** Gives the report back. */
DRK_API void drk_probe_report_free(drk_probe_report* report);

#ifdef __cplusplus
}
#endif
#endif
