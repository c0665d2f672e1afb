/*
 * A user's program: keeps a cluster's log and brings the cluster back, in C alone. tests/wal/capi_test.py runs it.
 *   pitr_program keep REPO PASSWORD CONNINFO backup|LSN         a backup, or the log up to LSN ("X/Y")
 *   pitr_program recover REPO PASSWORD DIR BIN OPTIONS COMMAND [LIBRARIES]   to the latest state; prints where it
 * stopped
 */
#include "support.h"

static drk_repository* open_repository(const char* address, const char* password, drk_storage** storage) {
  drk_error* err = NULL;
  drk_repository* repository = NULL;
  drk_secret* secret = secret_of(password);
  drk_open_options options = DRK_OPEN_OPTIONS_INIT;
  options.credential.password = secret;
  OK(drk_storage_open(NULL, address, NULL, storage, &err));
  OK(drk_repository_open(NULL, *storage, &options, &repository, &err));
  drk_secret_free(secret);
  return repository;
}

static uint64_t lsn_of(const char* text) {
  unsigned high = 0, low = 0;
  CHECK(sscanf(text, "%X/%X", &high, &low) == 2);
  return (uint64_t)high << 32 | low;
}

static void keep(drk_repository* repository, const char* conninfo, const char* until) {
  drk_error* err = NULL;
  drk_snapshot* snapshot = NULL;
  drk_wal_receive_options options = DRK_WAL_RECEIVE_OPTIONS_INIT;
  drk_wal_received received = DRK_WAL_RECEIVED_INIT;
  char address[400];
  snprintf(address, sizeof address, "postgres:%s", conninfo);
  if (strcmp(until, "backup") == 0) {
    OK(drk_backup(NULL, repository, address, NULL, &snapshot, &err));
    CHECK(drk_snapshot_status(snapshot) == DRK_RESULT_COMPLETE);
    drk_snapshot_free(snapshot);
    return;
  }
  options.slot = "from_c";
  options.until_lsn = lsn_of(until);
  OK(drk_wal_receive(NULL, repository, conninfo, &options, &received, &err));
  CHECK(received.stored_lsn >= options.until_lsn && received.timeline == 1 && received.gaps == 0);
  CHECK(received.connections == 1 && received.segments + received.pieces > 0);
}

static void look(const drk_repository* repository, const drk_pitr_plan_facts* plan) {
  drk_error* err = NULL;
  drk_wal_report* report = NULL;
  drk_recovery_window window = DRK_RECOVERY_WINDOW_INIT;
  OK(drk_wal_verify(NULL, repository, &report, &err));
  CHECK(drk_wal_report_ok(report) == 1);
  CHECK(drk_wal_report_window_count(report) == 1);
  OK(drk_wal_report_window(report, 0, &window, &err));
  CHECK(strcmp(window.snapshot, plan->snapshot) == 0 && strcmp(window.ended_by, "end of log") == 0);
  CHECK(window.start_lsn < window.end_lsn && window.end_lsn == plan->stop_lsn);
  CHECK(window.start_time_ns > 0 && window.end_time_ns >= window.start_time_ns);
  drk_wal_report_free(report);
}

static void recover(drk_repository* repository, char** words, int count) {
  drk_error* err = NULL;
  drk_pitr_options options = DRK_PITR_OPTIONS_INIT;
  drk_pitr_start_options start = DRK_PITR_START_OPTIONS_INIT;
  drk_pitr_plan* plan = NULL;
  drk_pitr_plan_facts facts = DRK_PITR_PLAN_FACTS_INIT;
  drk_pitr_reached reached = DRK_PITR_REACHED_INIT;
  drk_restore_result* restored = NULL;
  drk_pair libraries = {"LD_LIBRARY_PATH", NULL};
  options.kind = DRK_PITR_LSN;
  options.lsn = UINT64_C(0x7F) << 32;
  FAILS(DRK_NOT_FOUND, drk_pitr_plan_new(NULL, repository, &options, &plan, &err));
  options.kind = DRK_PITR_LATEST;
  OK(drk_pitr_plan_new(NULL, repository, &options, &plan, &err));
  OK(drk_pitr_plan_get(plan, &facts, &err));
  CHECK(facts.timeline == 1 && facts.start_lsn < facts.stop_lsn && facts.stop_time_ns > 0 && facts.wal_bytes > 0);
  look(repository, &facts);
  FAILS(DRK_NOT_FOUND, drk_pitr_write_settings(plan, words[0], words[3], DRK_PITR_PROMOTE, &err));
  OK(drk_restore(NULL, repository, facts.snapshot, words[0], NULL, &restored, &err));
  CHECK(drk_restore_result_status(restored) == DRK_RESULT_COMPLETE);
  drk_restore_result_free(restored);
  FAILS(DRK_INVALID_ARGUMENT, drk_pitr_write_settings(plan, words[0], words[3], 3, &err));
  OK(drk_pitr_write_settings(plan, words[0], words[3], DRK_PITR_PROMOTE, &err));
  start.bin_directory = words[1];
  start.server_options = words[2];
  start.timeout_ns = INT64_C(300) * 1000000000;
  if (count > 4) {
    libraries.value = words[4];
    start.environment = &libraries;
    start.environment_count = 1;
  }
  OK(drk_pitr_start(NULL, plan, words[0], DRK_PITR_PROMOTE, &start, &reached, &err));
  CHECK(reached.finished == 1 && reached.timeline == 2 && reached.lsn > facts.start_lsn);
  CHECK(reached.message != NULL && reached.time_ns == facts.stop_time_ns);
  drk_pitr_plan_free(plan);
}

int main(int count, char** words) {
  drk_storage* storage = NULL;
  drk_repository* repository = NULL;
  if (count < 6) {
    fprintf(stderr, "see the head of this file\n");
    return 2;
  }
  repository = open_repository(words[2], words[3], &storage);
  if (repository != NULL && strcmp(words[1], "keep") == 0) {
    keep(repository, words[4], words[5]);
  } else if (repository != NULL && count > 7) {
    recover(repository, words + 4, count - 4);
  }
  drk_repository_free(repository);
  drk_storage_free(storage);
  printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 && checks > 3 ? 0 : 1;
}
