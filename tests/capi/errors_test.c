/* Errors, cancellation, wrong arguments, partial results: what goes wrong must be told, and nothing may be lost. */
#include "support.h"

static void error_objects(void) {
  drk_error* err = drk_error_new(DRK_UNAVAILABLE, "the disk is away", 1);
  CHECK(drk_error_code(err) == DRK_UNAVAILABLE);
  CHECK(drk_error_retryable(err) == 1);
  CHECK(strcmp(drk_error_message(err), "the disk is away") == 0);
  CHECK(drk_error_add_context(err, "path", "/dev/sdx") == DRK_OK);
  CHECK(drk_error_context_count(err) == 1);
  CHECK(strcmp(drk_error_context_key(err, 0), "path") == 0);
  CHECK(strcmp(drk_error_context_value(err, 0), "/dev/sdx") == 0);
  CHECK(drk_error_context_key(err, 1) == NULL && drk_error_context_value(err, 1) == NULL);
  CHECK(strstr(drk_error_to_string(err), "unavailable") != NULL);
  CHECK(strstr(drk_error_to_string(err), "/dev/sdx") != NULL);
  CHECK(drk_error_cause(err) == NULL);
  drk_error_free(err);
  CHECK(drk_error_new(DRK_OK, "no error", 0) == NULL);
  CHECK(drk_error_new(12345, "no code", 0) == NULL);
  CHECK(drk_error_code(NULL) == DRK_OK && strcmp(drk_error_to_string(NULL), "") == 0);
  CHECK(strcmp(drk_status_name(DRK_BAD_KEY), "bad_key") == 0 && strcmp(drk_status_name(-1), "unknown") == 0);
  CHECK(drk_error_add_context(NULL, "a", "b") == DRK_INVALID_ARGUMENT);
}

static void freeing_nothing(void) {
  drk_error_free(NULL);
  drk_buffer_free(NULL);
  drk_secret_free(NULL);
  drk_cancel_token_free(NULL);
  drk_storage_free(NULL);
  drk_repository_free(NULL);
  drk_keys_free(NULL);
  drk_snapshot_free(NULL);
  drk_snapshot_list_free(NULL);
  drk_source_free(NULL);
  drk_restore_result_free(NULL);
  drk_report_free(NULL);
  drk_check_plugin_free(NULL);
  drk_cancel(NULL);
  CHECK(drk_buffer_size(NULL) == 0 && drk_keys_count(NULL) == 0 && drk_snapshot_status(NULL) == DRK_RESULT_FAILED);
}

