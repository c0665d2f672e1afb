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
 *     this file; drkit_spi.h may change in a minor one.
 */
#ifndef DRKIT_H
#define DRKIT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DRK_API __attribute__((visibility("default")))
#else
#define DRK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------- status and errors */

/** What a call answered: DRK_OK or one of the codes below. */
typedef int32_t drk_status;

/** The pinned codes; they say what the caller does next. New codes may appear: treat an unknown one as failure. */
enum {
  DRK_OK = 0,                   /**< success */
  DRK_INVALID_ARGUMENT = 10,    /**< the call or its options are wrong; fix the caller */
  DRK_UNSUPPORTED = 11,         /**< this build, server or storage cannot do what was asked */
  DRK_NOT_FOUND = 20,           /**< the named object, snapshot, path or repository does not exist */
  DRK_ALREADY_EXISTS = 21,      /**< something is already there and is never overwritten */
  DRK_PRECONDITION_FAILED = 22, /**< the state is not the one that the call requires */
  DRK_PERMISSION_DENIED = 30,   /**< the operating system or the storage refused access */
  DRK_UNAUTHENTICATED = 31,     /**< credentials are missing or were refused */
  DRK_UNAVAILABLE = 40,         /**< the other side does not answer now; retry the call */
  DRK_TIMEOUT = 41,             /**< the deadline passed; retry with more time */
  DRK_RATE_LIMITED = 42,        /**< the other side asks to slow down; retry later */
  DRK_NO_SPACE = 43,            /**< the storage or target is full */
  DRK_CORRUPT = 50,             /**< stored bytes are damaged, forged, swapped or rolled back */
  DRK_BAD_KEY = 51,             /**< no password or key given opens this repository */
  DRK_VERSION_UNSUPPORTED = 52, /**< written by a newer format or server than this build understands */
  DRK_CANCELLED = 60,           /**< the caller cancelled the operation */
  DRK_CALLBACK_FAILED = 61,     /**< a caller's callback or plug-in reported a failure */
  DRK_IO = 70,                  /**< reading or writing failed */
  DRK_OUT_OF_MEMORY = 90,       /**< memory or the memory budget is exhausted */
  DRK_INTERNAL = 91             /**< a defect in the library; please report it */
};

/** One failure. Owned by whoever received it; free it with drk_error_free. */
typedef struct drk_error drk_error;

/** Makes an error, for plug-ins (drkit_spi.h). NULL when memory is exhausted or the code is DRK_OK or unknown. */
DRK_API drk_error* drk_error_new(drk_status code, const char* message, int retryable);
/** Adds a key and a value to an error that drk_error_new made. */
DRK_API drk_status drk_error_add_context(drk_error* error, const char* key, const char* value);
/** The pinned code; DRK_OK for NULL. */
DRK_API drk_status drk_error_code(const drk_error* error);
/** One lower-case line without secrets; borrowed; "" for NULL. */
DRK_API const char* drk_error_message(const drk_error* error);
/** 1 when the same call may succeed if repeated. */
DRK_API int drk_error_retryable(const drk_error* error);
/** How many context pairs the error has. */
DRK_API size_t drk_error_context_count(const drk_error* error);
/** Key of a context pair, such as "path"; borrowed; NULL past the end. */
DRK_API const char* drk_error_context_key(const drk_error* error, size_t index);
/** Value of a context pair; borrowed; NULL past the end. */
DRK_API const char* drk_error_context_value(const drk_error* error, size_t index);
/** The failure that caused this one; borrowed; NULL when there is none. */
DRK_API const drk_error* drk_error_cause(const drk_error* error);
/** The whole error on one line: code, message, context, causes; borrowed. */
DRK_API const char* drk_error_to_string(const drk_error* error);
/** Gives the error back. */
DRK_API void drk_error_free(drk_error* error);
/** Name of a code, such as "not_found"; a static string; "unknown" for an unknown code. */
DRK_API const char* drk_status_name(drk_status status);

/** Version of the library that is running, such as "1.2.3"; a static string. */
DRK_API const char* drk_version(void);
/** The same as a number: major * 65536 + minor * 256 + patch. */
DRK_API uint32_t drk_version_number(void);

/* --------------------------------------------------------------------------------------------------------- values */

