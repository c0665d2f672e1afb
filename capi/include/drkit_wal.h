/*
 * The write-ahead log of PostgreSQL: kept, given back, looked over. Part of drkit.h; its conventions apply. Positions
 * in the log (LSNs) are numbers: the part before the slash times 2^32, plus the part behind it.
 */
#ifndef DRKIT_WAL_H
#define DRKIT_WAL_H

#include <drkit_operations.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------- files of the log */

/** What an object of the log is of; the values are stored in repositories and pinned. */
typedef enum drk_wal_kind {
  DRK_WAL_SEGMENT = 1, /**< one whole file of the log */
  DRK_WAL_PARTIAL = 2, /**< the unfinished last file of a timeline, as a promotion leaves it */
  DRK_WAL_PIECE = 3,   /**< a part of a file that still grows */
  DRK_WAL_HISTORY = 4, /**< where a timeline began */
  DRK_WAL_LABEL = 5,   /**< what the server writes about a finished backup */
  DRK_WAL_GAP = 6,     /**< log that is known to be lost */
  DRK_WAL_TAIL = 7     /**< what is damaged of an object that grows; what is good of it is listed as a piece */
} drk_wal_kind;

/** One object of the log. */
typedef struct drk_wal_object {
  uint32_t struct_size;
  int32_t kind;       /**< drk_wal_kind */
  uint64_t system_id; /**< of the cluster */
  uint32_t timeline;
  /** 1: holds less than it should: emptied or cut short, or a tail in which log from start_lsn on was stored but cannot
   * be read (end_lsn is UINT64_MAX then). */
  uint32_t damaged;
  uint64_t start_lsn; /**< first byte of the log; 0 for a history */
  uint64_t end_lsn;   /**< behind the last one */
  uint64_t stored_bytes;
  int64_t modified_ns; /**< the storage's time; 0 when unknown */
} drk_wal_object;
#define DRK_WAL_OBJECT_INIT \
  { sizeof(drk_wal_object), 0, 0, 0, 0, 0, 0, 0, 0 }

/** Visits an object. Non-zero stops the visit, which then succeeds. */
typedef int (*drk_wal_object_fn)(const drk_wal_object* object, void* user_data);
/** Visits what is stored of the log of one cluster, or of all (0), by timeline and position. Works with every key. */
DRK_API drk_status drk_wal_list(const drk_context* ctx, const drk_repository* repository, uint64_t system_id,
                                drk_wal_object_fn visit, void* user_data, drk_error** err);

/** Options of drk_wal_push and drk_wal_was_pushed. */
typedef struct drk_wal_push_options {
  uint32_t struct_size;
  uint32_t batch;              /**< so many more files that the server has marked as ready go along; needs a spool */
  const char* spool_directory; /**< a folder of this machine that remembers what was done; NULL: none */
  const char* spool_name;      /**< with a spool: the repository's address; others never see these files */
  uint64_t system_id;          /**< 0: from the file itself or its data directory */
  const char* repository_id;   /**< of drk_wal_was_pushed: drk_repository_id; NULL: nothing counts as pushed */
} drk_wal_push_options;
#define DRK_WAL_PUSH_OPTIONS_INIT \
  { sizeof(drk_wal_push_options), 0, NULL, NULL, 0, NULL }

/** What a push did. Accessor struct (convention 6). */
typedef struct drk_wal_pushed {
  uint32_t struct_size;
  uint32_t was_there; /**< 1: the same bytes were stored before */
  uint32_t more;      /**< others of the batch that are now stored */
  uint32_t reserved;
} drk_wal_pushed;
#define DRK_WAL_PUSHED_INIT \
  { sizeof(drk_wal_pushed), 0, 0, 0 }

/** Sets `out` to 1 when an earlier push with this spool stored the file as it is now in this very repository, and not
 * in one that was at the same address before. Opens nothing but the spool. After an error of the spool, push. */
DRK_API drk_status drk_wal_was_pushed(const char* path, const drk_wal_push_options* options, int* out, drk_error** err);
/**
 * Stores a file of pg_wal: a segment, a .partial, a .history or a .backup. Durable in the repository when it returns.
 * `out` may be NULL. Errors: DRK_ALREADY_EXISTS (other bytes are stored under the name; they stay), DRK_CORRUPT (no
 * file of the log, or not what its name says), DRK_INVALID_ARGUMENT (a name of another kind), DRK_NOT_FOUND, DRK_IO.
 */
