/* Options for PostgreSQL alone, from C: what is refused for anything else has arrived. */
#include "support.h"

static void for_sources(drk_repository* repository) {
  drk_error* err = NULL;
  drk_snapshot* snapshot = NULL;
  const char* databases[] = {"shop"};
  drk_source_options source = DRK_SOURCE_OPTIONS_INIT;
  drk_backup_options backup = DRK_BACKUP_OPTIONS_INIT;
  backup.source = &source;
  source.databases = databases;
  source.database_count = 1;
  FAILS(DRK_INVALID_ARGUMENT, drk_backup(NULL, repository, below("tree"), &backup, &snapshot, &err));
  source.database_count = 0;
  source.bin_directory = "/usr/bin";
  FAILS(DRK_INVALID_ARGUMENT, drk_backup(NULL, repository, below("tree"), &backup, &snapshot, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_backup(NULL, repository, "postgres:password=hush", NULL, &snapshot, &err));
}

static void for_targets(drk_repository* repository, const char* id) {
  drk_error* err = NULL;
  drk_restore_result* result = NULL;
  drk_restore_options restore = DRK_RESTORE_OPTIONS_INIT;
  restore.keep_standby = 1;
  FAILS(DRK_INVALID_ARGUMENT, drk_restore(NULL, repository, id, below("out"), &restore, &result, &err));
  restore.keep_standby = 0;
  restore.no_tablespaces = 1;
  FAILS(DRK_INVALID_ARGUMENT, drk_restore(NULL, repository, id, below("out"), &restore, &result, &err));
  restore.no_tablespaces = 0;
  restore.bin_directory = "/usr/bin";
  restore.jobs = 4;
  FAILS(DRK_INVALID_ARGUMENT, drk_restore(NULL, repository, id, below("out"), &restore, &result, &err));
  CHECK(access(below("out"), F_OK) != 0);
}

int main(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_snapshot* snapshot = NULL;
  drk_repository* repository = NULL;
  begin_tests();
  CHECK(mkdir(below("tree"), 0755) == 0);
  write_file(below("tree/a.txt"), "first\n", 1);
  OK(drk_storage_open(NULL, "mem:", NULL, &storage, &err));
  repository = create_repository(storage, "pw");
  if (repository != NULL) {
    for_sources(repository);
    OK(drk_backup(NULL, repository, below("tree"), NULL, &snapshot, &err));
    for_targets(repository, drk_snapshot_id(snapshot));
  }
  drk_snapshot_free(snapshot);
  drk_repository_free(repository);
  drk_storage_free(storage);
  return end_tests();
}