/** Bytes owned by the library. */
typedef struct drk_buffer drk_buffer;
/** The bytes; borrowed; followed by a NUL that the size does not count; never NULL. */
DRK_API const char* drk_buffer_data(const drk_buffer* buffer);
/** Units: bytes. */
DRK_API size_t drk_buffer_size(const drk_buffer* buffer);
/** Gives the buffer back. */
DRK_API void drk_buffer_free(drk_buffer* buffer);

/** Secret bytes in locked memory: a password, a key file. Wiped when freed; appears in no log, error or core file. */
typedef struct drk_secret drk_secret;
/** Copies the bytes into locked memory; the caller wipes its own copy. */
DRK_API drk_status drk_secret_new(const void* bytes, size_t size, drk_secret** out, drk_error** err);
/** The bytes, to be written where only their owner reads; borrowed; `size` may be NULL. */
DRK_API const void* drk_secret_bytes(const drk_secret* secret, size_t* size);
/** Wipes the bytes and gives the handle back. */
DRK_API void drk_secret_free(drk_secret* secret);

/** A key and a value: tags, receipts, mappings. */
typedef struct drk_pair {
  const char* key;
  const char* value;
} drk_pair;

/** The three-valued result. Partial never looks like success: test for it. Values are pinned. */
typedef enum drk_result_status {
  DRK_RESULT_COMPLETE = 0, /**< everything */
  DRK_RESULT_PARTIAL = 1,  /**< the problems say what is missing */
  DRK_RESULT_FAILED = 2    /**< nothing to rely on */
} drk_result_status;

/** An entry that is missing or incomplete, and why. Accessor struct (convention 6). */
typedef struct drk_problem {
  uint32_t struct_size;
  drk_status code;
  const char* path;
  const char* message;
} drk_problem;
#define DRK_PROBLEM_INIT \
  { sizeof(drk_problem), DRK_OK, NULL, NULL }

/** Kinds of entries; the values are stored in repositories and pinned. */
typedef enum drk_entry_type {
  DRK_ENTRY_REGULAR = 1,
  DRK_ENTRY_DIRECTORY = 2,
  DRK_ENTRY_SYMLINK = 3,
  DRK_ENTRY_HARDLINK = 4, /**< another name of an earlier regular file, named by link_target */
  DRK_ENTRY_FIFO = 5,
  DRK_ENTRY_SOCKET = 6,
  DRK_ENTRY_CHAR_DEVICE = 7,
  DRK_ENTRY_BLOCK_DEVICE = 8,
  DRK_ENTRY_STREAM = 9 /**< a byte stream without file attributes: a dump, the output of a command */
} drk_entry_type;

/** One extended attribute; the value is bytes. */
typedef struct drk_xattr {
  const char* name;
  const void* value;
  size_t value_size;
} drk_xattr;

/** One file, directory or stream of a snapshot or source. */
typedef struct drk_entry {
  uint32_t struct_size;
  int32_t type;     /**< drk_entry_type */
  const char* path; /**< relative, parts joined by '/'; "" is the tree's root */
  uint32_t mode;    /**< permission bits, 07777 */
  uint32_t uid;
  uint32_t gid;
  drk_status problem_code; /**< not DRK_OK when the entry is incomplete */
  const char* user;        /**< name at the source; may be "" */
  const char* group;       /**< name at the source; may be "" */
  int64_t mtime_ns;
  uint64_t size_bytes;
  const char* link_target; /**< symlink: its text; hardlink: path of the first name; else "" */
  uint64_t device_number;  /**< of char and block devices */
  const drk_xattr* xattrs;
  size_t xattr_count;
  const char* problem_message;
  const uint8_t* sha256; /**< 32 bytes, of the content; NULL for all but regular and stream entries of snapshots */
  uint64_t fingerprint_device; /**< with the next two: what changes when the content does; all 0: always read */
  uint64_t fingerprint_inode;
  int64_t fingerprint_ctime_ns;
} drk_entry;
#define DRK_ENTRY_INIT                                                                                                 \
  {                                                                                                                    \
    sizeof(drk_entry), DRK_ENTRY_REGULAR, NULL, 0, 0, 0, DRK_OK, NULL, NULL, 0, 0, NULL, 0, NULL, 0, NULL, NULL, 0, 0, \
        0                                                                                                              \
  }

/* -------------------------------------------------------------------------------------------------------- context */