DRK_API drk_status drk_wal_push(const drk_context* ctx, const drk_repository* repository, const char* path,
                                const drk_wal_push_options* options, drk_wal_pushed* out, drk_error** err);

/** Options of drk_wal_get and drk_wal_take_prefetched. */
typedef struct drk_wal_get_options {
  uint32_t struct_size;
  uint32_t prefetch;           /**< segments behind the one asked for, fetched at the same time; needs a spool */
  const char* spool_directory; /**< NULL: none */
  const char* spool_name;      /**< with a spool: the repository's address */
  uint64_t system_id;          /**< 0: of the data directory in which the destination lies, else the only one */
  /** Non-zero: the last segment is delivered as far as it can be read also when it is damaged behind that. For a
   * recovery to a target that lies before: to any other one the damage would look like the end of the log. */
  int32_t up_to_damage;
  uint32_t reserved; /**< 0 */
} drk_wal_get_options;
#define DRK_WAL_GET_OPTIONS_INIT \
  { sizeof(drk_wal_get_options), 0, NULL, NULL, 0, 0, 0 }

/** Delivers a segment of this cluster that an earlier drk_wal_get fetched; sets `out` to 0 when there is none. Opens
 * nothing but the spool and pg_control. Errors: DRK_IO; drk_wal_get needs no spool. */
DRK_API drk_status drk_wal_take_prefetched(const char* file_name, const char* destination,
                                           const drk_wal_get_options* options, int* out, drk_error** err);
/**
 * Writes a file of the log: whole, verified and synced, or not at all. Errors: DRK_NOT_FOUND (the repository holds no
 * such file: the end of the log, and nothing else), DRK_CORRUPT, DRK_PERMISSION_DENIED (a key of the write role),
 * DRK_INVALID_ARGUMENT, DRK_IO (the destination, also when its folder is not there).
 */
DRK_API drk_status drk_wal_get(const drk_context* ctx, const drk_repository* repository, const char* file_name,
                               const char* destination, const drk_wal_get_options* options, drk_error** err);

/* ------------------------------------------------------------------------------------------------ a running server */

/** Where received log must be before the server is told that it is flushed. */
typedef enum drk_wal_durable {
  DRK_WAL_DURABLE_STORAGE = 0, /**< in the repository */
  DRK_WAL_DURABLE_SPOOL = 1    /**< in a synced file of this machine; the repository follows */
} drk_wal_durable;

/** Options of drk_wal_receive. */
typedef struct drk_wal_receive_options {
  uint32_t struct_size;
  uint32_t synchronous;        /**< non-zero: store as soon as anything arrives: for synchronous_standby_names */
  const char* slot;            /**< replication slot that keeps the log until it was received; NULL: none */
  uint32_t no_create_slot;     /**< non-zero: a slot that is absent or was invalidated is an error */
  int32_t durable;             /**< drk_wal_durable */
  const char* spool_directory; /**< of DRK_WAL_DURABLE_SPOOL */
  int64_t store_every_ns; /**< received log is on its way at the latest after this time and that of the put before */
  int64_t connect_timeout_ns;
  const char* application_name; /**< what synchronous_standby_names calls it; NULL: drkit */
  uint64_t until_lsn;           /**< end when everything before it is stored; 0: only when cancelled */
  uint32_t no_reconnect;        /**< non-zero: the first lost connection ends it */
  uint32_t reserved;
  uint64_t store_bytes; /**< and as soon as it is so many bytes; 0: only in time, and full segments without pieces */
  uint64_t spool_bytes; /**< what log that waits for the storage may take of the spool's disk; 0: all but a reserve */
} drk_wal_receive_options;
#define DRK_WAL_RECEIVE_OPTIONS_INIT                                                                                   \
  {                                                                                                                    \
    sizeof(drk_wal_receive_options), 0, NULL, 0, DRK_WAL_DURABLE_STORAGE, NULL, 250000000, 30000000000, NULL, 0, 0, 0, \
        262144, 10737418240                                                                                            \
  }

