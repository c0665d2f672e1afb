/* Backing up, restoring, looking, checking. Part of drkit.h; its conventions apply. */
#ifndef DRKIT_OPERATIONS_H
#define DRKIT_OPERATIONS_H

#include <drkit_repository.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------------------- backup */

/** Something that can be backed up; serves one backup. */
typedef struct drk_source drk_source;

/** Options of drk_source_open; those that do not fit the address are refused or without meaning, as said. */
typedef struct drk_source_options {
  uint32_t struct_size;
  uint32_t one_file_system;    /**< file trees: non-zero stays on the root's file system */
  const char* const* excludes; /**< file trees: globs */
  size_t exclude_count;
  const char* mode;             /**< postgres: "auto", "stream", "local"; NULL: auto */
  const char* what;             /**< postgres: "cluster", "dump"; NULL: cluster */
  uint64_t max_rate_kib;        /**< postgres: server-side limit in KiB/s; 0: none */
  const char* const* databases; /**< dump: these; none: that of the address, or all */
  size_t database_count;
  const char* bin_directory; /**< dump: folder of pg_dump; NULL: looked for in the usual places and PATH */
  const char* name;          /**< exec: of the stream, and of the source; NULL: stdout, and the program's */
} drk_source_options;
#define DRK_SOURCE_OPTIONS_INIT \
  { sizeof(drk_source_options), 0, NULL, 0, NULL, NULL, 0, NULL, 0, NULL, NULL }

/** Opens `file:///dir`, a bare path, `postgres:CONNINFO`, `postgres://...`, or `exec:COMMAND`. */
DRK_API drk_status drk_source_open(const drk_context* ctx, const char* address, const drk_source_options* options,
                                   drk_source** out, drk_error** err);
/** Gives the source back. */
DRK_API void drk_source_free(drk_source* source);

/** Options of drk_backup and drk_backup_source. */
typedef struct drk_backup_options {
  uint32_t struct_size;
  int32_t compression_level; /**< zstd level -7..19; 0 stores plain */
  const drk_pair* tags;
  size_t tag_count;
  const char*
      parent; /**< "auto": newest of the same source and host; "none": read every file; or a snapshot id; NULL: auto */
  const char* host;                 /**< NULL: the machine's name */
  const drk_source_options* source; /**< drk_backup alone: how the address is opened; NULL: defaults */
} drk_backup_options;
#define DRK_BACKUP_OPTIONS_INIT \
  { sizeof(drk_backup_options), 1, NULL, 0, NULL, NULL, NULL }

/**
 * Reads the source at an address (see drk_source_open) and commits one snapshot. DRK_OK also for a partial snapshot:
 * look at drk_snapshot_status. On failure there is no snapshot; what was uploaded is reused by the next run.
 * Thread-safety: may run concurrently with anything else on the repository, in this process or others.
 */
DRK_API drk_status drk_backup(const drk_context* ctx, drk_repository* repository, const char* source_address,
                              const drk_backup_options* options, drk_snapshot** out, drk_error** err);
/** The same for a source handle, which is used up by this call whatever it answers, and still is to be freed. */
DRK_API drk_status drk_backup_source(const drk_context* ctx, drk_repository* repository, drk_source* source,
                                     const drk_backup_options* options, drk_snapshot** out, drk_error** err);

/* --------------------------------------------------------------------------------------------------------- restore */

/** Options of drk_restore and drk_restore_plan. */
typedef struct drk_restore_options {
  uint32_t struct_size;
  /** Non-zero: over an existing tree, writing only what differs. Files that are not in the snapshot are removed, but
   * for what lies where the backup could not read, and not at all with includes or excludes. */
  uint32_t delta;
  uint32_t no_owners; /**< non-zero: leave owners alone even when the process may set them */
  uint32_t reserved;
  const char* const* includes; /**< globs; none: everything */
  size_t include_count;
  const char* const* excludes;
  size_t exclude_count;
  const drk_pair* tablespaces; /**< postgres: old location or OID (dump: or name) -> new directory */
  size_t tablespace_count;
  const char* all_tablespaces_under; /**< postgres: DIR/OID for the others; NULL: their old places */
  uint32_t keep_standby;     /**< postgres: non-zero: the snapshot of a standby starts as one of the same primary */
  uint32_t no_tablespaces;   /**< dump: non-zero: everything goes to the default tablespace */
  const char* bin_directory; /**< dump: folder of pg_restore and psql; NULL: looked for in the usual places and PATH */
  uint32_t jobs;             /**< dump: of pg_restore; 0: 2 */
  uint32_t reserved_2;
} drk_restore_options;
#define DRK_RESTORE_OPTIONS_INIT \
  { sizeof(drk_restore_options), 0, 0, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, NULL, 0, 0 }