/** Asks running operations to stop. One token may serve many operations. */
typedef struct drk_cancel_token drk_cancel_token;
/** Makes a token that is not cancelled. */
DRK_API drk_status drk_cancel_token_new(drk_cancel_token** out, drk_error** err);
/** Cancels, for ever. Thread-safety: any thread, and async-signal-safe. */
DRK_API void drk_cancel(drk_cancel_token* token);
/** 1 once cancelled. */
DRK_API int drk_cancel_token_cancelled(const drk_cancel_token* token);
/** Gives the token back; operations that were started with it have returned. */
DRK_API void drk_cancel_token_free(drk_cancel_token* token);

/** A moment of a running operation. Zero totals mean unknown. */
typedef struct drk_progress_event {
  uint32_t struct_size;
  uint32_t reserved;
  const char* phase; /**< "backup", "restore", "check", ... */
  const char* item;  /**< path or object now worked on */
  uint64_t items_done;
  uint64_t items_total;
  uint64_t bytes_done;
  uint64_t bytes_total;
  uint64_t bytes_stored; /**< put to the storage so far */
} drk_progress_event;

/** Follows an operation, about ten times a second, from any thread but one call at a time. Non-zero cancels. */
typedef int (*drk_progress_fn)(const drk_progress_event* event, void* user_data);

/** Levels of log lines. */
typedef enum drk_log_level {
  DRK_LOG_DEBUG = 0,
  DRK_LOG_INFO = 1,
  DRK_LOG_WARNING = 2,
  DRK_LOG_ERROR = 3
} drk_log_level;

/** Takes a log line without secrets, from any thread but one call at a time. */
typedef void (*drk_log_fn)(drk_log_level level, const char* message, void* user_data);

/** How an operation may be followed and stopped (convention 5). All is borrowed during the call. */
typedef struct drk_context {
  uint32_t struct_size;
  uint32_t reserved;
  drk_cancel_token* cancel;
  drk_progress_fn progress;
  void* progress_user_data;
  drk_log_fn log;
  void* log_user_data;
} drk_context;
#define DRK_CONTEXT_INIT \
  { sizeof(drk_context), 0, NULL, NULL, NULL, NULL, NULL }

/* -------------------------------------------------------------------------------------------------------- storage */

/** A place that keeps objects. */
typedef struct drk_storage drk_storage;

/** Options of drk_storage_open. */
typedef struct drk_storage_options {
  uint32_t struct_size;
  uint32_t create;                    /**< non-zero: make the place when it does not exist */
  uint64_t upload_bytes_per_second;   /**< 0: unlimited */
  uint64_t download_bytes_per_second; /**< 0: unlimited */
  uint32_t attempts;                  /**< of retryable failures; 1: no retry */
  uint32_t reserved;
} drk_storage_options;
#define DRK_STORAGE_OPTIONS_INIT \
  { sizeof(drk_storage_options), 0, 0, 0, 5, 0 }

/** Opens `file:///dir`, a bare path, or `mem:`. Errors: DRK_INVALID_ARGUMENT, DRK_UNSUPPORTED (scheme), DRK_NOT_FOUND.
 */
DRK_API drk_status drk_storage_open(const drk_context* ctx, const char* address, const drk_storage_options* options,
                                    drk_storage** out, drk_error** err);
/** Gives the handle back; repositories opened on it keep the storage. */
DRK_API void drk_storage_free(drk_storage* storage);

/* ------------------------------------------------------------------------------------------------------------ keys */

/** What the holder of a key may do; the values are stored and pinned. */
typedef enum drk_key_role {
  DRK_KEY_FULL = 1, /**< everything */
  DRK_KEY_WRITE = 2 /**< add data with deduplication and list snapshots; reads no data back */
} drk_key_role;

/** Makes a key pair: the secret text, to be kept, and the public key, safe to publish. */
DRK_API drk_status drk_keygen(drk_secret** out_secret_key, drk_buffer** out_public_key, drk_error** err);

/** Proof of the right to open: exactly one member is set. Borrowed during the call. */
typedef struct drk_credential {
  const drk_secret* password;
  const drk_secret* key; /**< the secret text that drk_keygen gave */
} drk_credential;

/* ------------------------------------------------------------------------------------------------------ repository */

/** An open repository. */
typedef struct drk_repository drk_repository;

