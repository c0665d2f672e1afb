/*
 * drkit_spi.h: storages, sources and checks written in C. Included by drkit.h; its conventions apply.
 *
 * Vtables are options structs (convention 5): `struct_size` first, DRK_..._VTABLE_INIT, then set the callbacks.
 * A callback that fails returns a code and may set `*err` to an error of drk_error_new, which the library then owns;
 * `err` is never NULL here. A code that is not in the table becomes DRK_CALLBACK_FAILED. `destroy` is called once, when
 * the last user is gone; it is not called when drk_..._from_vtable itself fails.
 */
#ifndef DRKIT_SPI_H
#define DRKIT_SPI_H

#include <drkit_operations.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Appends bytes to the buffer that a callback was given. */
DRK_API drk_status drk_buffer_append(drk_buffer* buffer, const void* bytes, size_t size);

/* -------------------------------------------------------------------------------------------------------- storages */

/** What a storage says about itself; texts live as long as the storage. */
typedef struct drk_storage_info {
  uint32_t struct_size;
  uint32_t conditional_create; /**< non-zero: put with if_absent is atomic between processes */
  const char* scheme;          /**< "file", "s3", ...; static or owned by the storage */
  const char* name;            /**< address for humans, never with a secret */
  uint32_t read_only;          /**< non-zero: put and remove fail */
  uint32_t reserved;
  uint64_t max_object_bytes; /**< 0: unlimited */
} drk_storage_info;

/** One object. */
typedef struct drk_object_info {
  uint32_t struct_size;
  uint32_t reserved;
  const char* key;
  uint64_t size_bytes;
  int64_t modified_ns; /**< 0 when unknown */
} drk_object_info;
#define DRK_OBJECT_INFO_INIT \
  { sizeof(drk_object_info), 0, NULL, 0, 0 }

/** Takes one listed object. Non-zero asks the listing to stop, which then succeeds. */
typedef int (*drk_object_fn)(const drk_object_info* object, void* user_data);

/**
 * Keeps objects. Keys are relative paths of [a-z0-9._/-], at most 200 bytes, checked before the callbacks see them.
 * put is whole or not at all and durable when it returns; a failed or cancelled call changes nothing. See
 * drkit/spi/storage.hpp for the whole contract, and drk_run_storage_suite for its test.
 * Thread-safety: every callback may be called from many threads at once.
 */