static void wrong_arguments(drk_storage* storage) {
  drk_error* err = NULL;
  drk_storage* other = NULL;
  drk_repository* repository = (drk_repository*)&err;
  drk_snapshot* snapshot = NULL;
  drk_open_options both = DRK_OPEN_OPTIONS_INIT;
  drk_secret* secret = secret_of("x");
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_open(NULL, NULL, NULL, &other, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_open(NULL, "mem:", NULL, NULL, &err));
  FAILS(DRK_UNSUPPORTED, drk_storage_open(NULL, "gopher://host/", NULL, &other, &err));
  FAILS(DRK_NOT_FOUND, drk_storage_open(NULL, below("nowhere"), NULL, &other, &err));
  CHECK(drk_storage_open(NULL, "gopher://host/", NULL, &other, NULL) == DRK_UNSUPPORTED);
  FAILS(DRK_INVALID_ARGUMENT, drk_repository_open(NULL, storage, NULL, &repository, &err));
  CHECK(repository == NULL); /* set to NULL whatever it was */
  both.credential.password = secret;
  both.credential.key = secret;
  FAILS(DRK_INVALID_ARGUMENT, drk_repository_open(NULL, storage, &both, &repository, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_backup(NULL, NULL, below("tree"), NULL, &snapshot, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_secret_new(NULL, 4, &secret, &err));
  drk_secret_free(secret);
}

static void nothing_is_overwritten(drk_storage* storage) {
  drk_error* err = NULL;
  drk_repository* repository = NULL;
  drk_secret* password = secret_of("another");
  const drk_secret* passwords[1];
  drk_create_options options = DRK_CREATE_OPTIONS_INIT;
  passwords[0] = password;
  FAILS(DRK_INVALID_ARGUMENT, drk_repository_create(NULL, storage, &options, NULL, &repository, &err));
  options.passwords = passwords;
  options.password_count = 1;
  FAILS(DRK_ALREADY_EXISTS, drk_repository_create(NULL, storage, &options, NULL, &repository, &err));
  drk_secret_free(password);
}

static void wrong_passwords(drk_storage* storage) {
  drk_error* err = NULL;
  drk_repository* repository = NULL;
  drk_open_options options = DRK_OPEN_OPTIONS_INIT;
  drk_secret* wrong = secret_of("wrong battery");
  options.credential.password = wrong;
  FAILS(DRK_BAD_KEY, drk_repository_open(NULL, storage, &options, &repository, &err));
  CHECK(drk_repository_open(NULL, storage, &options, &repository, &err) == DRK_BAD_KEY);
  CHECK(strstr(drk_error_to_string(err), "wrong battery") == NULL);
  drk_error_free(err);
  drk_secret_free(wrong);
}

struct stopper {
  drk_cancel_token* token;
  int answer;
  int events;
};

static int stop(const drk_progress_event* event, void* user_data) {
  struct stopper* stopper = (struct stopper*)user_data;
  (void)event;
  ++stopper->events;
  if (stopper->token != NULL) {
    drk_cancel(stopper->token);
  }
  return stopper->answer;
}

static size_t count_snapshots(const drk_repository* repository) {
  drk_error* err = NULL;
  drk_snapshot_list* list = NULL;
  size_t count = 0;
  OK(drk_snapshots_list(NULL, repository, NULL, &list, &err));
  count = drk_snapshot_list_count(list);
  drk_snapshot_list_free(list);
  return count;
}

static void cancelling(drk_repository* repository) {
  drk_error* err = NULL;
  drk_snapshot* snapshot = NULL;
  drk_cancel_token* token = NULL;
  struct stopper by_answer = {NULL, 1, 0};
  struct stopper by_token = {NULL, 0, 0};
  drk_context ctx = DRK_CONTEXT_INIT;
  ctx.progress = stop;
  ctx.progress_user_data = &by_answer;
  FAILS(DRK_CANCELLED, drk_backup(&ctx, repository, below("tree"), NULL, &snapshot, &err));
  CHECK(by_answer.events > 0 && snapshot == NULL);
  OK(drk_cancel_token_new(&token, &err));
  CHECK(drk_cancel_token_cancelled(token) == 0);
  by_token.token = token;
  ctx.cancel = token;
  ctx.progress_user_data = &by_token;
  FAILS(DRK_CANCELLED, drk_backup(&ctx, repository, below("tree"), NULL, &snapshot, &err));
  CHECK(drk_cancel_token_cancelled(token) == 1);
  ctx.progress = NULL;
  FAILS(DRK_CANCELLED, drk_backup(&ctx, repository, below("tree"), NULL, &snapshot, &err));
  drk_cancel_token_free(token);
  CHECK(count_snapshots(repository) == 0);
}

static void sources_serve_once(drk_repository* repository) {
  drk_error* err = NULL;
  drk_source* source = NULL;
  drk_snapshot* snapshot = NULL;
  OK(drk_source_open(NULL, below("tree"), NULL, &source, &err));
  OK(drk_backup_source(NULL, repository, source, NULL, &snapshot, &err));
  drk_snapshot_free(snapshot);
  FAILS(DRK_PRECONDITION_FAILED, drk_backup_source(NULL, repository, source, NULL, &snapshot, &err));
  drk_source_free(source);
}

static void damage_is_found(drk_repository* repository, drk_storage* storage) {
  drk_error* err = NULL;
  drk_report* report = NULL;
  drk_finding finding = DRK_FINDING_INIT;
  char command[512];
  snprintf(command, sizeof command,
           "f=$(ls -S $(find '%s/repo' -type f) | head -n 1) && chmod u+w \"$f\" && printf '\\000\\001\\002\\003' | "
           "dd of=\"$f\" bs=1 seek=100 conv=notrunc status=none",
           root);
  CHECK(system(command) == 0);
  OK(drk_check(NULL, repository, NULL, NULL, &report, &err));
  CHECK(drk_report_ok(report) == 0 && drk_report_finding_count(report) > 0);
  OK(drk_report_finding(report, 0, &finding, &err));
  CHECK(drk_report_status(report) == DRK_CHECK_DAMAGED && drk_report_status(NULL) == DRK_CHECK_DAMAGED);
  CHECK(finding.severity == DRK_SEVERITY_DAMAGE && finding.subject[0] != '\0' && finding.message[0] != '\0');
  drk_report_free(report);
  OK(drk_check_objects(NULL, storage, 100, &report, &err));
  CHECK(drk_report_ok(report) == 0);
  drk_report_free(report);
}

int main(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_repository* repository = NULL;
  drk_storage_options options = DRK_STORAGE_OPTIONS_INIT;
  begin_tests();
  CHECK(mkdir(below("tree"), 0755) == 0);
  write_file(below("tree/one"), "some text that goes on and on\n", 20000);
  write_file(below("tree/two"), "another text\n", 20000);
  options.create = 1;
  OK(drk_storage_open(NULL, below("repo"), &options, &storage, &err));
  error_objects();
  freeing_nothing();
  wrong_arguments(storage);
  repository = create_repository(storage, "correct horse");
  nothing_is_overwritten(storage);
  wrong_passwords(storage);
  cancelling(repository);
  sources_serve_once(repository);
  damage_is_found(repository, storage);
  drk_repository_free(repository);
  drk_storage_free(storage);
  return end_tests();
}
