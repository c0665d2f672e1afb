/*
 * PostgreSQL as it was at a point in time. Part of drkit.h; its conventions apply. The way: drk_pitr_plan_new,
 * drk_restore of the plan's snapshot, drk_pitr_write_settings, drk_pitr_start.
 */
#ifndef DRKIT_PITR_H
#define DRKIT_PITR_H

#include <drkit_wal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a target is; the values are pinned. */
typedef enum drk_pitr_kind {
  DRK_PITR_LATEST = 0,
  DRK_PITR_IMMEDIATE = 1, /**< as soon as the snapshot is consistent */
  DRK_PITR_TIME = 2,
  DRK_PITR_LSN = 3,
  DRK_PITR_XID = 4,
  DRK_PITR_NAME = 5 /**< a restore point */
} drk_pitr_kind;

/** What the server does at the target; the values are pinned. */
typedef enum drk_pitr_action { DRK_PITR_PAUSE = 0, DRK_PITR_PROMOTE = 1, DRK_PITR_SHUTDOWN = 2 } drk_pitr_action;
/** Added to the action for drk_pitr_write_settings: the recovered server archives as the original did. Without it
 * archiving is off, so that a trial leaves nothing in the repository. */
#define DRK_PITR_KEEP_ARCHIVING 256

/** Options of drk_pitr_plan_new. */
typedef struct drk_pitr_options {
  uint32_t struct_size;
  int32_t kind;    /**< drk_pitr_kind */
  int64_t time_ns; /**< whole microseconds, as the server counts */
  uint64_t lsn;
  uint32_t xid;
  uint32_t exclusive; /**< non-zero: stop just before the target */
  const char* name;   /**< of a restore point */
  uint64_t system_id; /**< which cluster; 0: the only one */
  uint32_t timeline;  /**< 0: the one that the newest snapshot leads to */
  uint32_t unread;    /**< non-zero: believe names and sizes of the log instead of reading all that will be replayed */
  const char* snapshot; /**< an id, also of a partial one; NULL: the newest complete one that leads to the target */
} drk_pitr_options;
#define DRK_PITR_OPTIONS_INIT \
  { sizeof(drk_pitr_options), DRK_PITR_LATEST, 0, 0, 0, 0, NULL, 0, 0, 0, NULL }

/** How a target is reached. */
typedef struct drk_pitr_plan drk_pitr_plan;

/** What a plan says. Accessor struct (convention 6). */
typedef struct drk_pitr_plan_facts {
  uint32_t struct_size;
  uint32_t timeline;
  uint64_t system_id;
  const char* snapshot; /**< its id: to be restored */
  uint64_t start_lsn;   /**< recovery reads the log from here */
  uint64_t stop_lsn;    /**< where it will stop; for latest behind the last whole record */
  int64_t stop_time_ns; /**< of the last transaction before that; 0 when not known */
  uint64_t wal_bytes;   /**< to be replayed */
  const char* ended_by; /**< of latest: "end of log", or why later log is not reached: "hole", "gap"; else "" */
} drk_pitr_plan_facts;
#define DRK_PITR_PLAN_FACTS_INIT \
  { sizeof(drk_pitr_plan_facts), 0, 0, NULL, 0, 0, 0, 0, NULL }

/** Chooses the snapshot and proves that the log leads to the target: it is the snapshot's own, opens, and goes on
 * without a break; writes nothing. Errors: DRK_NOT_FOUND (the target lies outside of what can be recovered: the message
 * says what can be), DRK_INVALID_ARGUMENT (also: several timelines or clusters are possible, the message names them),
 * DRK_PRECONDITION_FAILED (the log is not this snapshot's), DRK_CORRUPT (log that is needed is damaged),
 * DRK_PERMISSION_DENIED. */
DRK_API drk_status drk_pitr_plan_new(const drk_context* ctx, const drk_repository* repository,
                                     const drk_pitr_options* options, drk_pitr_plan** out, drk_error** err);
/** The plan, with borrowed texts. */
DRK_API drk_status drk_pitr_plan_get(const drk_pitr_plan* plan, drk_pitr_plan_facts* out, drk_error** err);
/** Gives the plan back. */
DRK_API void drk_pitr_plan_free(drk_pitr_plan* plan);

/** Writes into the restored data directory what makes the server recover to the target, synced. `restore_command`: as
 * the server shall call it, with %f and %p. Errors: DRK_PRECONDITION_FAILED (a server runs in it), DRK_NOT_FOUND. */
DRK_API drk_status drk_pitr_write_settings(const drk_pitr_plan* plan, const char* data_directory,
                                           const char* restore_command, int32_t action, drk_error** err);

/** Options of drk_pitr_start. */
typedef struct drk_pitr_start_options {
  uint32_t struct_size;
  uint32_t reserved;
  const char* bin_directory;   /**< of the server's programs; NULL: found by version */
  const char* log_file;        /**< NULL: drkit-recovery.log in the data directory */
  const char* server_options;  /**< passed to postgres; NULL: none */
  const drk_pair* environment; /**< for the server's programs */
  size_t environment_count;
  int64_t timeout_ns;
} drk_pitr_start_options;
#define DRK_PITR_START_OPTIONS_INIT \
  { sizeof(drk_pitr_start_options), 0, NULL, NULL, NULL, NULL, 0, 3600000000000 }

/** What recovery really came to. Accessor struct (convention 6). */
typedef struct drk_pitr_reached {
  uint32_t struct_size;
  uint32_t finished; /**< 0: the target was not reached, see message */
  uint32_t timeline; /**< the server's own now */
  uint32_t reserved;
  uint64_t lsn;        /**< where replay stopped */
  int64_t time_ns;     /**< of the last transaction replayed; 0 when not known */
  const char* message; /**< the server's own words; borrowed from the plan until the next start */
} drk_pitr_reached;
#define DRK_PITR_REACHED_INIT \
  { sizeof(drk_pitr_reached), 0, 0, 0, 0, 0, NULL }

/** Starts the server as configured and waits until the target is reached or it stopped by itself; it lives on
 * afterwards. DRK_OK also for a recovery that fails, or to latest that ended before stop_lsn: look at `finished`.
 * Errors: DRK_PRECONDITION_FAILED, DRK_UNSUPPORTED (no programs), DRK_TIMEOUT, DRK_CANCELLED (the server is stopped),
 * DRK_IO. */
DRK_API drk_status drk_pitr_start(const drk_context* ctx, drk_pitr_plan* plan, const char* data_directory,
                                  int32_t action, const drk_pitr_start_options* options, drk_pitr_reached* out,
                                  drk_error** err);

#ifdef __cplusplus
}
#endif
#endif
