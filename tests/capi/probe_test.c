/* Storage options and the probe. */
#include "support.h"

static void probe_tells_and_leaves_nothing(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_probe_report* report = NULL;
  drk_probe_options options = DRK_PROBE_OPTIONS_INIT;
  drk_probe_item item = DRK_PROBE_ITEM_INIT;
  drk_buffer* json = NULL;
  size_t i;
  int seen = 0;
  OK(drk_storage_open(NULL, "mem:", NULL, &storage, &err));
  options.object_bytes = 100000;
  options.small_objects = 4;
  OK(drk_storage_probe(NULL, storage, &options, &report, &err));
  CHECK(drk_probe_report_verdict(report) == DRK_PROBE_OK);
  CHECK(strcmp(drk_probe_report_summary(report), "safe for a repository") == 0);
  CHECK(drk_probe_report_count(report) >= 10);
  for (i = 0; i < drk_probe_report_count(report); ++i) {
    OK(drk_probe_report_at(report, i, &item, &err));
    CHECK(item.verdict == DRK_PROBE_OK && item.explanation[0] != 0);
    if (strcmp(item.id, "upload") == 0) {
      seen = item.value > 0 && strcmp(item.unit, "bytes/s") == 0;
    }
  }
  CHECK(seen);
  FAILS(DRK_INVALID_ARGUMENT, drk_probe_report_at(report, i, &item, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_probe_report_at(NULL, 0, &item, &err));
  OK(drk_probe_report_to_json(report, &json, &err));
  CHECK(drk_buffer_size(json) > 500);
  drk_buffer_free(json);
  FAILS(DRK_INVALID_ARGUMENT, drk_probe_report_to_json(NULL, &json, &err));
  drk_probe_report_free(report);
  drk_probe_report_free(NULL);
  CHECK(drk_probe_report_verdict(NULL) == DRK_PROBE_UNSAFE);
  CHECK(drk_probe_report_count(NULL) == 0);
  CHECK(drk_probe_report_summary(NULL)[0] == 0);
  options.small_objects = 0;
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_probe(NULL, storage, &options, &report, &err));
  CHECK(report == NULL);
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_probe(NULL, NULL, NULL, &report, &err));
  drk_storage_free(storage);
}

static void options_reach_the_storage_and_no_secret_comes_back(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_secret* secret = NULL;
  drk_storage_options options = DRK_STORAGE_OPTIONS_INIT;
  OK(drk_secret_new("open sesame", 11, &secret, &err));
  options.attempts = 1;
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_open(NULL, "sftp://127.0.0.1:1/dir", &options, &storage, &err));
  options.user = "me";
  options.password = secret;
  options.proxy = "http://proxy:1";
  FAILS(DRK_UNSUPPORTED, drk_storage_open(NULL, "sftp://127.0.0.1:1/dir", &options, &storage, &err));
  options.proxy = NULL;
  CHECK(drk_storage_open(NULL, "sftp://127.0.0.1:1/dir", &options, &storage, &err) == DRK_UNAVAILABLE);
  CHECK(strstr(drk_error_to_string(err), "sesame") == NULL);
  drk_error_free(err);
  drk_secret_free(secret);
}

static void what_goes_around_a_storage_is_asked_for_by_options(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_secret* secret = NULL;
  drk_repository* repository = NULL;
  const drk_secret* passwords[1];
  struct stat there;
  drk_storage_options options = DRK_STORAGE_OPTIONS_INIT;
  drk_create_options create = DRK_CREATE_OPTIONS_INIT;
  CHECK(options.cache_bytes == (uint64_t)1 << 30);
  options.read_only = 1;
  options.create = 1;
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_open(NULL, below("read"), &options, &storage, &err));
  CHECK(mkdir(below("read"), 0755) == 0);
  options.create = 0;
  options.concurrency = 2;
  options.download_bytes_per_second = 1 << 30;
  options.cache_directory = below("cache");
  options.cache_bytes = 1 << 20;
  OK(drk_storage_open(NULL, below("read"), &options, &storage, &err));
  CHECK(stat(below("cache"), &there) == 0 && S_ISDIR(there.st_mode));
  OK(drk_secret_new("open sesame", 11, &secret, &err));
  passwords[0] = secret;
  create.passwords = passwords;
  create.password_count = 1;
  create.password_operations = 1;
  create.password_memory_bytes = 8192;
  FAILS(DRK_PERMISSION_DENIED, drk_repository_create(NULL, storage, &create, NULL, &repository, &err));
  CHECK(repository == NULL);
  drk_secret_free(secret);
  drk_storage_free(storage);
}

static void only_object_lock_can_retain(void) {
  drk_error* err = NULL;
  drk_retain_report* report = NULL;
  drk_retain_options options = DRK_RETAIN_OPTIONS_INIT;
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_retain(NULL, "mem:", NULL, &options, &report, &err));
  options.legal_hold = 2;
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_retain(NULL, "mem:", NULL, &options, &report, &err));
  options.legal_hold = 1;
  FAILS(DRK_UNSUPPORTED, drk_storage_retain(NULL, "mem:", NULL, &options, &report, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_retain(NULL, NULL, NULL, &options, &report, &err));
  CHECK(report == NULL);
  CHECK(drk_retain_report_objects(report) == 0);
  CHECK(drk_retain_report_bytes(report) == 0);
  CHECK(drk_retain_report_failure_count(report) == 0);
  CHECK(drk_retain_report_failure_key(report, 0)[0] == 0);
  CHECK(drk_retain_report_failure_reason(report, 0)[0] == 0);
  drk_retain_report_free(report);
}

int main(void) {
  begin_tests();
  probe_tells_and_leaves_nothing();
  options_reach_the_storage_and_no_secret_comes_back();
  what_goes_around_a_storage_is_asked_for_by_options();
  only_object_lock_can_retain();
  return end_tests();
}