/** Options of drk_repository_create: at least one password or recipient. */
typedef struct drk_create_options {
  uint32_t struct_size;
  uint32_t reserved;
  const drk_secret* const* passwords;
  size_t password_count;
  const char* const* recipients; /**< public keys; each gets the full role */
  size_t recipient_count;
  uint64_t password_operations;   /**< Argon2id cost */
  uint64_t password_memory_bytes; /**< Argon2id cost */
} drk_create_options;
#define DRK_CREATE_OPTIONS_INIT \
  { sizeof(drk_create_options), 0, NULL, 0, NULL, 0, 3, (uint64_t)64 << 20 }

/** Options of drk_repository_open, and of the handle that drk_repository_create gives. */
typedef struct drk_open_options {
  uint32_t struct_size;
  uint32_t parallel; /**< threads that compress and seal; 0: one per processor */
  drk_credential credential;
  const char* cache_directory; /**< local cache and rollback memory; NULL: none is kept between opens */
  uint64_t memory_bytes;       /**< upper bound of the memory of every operation; at least 64 MiB */
} drk_open_options;
#define DRK_OPEN_OPTIONS_INIT \
  { sizeof(drk_open_options), 0, {NULL, NULL}, NULL, (uint64_t)256 << 20 }

/**
 * Makes a repository in an empty storage and opens it with the first password, else with open_options->credential.
 * Errors: DRK_ALREADY_EXISTS (a repository is there), DRK_PRECONDITION_FAILED (other objects are there).
 */
DRK_API drk_status drk_repository_create(const drk_context* ctx, drk_storage* storage,
                                         const drk_create_options* options, const drk_open_options* open_options,
                                         drk_repository** out, drk_error** err);
/** Opens. Errors: DRK_NOT_FOUND, DRK_BAD_KEY, DRK_VERSION_UNSUPPORTED, DRK_CORRUPT (also: rolled back). */
DRK_API drk_status drk_repository_open(const drk_context* ctx, drk_storage* storage, const drk_open_options* options,
                                       drk_repository** out, drk_error** err);
/** The repository's identity, hexadecimal; borrowed. */
DRK_API const char* drk_repository_id(const drk_repository* repository);
/** What the key that opened this handle may do. */
DRK_API drk_key_role drk_repository_role(const drk_repository* repository);
/** Gives the handle back. */
DRK_API void drk_repository_free(drk_repository* repository);

/** One way into a repository. Accessor struct (convention 6). */
typedef struct drk_key_info {
  uint32_t struct_size;
  int32_t role;   /**< drk_key_role */
  const char* id; /**< 32 hexadecimal digits */
  const char* label;
  const char* public_key; /**< recipients only, else "" */
  int64_t created_ns;
  uint32_t is_password;
  uint32_t reserved;
} drk_key_info;
#define DRK_KEY_INFO_INIT \
  { sizeof(drk_key_info), 0, NULL, NULL, NULL, 0, 0, 0 }

/** A list of key slots. */
typedef struct drk_keys drk_keys;
/** Lists the ways into the repository. */
DRK_API drk_status drk_key_list(const drk_context* ctx, const drk_repository* repository, drk_keys** out,
                                drk_error** err);
/** How many slots the list has. */
DRK_API size_t drk_keys_count(const drk_keys* keys);
/** Fills `out` with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_keys_at(const drk_keys* keys, size_t index, drk_key_info* out, drk_error** err);
/** Gives the list back. */
DRK_API void drk_keys_free(drk_keys* keys);

/** Options of drk_key_add: exactly one of password and public_key. */
typedef struct drk_key_options {
  uint32_t struct_size;
  int32_t role; /**< drk_key_role */
  const drk_secret* password;
  const char* public_key;
  const char* label;
  uint64_t password_operations;
  uint64_t password_memory_bytes;
} drk_key_options;
#define DRK_KEY_OPTIONS_INIT \
  { sizeof(drk_key_options), DRK_KEY_FULL, NULL, NULL, NULL, 3, (uint64_t)64 << 20 }

/** Adds a way in; `out` (may be NULL) is a list of the one new slot. */
DRK_API drk_status drk_key_add(const drk_context* ctx, drk_repository* repository, const drk_key_options* options,
                               drk_keys** out, drk_error** err);
/** Errors: DRK_NOT_FOUND; DRK_PRECONDITION_FAILED for the last full slot and the one this handle was opened with. */
DRK_API drk_status drk_key_remove(const drk_context* ctx, drk_repository* repository, const char* slot_id,
                                  drk_error** err);
/**
 * Puts new data under a new key; old data stays readable. Password slots other than the caller's cannot be renewed and
 * are removed: `out` (may be NULL) lists them.
 */
