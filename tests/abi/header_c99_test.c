/* The header is strict C99, includable on its own and twice, and every INIT initialises its struct. */
#include <drkit.h>
#include <drkit_spi.h>

#include <string.h>

#define SIZE_IS_SET(type, init)              \
  do {                                       \
    const type value = init;                 \
    if (value.struct_size != sizeof(type)) { \
      return 1;                              \
    }                                        \
  } while (0)

int main(void) {
  SIZE_IS_SET(drk_problem, DRK_PROBLEM_INIT);
  SIZE_IS_SET(drk_entry, DRK_ENTRY_INIT);
  SIZE_IS_SET(drk_context, DRK_CONTEXT_INIT);
  SIZE_IS_SET(drk_storage_options, DRK_STORAGE_OPTIONS_INIT);
  SIZE_IS_SET(drk_create_options, DRK_CREATE_OPTIONS_INIT);
  SIZE_IS_SET(drk_open_options, DRK_OPEN_OPTIONS_INIT);
  SIZE_IS_SET(drk_key_info, DRK_KEY_INFO_INIT);
  SIZE_IS_SET(drk_key_options, DRK_KEY_OPTIONS_INIT);
  SIZE_IS_SET(drk_backup_stats, DRK_BACKUP_STATS_INIT);
  SIZE_IS_SET(drk_snapshot_filter, DRK_SNAPSHOT_FILTER_INIT);
  SIZE_IS_SET(drk_source_options, DRK_SOURCE_OPTIONS_INIT);
  SIZE_IS_SET(drk_backup_options, DRK_BACKUP_OPTIONS_INIT);
  SIZE_IS_SET(drk_restore_options, DRK_RESTORE_OPTIONS_INIT);
  SIZE_IS_SET(drk_restore_stats, DRK_RESTORE_STATS_INIT);
  SIZE_IS_SET(drk_check_options, DRK_CHECK_OPTIONS_INIT);
  SIZE_IS_SET(drk_finding, DRK_FINDING_INIT);
  SIZE_IS_SET(drk_object_info, DRK_OBJECT_INFO_INIT);
  SIZE_IS_SET(drk_storage_vtable, DRK_STORAGE_VTABLE_INIT);
  SIZE_IS_SET(drk_source_vtable, DRK_SOURCE_VTABLE_INIT);
  SIZE_IS_SET(drk_check_vtable, DRK_CHECK_VTABLE_INIT);
  SIZE_IS_SET(drk_wal_object, DRK_WAL_OBJECT_INIT);
  SIZE_IS_SET(drk_wal_push_options, DRK_WAL_PUSH_OPTIONS_INIT);
  SIZE_IS_SET(drk_wal_pushed, DRK_WAL_PUSHED_INIT);
  SIZE_IS_SET(drk_wal_get_options, DRK_WAL_GET_OPTIONS_INIT);
  SIZE_IS_SET(drk_wal_receive_options, DRK_WAL_RECEIVE_OPTIONS_INIT);
  SIZE_IS_SET(drk_wal_received, DRK_WAL_RECEIVED_INIT);
  SIZE_IS_SET(drk_recovery_window, DRK_RECOVERY_WINDOW_INIT);
  SIZE_IS_SET(drk_wal_problem, DRK_WAL_PROBLEM_INIT);
  SIZE_IS_SET(drk_pitr_options, DRK_PITR_OPTIONS_INIT);
  SIZE_IS_SET(drk_pitr_plan_facts, DRK_PITR_PLAN_FACTS_INIT);
  SIZE_IS_SET(drk_pitr_start_options, DRK_PITR_START_OPTIONS_INIT);
  SIZE_IS_SET(drk_pitr_reached, DRK_PITR_REACHED_INIT);
  return strlen(drk_version()) >= 5 ? 0 : 1;
}