/** What was received. Accessor struct (convention 6). */
typedef struct drk_wal_received {
  uint32_t struct_size;
  uint32_t timeline;
  uint64_t system_id;
  uint64_t stored_lsn; /**< everything before it is in the repository */
  uint64_t segments;
  uint64_t pieces;
  uint64_t gaps;
  uint64_t connections;
  uint64_t unstored_bytes; /**< after a cancel: log that came and that the storage did not take in within ten seconds */
} drk_wal_received;
#define DRK_WAL_RECEIVED_INIT \
  { sizeof(drk_wal_received), 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Stores the log of a running server as it is written, until it is cancelled or until_lsn is stored; both are success
 * (look at unstored_bytes after a cancel).
 * Goes on where the repository ends, follows timelines and connects anew. Log that the server no longer has is recorded
 * as a gap. `out` may be NULL. Errors: DRK_ALREADY_EXISTS (the server sends other bytes than those stored),
 * DRK_UNAUTHENTICATED, DRK_UNSUPPORTED (server older than 15), the storage's.
 */
DRK_API drk_status drk_wal_receive(const drk_context* ctx, const drk_repository* repository, const char* conninfo,
                                   const drk_wal_receive_options* options, drk_wal_received* out, drk_error** err);

/* ------------------------------------------------------------------------------------------- what can be recovered */

/** Everything between start and end can be recovered to, from this snapshot. Accessor struct (convention 6). */
typedef struct drk_recovery_window {
  uint32_t struct_size;
  uint32_t timeline; /**< recovery_target_timeline */
  uint64_t system_id;
  const char* snapshot;
  uint64_t start_lsn; /**< where the snapshot is consistent */
  uint64_t end_lsn;
  int64_t start_time_ns; /**< when the backup ended */
  int64_t end_time_ns;   /**< of the last transaction that ended in it */
  const char* ended_by;  /**< "end of log", "hole", "gap", "damaged" or "other history" */
  const char* proof;     /**< looked at: "names" and sizes; "history": the log is the snapshot's own; "content": read */
} drk_recovery_window;
#define DRK_RECOVERY_WINDOW_INIT \
  { sizeof(drk_recovery_window), 0, 0, NULL, 0, 0, 0, 0, NULL, NULL }

/** Something that is wrong with the log that is kept. Accessor struct (convention 6). */
typedef struct drk_wal_problem {
  uint32_t struct_size;
  uint32_t timeline;
  uint64_t system_id;
  const char* code; /**< stable: "wal_hole", "wal_gap", "wal_history_missing", ... */
  uint64_t start_lsn;
  uint64_t end_lsn;
  const char* message;
} drk_wal_problem;
#define DRK_WAL_PROBLEM_INIT \
  { sizeof(drk_wal_problem), 0, 0, NULL, 0, 0, NULL }

/** What the log leads to, and what is missing. */
typedef struct drk_wal_report drk_wal_report;

/** Looks at the log of every cluster: names and sizes, and whether it is that of the snapshots. DRK_OK means that it
 * could look: ask drk_wal_report_ok. Errors: DRK_PERMISSION_DENIED (a key of the write role), DRK_CORRUPT, the
 * storage's. */
DRK_API drk_status drk_wal_verify(const drk_context* ctx, const drk_repository* repository, drk_wal_report** out,
                                  drk_error** err);
/** The same, and every object of the log that an interval needs is opened and read through. */
DRK_API drk_status drk_wal_verify_read(const drk_context* ctx, const drk_repository* repository, drk_wal_report** out,
                                       drk_error** err);
/** 1 when nothing is missing. */
DRK_API int drk_wal_report_ok(const drk_wal_report* report);
/** How many intervals can be recovered to. */
DRK_API size_t drk_wal_report_window_count(const drk_wal_report* report);
/** One of them, with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_wal_report_window(const drk_wal_report* report, size_t index, drk_recovery_window* out,
                                         drk_error** err);
/** How many problems there are: holes, recorded gaps, missing histories. */
DRK_API size_t drk_wal_report_problem_count(const drk_wal_report* report);
/** One of them, with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_wal_report_problem(const drk_wal_report* report, size_t index, drk_wal_problem* out,
                                          drk_error** err);
/** Gives the report back. */
DRK_API void drk_wal_report_free(drk_wal_report* report);

#ifdef __cplusplus
}
#endif
#endif
