/* Storages, keys, repositories, snapshots. Part of drkit.h; its conventions apply. */
#ifndef DRKIT_REPOSITORY_H
#define DRKIT_REPOSITORY_H

#include <drkit_base.h>

#ifdef __cplusplus
extern "C" {
#endif

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
  /* Credentials and trust of storages that take some; NULL: none. */
  const char* user;                    /**< name, or access key id */
  const drk_secret* password;          /**< password, secret access key, bearer token, or passphrase of key_file */
  const char* key_file;                /**< sftp: private key */
  const char* agent_socket;            /**< sftp: socket of an ssh-agent */
  const char* ca_file;                 /**< https: PEM file of authorities to trust instead of the system's */
  const char* client_certificate_file; /**< https: PEM file */
  const char* client_key_file;         /**< https: PEM file */
  const char* proxy;
  uint32_t concurrency;        /**< calls under way at once; 0: no limit but the storage's own */
  uint32_t read_only;          /**< non-zero: refuse every write; excludes `create` */
  const char* cache_directory; /**< keep whole objects that their names prove there; NULL: no cache */
  uint64_t cache_bytes;        /**< its size */
} drk_storage_options;
#define DRK_STORAGE_OPTIONS_INIT                                                                            \
  {                                                                                                         \
    sizeof(drk_storage_options), 0, 0, 0, 8, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, \
        (uint64_t)1 << 30                                                                                   \
  }

/**
 * Opens `file:///dir`, a bare path, `sftp://user@host:port/dir`, `s3://bucket/prefix`, `webdav+https://host/folder`,
 * `nextcloud+https://host/folder` (both also with http), `mirror:ADDRESS|ADDRESS` (each copy with these options) or
 * `mem:`.
 * Errors: DRK_INVALID_ARGUMENT, DRK_UNSUPPORTED (scheme), DRK_NOT_FOUND, DRK_UNAUTHENTICATED, DRK_UNAVAILABLE.
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
/** Sets `out` to 1 when the repository in the storage is the opened one, to 0 when there is none or another: it was
 * made anew. Reads one small object; needs no key. Errors: DRK_VERSION_UNSUPPORTED, DRK_CORRUPT, the storage's. */
DRK_API drk_status drk_repository_is_in(const drk_context* ctx, const drk_repository* repository, drk_storage* storage,
                                        int* out, drk_error** err);
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
  uint32_t take_damaged; /**< 1: damaged snapshots are listed apart; 0: one is an error */
  const drk_pair* tags;
  size_t tag_count;
  const char* source; /**< source name, or kind:name; NULL matches all */
} drk_snapshot_filter;
#define DRK_SNAPSHOT_FILTER_INIT \
  { sizeof(drk_snapshot_filter), 0, NULL, 0, NULL }

/** Lists, oldest first. Errors: DRK_CORRUPT when one is missing (rolled back), or damaged and not asked for. */
DRK_API drk_status drk_snapshots_list(const drk_context* ctx, const drk_repository* repository,
                                      const drk_snapshot_filter* filter, drk_snapshot_list** out, drk_error** err);
/** How many snapshots the list has. */
DRK_API size_t drk_snapshot_list_count(const drk_snapshot_list* list);
/** One of them; borrowed from the list; NULL past the end. */
DRK_API const drk_snapshot* drk_snapshot_list_at(const drk_snapshot_list* list, size_t index);
/** How many damaged snapshots there are, whatever the filter: nobody knows what they were. */
DRK_API size_t drk_snapshot_list_damaged_count(const drk_snapshot_list* list);
/** The id of one of them, 32 hexadecimal digits; borrowed from the list; NULL past the end. */
DRK_API const char* drk_snapshot_list_damaged_id(const drk_snapshot_list* list, size_t index);
/** What is wrong with it, one line; borrowed from the list; NULL past the end. */
DRK_API const char* drk_snapshot_list_damaged_message(const drk_snapshot_list* list, size_t index);
/** Gives the list and its snapshots back. */
DRK_API void drk_snapshot_list_free(drk_snapshot_list* list);

/** Finds by an id prefix of at least 4 digits, "latest" or "latest:SOURCE". Errors: DRK_NOT_FOUND,
 * DRK_INVALID_ARGUMENT. */
DRK_API drk_status drk_repository_find_snapshot(const drk_context* ctx, const drk_repository* repository,
                                                const char* name, drk_snapshot** out, drk_error** err);
/** Takes the snapshot (a name as above, or the whole id of a missing one) from the list, leaving a tombstone; the data
 * stays until a prune. A damaged one can be forgotten, too. */
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

#ifdef __cplusplus
}
#endif

#endif
