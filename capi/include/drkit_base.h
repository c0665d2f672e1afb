/* Errors, values, context. Part of drkit.h; its conventions apply. */
#ifndef DRKIT_BASE_H
#define DRKIT_BASE_H

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

#ifdef __cplusplus
}
#endif

#endif