typedef struct drk_storage_vtable {
  uint32_t struct_size;
  uint32_t reserved;
  void (*destroy)(void* user_data); /**< may be NULL */
  void (*info)(drk_storage_info* out, void* user_data);
  drk_status (*stat)(const drk_cancel_token* cancel, const char* key, drk_object_info* out, drk_error** err,
                     void* user_data); /**< out->key is not read */
  /** Appends the bytes of the range, clipped to the object's end. Errors: DRK_INVALID_ARGUMENT: offset past the end. */
  drk_status (*get)(const drk_cancel_token* cancel, const char* key, uint64_t offset, uint64_t length, drk_buffer* out,
                    drk_error** err, void* user_data);
  /** With if_absent: DRK_ALREADY_EXISTS, changing nothing, when the key exists. */
  drk_status (*put)(const drk_cancel_token* cancel, const char* key, const void* bytes, size_t size, int if_absent,
                    drk_error** err, void* user_data);
  drk_status (*remove)(const drk_cancel_token* cancel, const char* key, drk_error** err,
                       void* user_data); /**< absent is success */
  /** Gives every object whose key starts with prefix to visit, in any order. */
  drk_status (*list)(const drk_cancel_token* cancel, const char* prefix, drk_object_fn visit, void* visit_data,
                     drk_error** err, void* user_data);
} drk_storage_vtable;
#define DRK_STORAGE_VTABLE_INIT \
  { sizeof(drk_storage_vtable), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/** Makes a storage of callbacks; the struct is copied. Errors: DRK_INVALID_ARGUMENT when a callback is missing. */
DRK_API drk_status drk_storage_from_vtable(const drk_storage_vtable* vtable, void* user_data, drk_storage** out,
                                           drk_error** err);

/** Gives a new, empty storage for one case of the suite, which frees it. */
typedef drk_status (*drk_make_storage_fn)(drk_storage** out, drk_error** err, void* user_data);
/** Tells the outcome of one case; `failure` is NULL when it passed. */
typedef void (*drk_suite_case_fn)(const char* name, const char* failure, void* user_data);
/**
 * Runs the conformance suite that every storage must pass. `report` may be NULL.
 * Errors: DRK_PRECONDITION_FAILED when a case failed (the message says how many); other codes: could not run.
 */
DRK_API drk_status drk_run_storage_suite(const drk_context* ctx, drk_make_storage_fn make, drk_suite_case_fn report,
                                         void* user_data, drk_error** err);

/* --------------------------------------------------------------------------------------------------------- sources */

/** What a source says about itself; texts live as long as the source. */
typedef struct drk_source_info {
  uint32_t struct_size;
  uint32_t
      entry_errors_are_partial; /**< non-zero: an unreadable entry makes the snapshot partial, else the backup fails */
  const char* kind;             /**< the system's name */
  const char* name;             /**< what a filter by source matches; never with a secret */
  uint32_t ordered;             /**< non-zero: entries come in path order, a directory before its children */
  uint32_t reserved;
} drk_source_info;

/** Facts that a source leaves in the snapshot. */
typedef struct drk_receipt drk_receipt;
/** Sets one fact: a stable name such as "start_lsn", and its value. */
DRK_API drk_status drk_receipt_set(drk_receipt* receipt, const char* key, const char* value);

/**
 * Gives entries and their content. Life: begin, next until it gives no path, finish; destroy without finish abandons.
 * After next gave a regular or stream entry without problem: read until the end, then close; or neither, when the
 * content need not be read. All from one thread at a time.
 */
typedef struct drk_source_vtable {
  uint32_t struct_size;
  uint32_t reserved;
  void (*destroy)(void* user_data); /**< may be NULL */
  void (*info)(drk_source_info* out, void* user_data);
  drk_status (*begin)(const drk_cancel_token* cancel, drk_error** err, void* user_data); /**< may be NULL */
  uint64_t (*estimated_bytes)(void* user_data); /**< may be NULL; 0 when unknown */
  /** Fills `out`, made with DRK_ENTRY_INIT; path left NULL is the end. Texts live until the next call of a callback. */
  drk_status (*next)(const drk_cancel_token* cancel, drk_entry* out, drk_error** err, void* user_data);
  /** Sets *data_bytes to what was put at the buffer's start, *hole_bytes to zeros that follow it; both 0: the end. */
  drk_status (*read)(const drk_cancel_token* cancel, void* buffer, size_t capacity, size_t* data_bytes,
                     uint64_t* hole_bytes, drk_error** err, void* user_data);
  /** After the end was read: an error when the content changed while being read. May be NULL. */
  drk_status (*close)(const drk_cancel_token* cancel, drk_error** err, void* user_data);
  drk_status (*finish)(const drk_cancel_token* cancel, drk_receipt* receipt, drk_error** err,
                       void* user_data); /**< may be NULL */
} drk_source_vtable;
#define DRK_SOURCE_VTABLE_INIT \
  { sizeof(drk_source_vtable), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/** Makes a source of callbacks; the struct is copied. Errors: DRK_INVALID_ARGUMENT when a callback is missing. */
DRK_API drk_status drk_source_from_vtable(const drk_source_vtable* vtable, void* user_data, drk_source** out,
                                          drk_error** err);

/* ---------------------------------------------------------------------------------------------------------- checks */

/** Where a check tells what it saw. */
typedef struct drk_finding_sink drk_finding_sink;
/** Tells one finding; the texts are copied. */
DRK_API drk_status drk_finding_sink_add(drk_finding_sink* sink, const drk_finding* finding);

/** Looks at one snapshot. An error means: could not look. A finding means: looked and saw. */
typedef struct drk_check_vtable {
  uint32_t struct_size;
  int32_t level;                    /**< drk_check_level at which it runs, and above; not DRK_CHECK_OBJECTS */
  const char* id;                   /**< stable name; copied */
  void (*destroy)(void* user_data); /**< may be NULL */
  int (*applies_to)(const drk_snapshot* snapshot, void* user_data); /**< may be NULL: to everything */
  drk_status (*run)(const drk_cancel_token* cancel, const drk_repository* repository, const drk_snapshot* snapshot,
                    drk_finding_sink* sink, drk_error** err, void* user_data);
} drk_check_vtable;
#define DRK_CHECK_VTABLE_INIT \
  { sizeof(drk_check_vtable), DRK_CHECK_FILES, NULL, NULL, NULL, NULL }

/** Makes a check for drk_check_options.plugins; may serve many runs. */
DRK_API drk_status drk_check_from_vtable(const drk_check_vtable* vtable, void* user_data, drk_check_plugin** out,
                                         drk_error** err);
/** Gives the check back. */
DRK_API void drk_check_plugin_free(drk_check_plugin* check);

#ifdef __cplusplus
}
#endif

#endif