/** What a restore would do, or did. Accessor struct (convention 6). */
typedef struct drk_restore_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t entries;
  uint64_t files;
  uint64_t bytes;         /**< plain size of the files chosen */
  uint64_t bytes_fetched; /**< read from the storage */
  uint64_t bytes_written;
  uint64_t bytes_kept; /**< delta: already right */
  uint64_t problems;   /**< entries that the snapshot itself lacks */
  int64_t duration_ns;
} drk_restore_stats;
#define DRK_RESTORE_STATS_INIT \
  { sizeof(drk_restore_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** What a restore did. */
typedef struct drk_restore_result drk_restore_result;

/** Counts what drk_restore would do, touching nothing. */
DRK_API drk_status drk_restore_plan(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                                    const drk_restore_options* options, drk_restore_stats* out, drk_error** err);
/** Shown a path, which is not always UTF-8. Non-zero stops, which is no error. */
typedef int (*drk_path_fn)(const char* path, void* user_data);
/**
 * Counts what drk_restore with these options would remove from the target, as a delta does with what is not in the
 * snapshot; touches nothing. `visit` (may be NULL) is shown the first 20 paths.
 * Errors: DRK_PRECONDITION_FAILED when a delta finds nothing of the snapshot at the place.
 */
DRK_API drk_status drk_restore_plan_removals(const drk_context* ctx, const drk_repository* repository,
                                             const char* snapshot, const char* target_address,
                                             const drk_restore_options* options, uint64_t* count, drk_path_fn visit,
                                             void* user_data, drk_error** err);
/**
 * Writes a snapshot (a name as in drk_repository_find_snapshot) to a target: a directory, `postgres:CONNINFO` for
 * dumps, `exec:COMMAND` fed by a stream, or `-` (standard output). DRK_OK also for a partial restore: look at
 * drk_restore_result_status. Errors: DRK_PRECONDITION_FAILED (place not empty, server running), DRK_CORRUPT (named),
 * DRK_NO_SPACE, ...
 */
DRK_API drk_status drk_restore(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                               const char* target_address, const drk_restore_options* options, drk_restore_result** out,
                               drk_error** err);
/** Partial when the snapshot was partial in the part restored. */
DRK_API drk_result_status drk_restore_result_status(const drk_restore_result* result);
/** Counts. Errors: DRK_INVALID_ARGUMENT when struct_size is wrong. */
DRK_API drk_status drk_restore_result_stats(const drk_restore_result* result, drk_restore_stats* out, drk_error** err);
/** How many problems are listed, at most 1000. */
DRK_API size_t drk_restore_result_problem_count(const drk_restore_result* result);
/** A problem with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_restore_result_problem(const drk_restore_result* result, size_t index, drk_problem* out,
                                              drk_error** err);
/** The result as one JSON document with stable keys. */
DRK_API drk_status drk_restore_result_to_json(const drk_restore_result* result, drk_buffer** out, drk_error** err);
/** Gives the result back. */
DRK_API void drk_restore_result_free(drk_restore_result* result);

/* ----------------------------------------------------------------------------------------- looking into snapshots */

/** Visits an entry. Non-zero stops the visit, which then succeeds. */
typedef int (*drk_entry_fn)(const drk_entry* entry, void* user_data);
/** Visits the entries at and below `path` ("" for all) in path order, in bounded memory. */
DRK_API drk_status drk_ls(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                          const char* path, drk_entry_fn visit, void* user_data, drk_error** err);

/** Takes the next bytes. Non-zero ends the read with DRK_CALLBACK_FAILED. */
typedef int (*drk_write_fn)(const void* bytes, size_t size, void* user_data);
/** Gives the content of one file or stream in order, verified, holes as zeros. Errors: DRK_NOT_FOUND,
 * DRK_INVALID_ARGUMENT. */
DRK_API drk_status drk_read_entry(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                                  const char* path, drk_write_fn write, void* user_data, drk_error** err);

/** How an entry differs. */
typedef enum drk_change { DRK_ADDED = 0, DRK_REMOVED = 1, DRK_MODIFIED = 2 } drk_change;
/** Visits a difference; DRK_MODIFIED gives the entry of the second snapshot. Non-zero stops, which then succeeds. */
typedef int (*drk_change_fn)(drk_change change, const drk_entry* entry, void* user_data);
/** Visits what differs between two snapshots in path order; parts that both share are not read. */
DRK_API drk_status drk_diff(const drk_context* ctx, const drk_repository* repository, const char* snapshot_a,
                            const char* snapshot_b, drk_change_fn visit, void* user_data, drk_error** err);

/* ----------------------------------------------------------------------------------------------------------- check */

/** Levels of depth; each includes the ones before it. */
typedef enum drk_check_level {
  DRK_CHECK_OBJECTS = 0, /**< every stored object has the bytes it was stored with */
  DRK_CHECK_CHUNKS = 1,  /**< every chunk needed opens and matches its id */
  DRK_CHECK_FILES = 2,   /**< SHA-256 of every file; the system's own checks */
  DRK_CHECK_BOOT = 3     /**< restored to scratch, started and asked */
} drk_check_level;

/** How bad a finding is. */
typedef enum drk_severity { DRK_SEVERITY_NOTE = 0, DRK_SEVERITY_WARNING = 1, DRK_SEVERITY_DAMAGE = 2 } drk_severity;

/** What a report comes to. */
typedef enum drk_check_status {
  DRK_CHECK_COMPLETE = 0, /**< all that was asked for was looked at and is sound */
  DRK_CHECK_PARTIAL =
      1, /**< no damage; a snapshot lacks what its backup could not read, or was looked at less deeply */
  DRK_CHECK_DAMAGED = 2
} drk_check_status;

/** A check that the caller wrote; see drkit_spi.h. */
typedef struct drk_check_plugin drk_check_plugin;

/** Options of drk_check. */
typedef struct drk_check_options {
  uint32_t struct_size;
  int32_t level;           /**< drk_check_level */
  uint32_t sample_percent; /**< objects and chunks looked at, 1 to 100 */
  uint32_t reserved;
  const char* scratch_parent; /**< boot (refused below): where the scratch directory is made; NULL: /var/tmp */
  const char* const* sql;     /**< boot: each statement must succeed */
  size_t sql_count;
  const char* server_bin_directory; /**< boot: NULL: found by version */
  drk_check_plugin* const* plugins; /**< run besides the library's own checks */
  size_t plugin_count;
} drk_check_options;
#define DRK_CHECK_OPTIONS_INIT \
  { sizeof(drk_check_options), DRK_CHECK_OBJECTS, 100, 0, NULL, NULL, 0, NULL, NULL, 0 }

/** One thing that a check saw. Accessor struct (convention 6). */
typedef struct drk_finding {
  uint32_t struct_size;
  int32_t severity;    /**< drk_severity */
  const char* code;    /**< stable name such as "object_damaged" */
  const char* subject; /**< an object's key, a path, "path block 17" */
  const char* message; /**< one line: expected and found */
} drk_finding;
#define DRK_FINDING_INIT \
  { sizeof(drk_finding), DRK_SEVERITY_NOTE, NULL, NULL, NULL }

/** What the checks saw. */
typedef struct drk_report drk_report;

/**
 * Runs every check of the level and below. `snapshot`: a name, or NULL for all. DRK_OK means that the checks could
 * look, not that all is well: ask drk_report_ok. Findings are no errors; errors are checks that could not look.
 * DRK_INVALID_ARGUMENT: options without a use at the level, or a level that the snapshot cannot reach ("highest").
 */
DRK_API drk_status drk_check(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                             const drk_check_options* options, drk_report** out, drk_error** err);
/** The level `objects` without a key: compares every object with its name; what is missing can hardly be told so. */
DRK_API drk_status drk_check_objects(const drk_context* ctx, drk_storage* storage, uint32_t sample_percent,
                                     drk_report** out, drk_error** err);
/** 1 when the status is DRK_CHECK_COMPLETE. */
DRK_API int drk_report_ok(const drk_report* report);
/** What the report comes to: a drk_check_status; DRK_CHECK_DAMAGED for NULL. */
DRK_API int32_t drk_report_status(const drk_report* report);
/** How many things a reader might take for checked were not looked at. */
DRK_API size_t drk_report_not_looked_at_count(const drk_report* report);
/** One of them, a line for people; borrowed; NULL past the end. */
DRK_API const char* drk_report_not_looked_at(const drk_report* report, size_t index);
/** How many findings there were; the report keeps the first 10 000. */
DRK_API uint64_t drk_report_findings_total(const drk_report* report);
/** How many findings the report has. */
DRK_API size_t drk_report_finding_count(const drk_report* report);
/** A finding with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_report_finding(const drk_report* report, size_t index, drk_finding* out, drk_error** err);
/** How many snapshots a finding was seen in; 0: it is of the repository as a whole, or the index is past the end. */
DRK_API size_t drk_report_finding_snapshot_count(const drk_report* report, size_t index);
/** Id of one of them; borrowed; NULL past the end. */
DRK_API const char* drk_report_finding_snapshot(const drk_report* report, size_t index, size_t snapshot);
/** One JSON document with stable keys. */
DRK_API drk_status drk_report_to_json(const drk_report* report, drk_buffer** out, drk_error** err);
/** A self-contained page: no script, no external file. */
DRK_API drk_status drk_report_to_html(const drk_report* report, drk_buffer** out, drk_error** err);
/** JUnit XML. */
DRK_API drk_status drk_report_to_junit(const drk_report* report, drk_buffer** out, drk_error** err);
/** Gives the report back. */
DRK_API void drk_report_free(drk_report* report);

#ifdef __cplusplus
}
#endif

#endif