DRK_API drk_status drk_key_rotate(const drk_context* ctx, drk_repository* repository, const drk_credential* own,
                                  drk_keys** out, drk_error** err);

/* ------------------------------------------------------------------------------------------------------- snapshots */

/** One snapshot: a frozen value. */
typedef struct drk_snapshot drk_snapshot;
/** A list of snapshots. */
typedef struct drk_snapshot_list drk_snapshot_list;

/** Counts of one backup. Accessor struct (convention 6). */
typedef struct drk_backup_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t entries;         /**< everything in the snapshot */
  uint64_t files;           /**< regular and stream entries */
  uint64_t files_unchanged; /**< taken over from the parent without reading */
  uint64_t bytes;           /**< plain size of all files */
  uint64_t bytes_read;      /**< read from the source */
  uint64_t bytes_new;       /**< plain bytes not stored before */
  uint64_t bytes_stored;    /**< put to the storage */
  uint64_t chunks;
  uint64_t chunks_new;
  uint64_t problems; /**< entries missing or incomplete */
  int64_t duration_ns;
} drk_backup_stats;
#define DRK_BACKUP_STATS_INIT \
  { sizeof(drk_backup_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Which snapshots drk_snapshots_list gives: all members that are set must match. */
typedef struct drk_snapshot_filter {
  uint32_t struct_size;
  uint32_t reserved;
  const drk_pair* tags;
  size_t tag_count;
  const char* source; /**< source name, or kind:name; NULL matches all */
} drk_snapshot_filter;
#define DRK_SNAPSHOT_FILTER_INIT \
  { sizeof(drk_snapshot_filter), 0, NULL, 0, NULL }

/** Lists, oldest first. Errors: DRK_CORRUPT when a snapshot is damaged or one is missing (rolled back). */
DRK_API drk_status drk_snapshots_list(const drk_context* ctx, const drk_repository* repository,
                                      const drk_snapshot_filter* filter, drk_snapshot_list** out, drk_error** err);
/** How many snapshots the list has. */
DRK_API size_t drk_snapshot_list_count(const drk_snapshot_list* list);
/** One of them; borrowed from the list; NULL past the end. */
DRK_API const drk_snapshot* drk_snapshot_list_at(const drk_snapshot_list* list, size_t index);
/** Gives the list and its snapshots back. */
DRK_API void drk_snapshot_list_free(drk_snapshot_list* list);

/** Finds by an id prefix of at least 4 digits, "latest" or "latest:SOURCE". Errors: DRK_NOT_FOUND,
 * DRK_INVALID_ARGUMENT. */
DRK_API drk_status drk_repository_find_snapshot(const drk_context* ctx, const drk_repository* repository,
                                                const char* name, drk_snapshot** out, drk_error** err);
/** Takes the snapshot (a name as above) from the list, leaving a tombstone; the data stays until a prune. */
DRK_API drk_status drk_forget(const drk_context* ctx, drk_repository* repository, const char* snapshot,
                              drk_error** err);

/** 32 hexadecimal digits; borrowed. */
DRK_API const char* drk_snapshot_id(const drk_snapshot* snapshot);
/** Complete or partial. */
DRK_API drk_result_status drk_snapshot_status(const drk_snapshot* snapshot);
/** When the backup began. */
DRK_API int64_t drk_snapshot_time_ns(const drk_snapshot* snapshot);
/** "filesystem", "postgres", ...; borrowed. */
DRK_API const char* drk_snapshot_source_kind(const drk_snapshot* snapshot);
/** What was backed up; borrowed. */
DRK_API const char* drk_snapshot_source_name(const drk_snapshot* snapshot);
/** The machine that made the backup; borrowed. */
DRK_API const char* drk_snapshot_host(const drk_snapshot* snapshot);
/** How many tags the snapshot has. */
DRK_API size_t drk_snapshot_tag_count(const drk_snapshot* snapshot);
/** A tag; borrowed; {NULL, NULL} past the end. */
DRK_API drk_pair drk_snapshot_tag(const drk_snapshot* snapshot, size_t index);
/** How many facts the source told: LSNs, timeline, versions. 0 for holders of a write key. */
DRK_API size_t drk_snapshot_receipt_count(const drk_snapshot* snapshot);
/** A fact; borrowed; {NULL, NULL} past the end. */
DRK_API drk_pair drk_snapshot_receipt(const drk_snapshot* snapshot, size_t index);
/** Counts. Errors: DRK_INVALID_ARGUMENT when struct_size is wrong. */
DRK_API drk_status drk_snapshot_stats(const drk_snapshot* snapshot, drk_backup_stats* out, drk_error** err);
/** How many problems are listed, at most 1000; stats.problems counts all. 0 for holders of a write key. */
DRK_API size_t drk_snapshot_problem_count(const drk_snapshot* snapshot);
/** A problem with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_snapshot_problem(const drk_snapshot* snapshot, size_t index, drk_problem* out, drk_error** err);
/** The snapshot as one JSON document with stable keys. */
DRK_API drk_status drk_snapshot_to_json(const drk_snapshot* snapshot, drk_buffer** out, drk_error** err);
/** Gives back a snapshot that drk_backup or drk_repository_find_snapshot gave; never one of a list. */
DRK_API void drk_snapshot_free(drk_snapshot* snapshot);

/* ---------------------------------------------------------------------------------------------------------- backup */

/** Something that can be backed up; serves one backup. */
typedef struct drk_source drk_source;

/** Options of drk_source_open; those that do not fit the address are refused or without meaning, as said. */
typedef struct drk_source_options {
  uint32_t struct_size;
  uint32_t one_file_system;    /**< file trees: non-zero stays on the root's file system */
  const char* const* excludes; /**< file trees: globs */
  size_t exclude_count;
  const char* mode;      /**< postgres: "auto", "stream", "local"; NULL: auto */
  const char* what;      /**< postgres: "cluster", "dump"; NULL: cluster */
  uint64_t max_rate_kib; /**< postgres: server-side limit in KiB/s; 0: none */
} drk_source_options;
#define DRK_SOURCE_OPTIONS_INIT \
  { sizeof(drk_source_options), 0, NULL, 0, NULL, NULL, 0 }

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
  uint32_t delta;     /**< non-zero: over an existing tree, writing only what differs */
  uint32_t no_owners; /**< non-zero: leave owners alone even when the process may set them */
  uint32_t reserved;
  const char* const* includes; /**< globs; none: everything */
  size_t include_count;
  const char* const* excludes;
  size_t exclude_count;
  const drk_pair* tablespaces; /**< postgres: old location or OID -> new directory */
  size_t tablespace_count;
  const char* all_tablespaces_under; /**< postgres: DIR/OID for the others; NULL: refuse them */
} drk_restore_options;
#define DRK_RESTORE_OPTIONS_INIT \
  { sizeof(drk_restore_options), 0, 0, 0, NULL, 0, NULL, 0, NULL, 0, NULL }

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
/**
 * Writes a snapshot (a name as in drk_repository_find_snapshot) to a target: a directory, `exec:COMMAND` fed by a
 * stream, or `-` (standard output). DRK_OK also for a partial restore: look at drk_restore_result_status.
 * Errors: DRK_PRECONDITION_FAILED (place not empty, server running), DRK_CORRUPT (named), DRK_NO_SPACE, ...
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

/** A check that the caller wrote; see drkit_spi.h. */
typedef struct drk_check_plugin drk_check_plugin;

/** Options of drk_check. */
typedef struct drk_check_options {
  uint32_t struct_size;
  int32_t level;           /**< drk_check_level */
  uint32_t sample_percent; /**< objects and chunks looked at, 1 to 100 */
  uint32_t reserved;
  const char* scratch_parent; /**< boot: where the scratch directory is made; NULL: /var/tmp */
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
 */
DRK_API drk_status drk_check(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                             const drk_check_options* options, drk_report** out, drk_error** err);
/** The level `objects` without a key: reads every object and compares it with its name or checksum. */
DRK_API drk_status drk_check_objects(const drk_context* ctx, drk_storage* storage, uint32_t sample_percent,
                                     drk_report** out, drk_error** err);
/** 1 when no finding is damage. */
DRK_API int drk_report_ok(const drk_report* report);
/** How many findings there were; the report keeps the first 10 000. */
DRK_API uint64_t drk_report_findings_total(const drk_report* report);
/** How many findings the report has. */
DRK_API size_t drk_report_finding_count(const drk_report* report);
/** A finding with borrowed texts. Errors: DRK_INVALID_ARGUMENT past the end. */
DRK_API drk_status drk_report_finding(const drk_report* report, size_t index, drk_finding* out, drk_error** err);
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

#include <drkit_spi.h>

#endif
