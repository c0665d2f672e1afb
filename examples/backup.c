/*
 * Backs a directory up and restores it, from C.
 *
 *   cc backup.c $(pkg-config --cflags --libs drkit) && ./a.out REPOSITORY SOURCE TARGET PASSWORD-FILE
 *
 * Exit codes: 0 complete, 1 failed, 2 wrong usage, 3 partial.
 */
#include <drkit.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int fail(const char* what, drk_error* err) {
  fprintf(stderr, "%s: %s\n", what, drk_error_to_string(err));
  drk_error_free(err);
  return 1;
}

static int show(const drk_progress_event* event, void* user_data) {
  (void)user_data;
  fprintf(stderr, "\r%s: %" PRIu64 " bytes", event->phase, event->bytes_done);
  return 0; /* anything else would cancel */
}

static drk_status read_password(const char* path, drk_secret** out, drk_error** err) {
  char line[1024];
  FILE* file = fopen(path, "r");
  if (file == NULL || fgets(line, sizeof line, file) == NULL) {
    if (file != NULL) fclose(file);
    *err = drk_error_new(DRK_IO, "cannot read the password file", 0);
    return DRK_IO;
  }
  fclose(file);
  return drk_secret_new(line, strcspn(line, "\n"), out, err);
}

/* Opens the repository, or makes it when there is none. */
static drk_status open_or_create(drk_storage* storage, const drk_secret* password, drk_repository** out,
                                 drk_error** err) {
  drk_create_options create = DRK_CREATE_OPTIONS_INIT;
  drk_open_options open = DRK_OPEN_OPTIONS_INIT;
  drk_status status;
  open.credential.password = password;
  status = drk_repository_open(NULL, storage, &open, out, err);
  if (status != DRK_NOT_FOUND) return status;
  drk_error_free(*err);
  create.passwords = &password;
  create.password_count = 1;
  return drk_repository_create(NULL, storage, &create, NULL, out, err);
}

static int backup_and_restore(drk_repository* repository, const char* source, const char* target) {
  drk_error* err = NULL;
  drk_snapshot* snapshot = NULL;
  drk_restore_result* result = NULL;
  drk_backup_stats stats = DRK_BACKUP_STATS_INIT;
  drk_context ctx = DRK_CONTEXT_INIT;
  int partial;
  ctx.progress = show;
  if (drk_backup(&ctx, repository, source, NULL, &snapshot, &err) != DRK_OK) return fail("backup", err);
  drk_snapshot_stats(snapshot, &stats, NULL);
  printf("\nsnapshot %s: %" PRIu64 " bytes, %" PRIu64 " of them new\n", drk_snapshot_id(snapshot), stats.bytes,
         stats.bytes_new);
  if (drk_restore(NULL, repository, drk_snapshot_id(snapshot), target, NULL, &result, &err) != DRK_OK) {
    drk_snapshot_free(snapshot);
    return fail("restore", err);
  }
  /* A partial result is no success: say so. */
  partial =
      drk_snapshot_status(snapshot) != DRK_RESULT_COMPLETE || drk_restore_result_status(result) != DRK_RESULT_COMPLETE;
  printf("restored to %s%s\n", target, partial ? ", but something is missing" : "");
  drk_restore_result_free(result);
  drk_snapshot_free(snapshot);
  return partial ? 3 : 0;
}

int main(int argc, char** argv) {
  drk_error* err = NULL;
  drk_secret* password = NULL;
  drk_storage* storage = NULL;
  drk_repository* repository = NULL;
  drk_storage_options options = DRK_STORAGE_OPTIONS_INIT;
  int code = 0;
  if (argc != 5) {
    fprintf(stderr, "usage: %s REPOSITORY SOURCE TARGET PASSWORD-FILE\n", argv[0]);
    return 2;
  }
  options.create = 1;
  if (read_password(argv[4], &password, &err) != DRK_OK) return fail(argv[4], err);
  if (drk_storage_open(NULL, argv[1], &options, &storage, &err) != DRK_OK ||
      open_or_create(storage, password, &repository, &err) != DRK_OK) {
    code = fail(argv[1], err);
  } else {
    code = backup_and_restore(repository, argv[2], argv[3]);
  }
  drk_repository_free(repository);
  drk_storage_free(storage);
  drk_secret_free(password);
  return code;
}
