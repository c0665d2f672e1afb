/* A storage, a source and a check written in C. */
#include "support.h"

#include "memory_storage.h"

struct cases {
  int run;
  int failed;
};

static void see_case(const char* name, const char* failure, void* user_data) {
  struct cases* cases = (struct cases*)user_data;
  ++cases->run;
  if (failure != NULL) {
    fprintf(stderr, "%s: %s\n", name, failure);
    ++cases->failed;
  }
}

static drk_status broken_put(const drk_cancel_token* cancel, const char* key, const void* bytes, size_t size,
                             int if_absent, drk_error** err, void* user_data) {
  (void)if_absent;
  return memory_put(cancel, key, bytes, size, 0, err, user_data); /* forgets if_absent */
}

static drk_status make_broken(drk_storage** out, drk_error** err, void* user_data) {
  drk_storage_vtable vtable = DRK_STORAGE_VTABLE_INIT;
  struct memory* memory = (struct memory*)calloc(1, sizeof *memory);
  (void)user_data;
  if (memory == NULL || pthread_mutex_init(&memory->mutex, NULL) != 0) {
    free(memory);
    return DRK_OUT_OF_MEMORY;
  }
  vtable.destroy = memory_destroy;
  vtable.info = memory_info;
  vtable.stat = memory_stat;
  vtable.get = memory_get;
  vtable.put = broken_put;
  vtable.remove = memory_remove;
  vtable.list = memory_list;
  return drk_storage_from_vtable(&vtable, memory, out, err);
}

static void suite(void) {
  drk_error* err = NULL;
  struct cases cases = {0, 0};
  struct cases broken = {0, 0};
  OK(drk_run_storage_suite(NULL, make_storage, see_case, &cases, &err));
  CHECK(cases.run >= 10 && cases.failed == 0);
  CHECK(destroyed > 0);
  fprintf(stderr, "now a broken storage, whose failures are wanted:\n");
  FAILS(DRK_PRECONDITION_FAILED, drk_run_storage_suite(NULL, make_broken, see_case, &broken, &err));
  CHECK(broken.failed > 0);
}

/* -------------------------------------------------------------------------------------------------------- a source */

struct generated {
  int entries;
  uint64_t left;
  int fail_at;
};

static void generated_info(drk_source_info* out, void* user_data) {
  (void)user_data;
  out->kind = "generated";
  out->name = "three";
  out->ordered = 1;
  out->entry_errors_are_partial = 1;
}

static uint64_t generated_estimate(void* user_data) {
  (void)user_data;
  return 200000;
}

static drk_status generated_begin(const drk_cancel_token* cancel, drk_error** err, void* user_data) {
  (void)cancel;
  (void)err;
  ((struct generated*)user_data)->entries = 0;
  return DRK_OK;
}

/* A root, a file with a hole at its end, and one that cannot be read. */
static drk_status generated_next(const drk_cancel_token* cancel, drk_entry* out, drk_error** err, void* user_data) {
  struct generated* self = (struct generated*)user_data;
  (void)cancel;
  (void)err;
  switch (self->entries++) {
    case 0:
      out->path = "";
      out->type = DRK_ENTRY_DIRECTORY;
      out->mode = 0755;
      return DRK_OK;
    case 1:
      out->path = "file";
      out->mode = 0640;
      out->size_bytes = 200000;
      self->left = 200000;
      return DRK_OK;
    case 2:
      out->path = "unreadable";
      out->problem_code = DRK_PERMISSION_DENIED;
      out->problem_message = "may not look";
      return DRK_OK;
    default:
      return DRK_OK;
  }
}

static drk_status generated_read(const drk_cancel_token* cancel, void* buffer, size_t capacity, size_t* data_bytes,
                                 uint64_t* hole_bytes, drk_error** err, void* user_data) {
  struct generated* self = (struct generated*)user_data;
  (void)cancel;
  if (self->fail_at != 0) {
    *err = drk_error_new(DRK_IO, "the generator broke", 0);
    return self->fail_at == 1 ? DRK_IO : 4711; /* a code that does not exist */
  }
  if (self->left > 100000) {
    const uint64_t want = self->left - 100000;
    *data_bytes = want < capacity ? (size_t)want : capacity;
    memset(buffer, 'g', *data_bytes);
    self->left -= *data_bytes;
  } else {
    *hole_bytes = self->left;
    self->left = 0;
  }
  return DRK_OK;
}

static drk_status generated_close(const drk_cancel_token* cancel, drk_error** err, void* user_data) {
  (void)cancel;
  (void)err;
  CHECK(((struct generated*)user_data)->left == 0);
  return DRK_OK;
}

static drk_status generated_finish(const drk_cancel_token* cancel, drk_receipt* receipt, drk_error** err,
                                   void* user_data) {
  (void)cancel;
  (void)err;
  (void)user_data;
  return drk_receipt_set(receipt, "position", "42");
}

static void generated_destroy(void* user_data) { free(user_data); }

static drk_source* make_source(int fail_at) {
  drk_error* err = NULL;
  drk_source* source = NULL;
  drk_source_vtable vtable = DRK_SOURCE_VTABLE_INIT;
  struct generated* self = (struct generated*)calloc(1, sizeof *self);
  CHECK(self != NULL);
  if (self == NULL) {
    return NULL;
  }
  self->fail_at = fail_at;
  FAILS(DRK_INVALID_ARGUMENT, drk_source_from_vtable(&vtable, self, &source, &err));
  vtable.destroy = generated_destroy;
  vtable.info = generated_info;
  vtable.begin = generated_begin;
  vtable.estimated_bytes = generated_estimate;
  vtable.next = generated_next;
  vtable.read = generated_read;
  vtable.close = generated_close;
  vtable.finish = generated_finish;
  OK(drk_source_from_vtable(&vtable, self, &source, &err));
  return source;
}

struct summed {
  uint64_t size;
  int wrong;
};

static int sum(const void* bytes, size_t size, void* user_data) {
  struct summed* summed = (struct summed*)user_data;
  size_t i;
  for (i = 0; i < size; ++i) {
    const int want = summed->size + i < 100000 ? 'g' : 0;
    summed->wrong += ((const unsigned char*)bytes)[i] != want;
  }
  summed->size += size;
  return 0;
}

static void back_up_generated(drk_repository* repository) {
  drk_error* err = NULL;
  drk_snapshot* snapshot = NULL;
  drk_problem problem = DRK_PROBLEM_INIT;
  drk_restore_result* result = NULL;
  struct summed summed = {0, 0};
  drk_source* source = make_source(0);
  OK(drk_backup_source(NULL, repository, source, NULL, &snapshot, &err));
  drk_source_free(source);
  CHECK(drk_snapshot_status(snapshot) == DRK_RESULT_PARTIAL);
  CHECK(drk_snapshot_problem_count(snapshot) == 1);
  OK(drk_snapshot_problem(snapshot, 0, &problem, &err));
  CHECK(problem.code == DRK_PERMISSION_DENIED && strcmp(problem.path, "unreadable") == 0);
  CHECK(strcmp(problem.message, "may not look") == 0);
  CHECK(drk_snapshot_receipt_count(snapshot) == 1);
  CHECK(strcmp(drk_snapshot_receipt(snapshot, 0).value, "42") == 0);
  OK(drk_read_entry(NULL, repository, drk_snapshot_id(snapshot), "file", sum, &summed, &err));
  CHECK(summed.size == 200000 && summed.wrong == 0);
  OK(drk_restore(NULL, repository, drk_snapshot_id(snapshot), below("generated"), NULL, &result, &err));
  CHECK(drk_restore_result_status(result) == DRK_RESULT_PARTIAL);
  CHECK(drk_restore_result_problem_count(result) == 1);
  drk_restore_result_free(result);
  drk_snapshot_free(snapshot);
}

/* entry_errors_are_partial covers what the source says of itself; an unknown code must not pass for one. */
static void failures_of_sources(drk_repository* repository) {
  drk_error* err = NULL;
  drk_snapshot* snapshot = NULL;
  drk_source* source = make_source(1);
  const drk_status status = drk_backup_source(NULL, repository, source, NULL, &snapshot, &err);
  if (status == DRK_OK) {
    CHECK(drk_snapshot_status(snapshot) == DRK_RESULT_PARTIAL && drk_snapshot_problem_count(snapshot) == 2);
  } else {
    CHECK(status == DRK_IO && strstr(drk_error_to_string(err), "the generator broke") != NULL);
  }
  drk_error_free(err);
  drk_snapshot_free(snapshot);
  drk_source_free(source);
}

/* --------------------------------------------------------------------------------------------------------- a check */

static int applies(const drk_snapshot* snapshot, void* user_data) {
  (void)user_data;
  return strcmp(drk_snapshot_source_kind(snapshot), "generated") == 0;
}

static drk_status look(const drk_cancel_token* cancel, const drk_repository* repository, const drk_snapshot* snapshot,
                       drk_finding_sink* sink, drk_error** err, void* user_data) {
  drk_finding finding = DRK_FINDING_INIT;
  (void)cancel;
  CHECK(repository != NULL && snapshot != NULL);
  if (*(int*)user_data != 0) {
    *err = drk_error_new(DRK_UNAVAILABLE, "could not look", 1);
    return DRK_UNAVAILABLE;
  }
  finding.severity = DRK_SEVERITY_WARNING;
  finding.code = "too_small";
  finding.subject = drk_snapshot_id(snapshot);
  finding.message = "expected more files";
  return drk_finding_sink_add(sink, &finding);
}

static void check_with_plugin(drk_repository* repository) {
  drk_error* err = NULL;
  drk_check_plugin* plugin = NULL;
  drk_report* report = NULL;
  drk_finding finding = DRK_FINDING_INIT;
  drk_check_plugin* plugins[1];
  drk_check_vtable vtable = DRK_CHECK_VTABLE_INIT;
  drk_check_options options = DRK_CHECK_OPTIONS_INIT;
  int broken = 0;
  int ours = 0;
  size_t i = 0;
  vtable.id = "size";
  vtable.level = DRK_CHECK_CHUNKS;
  options.level = DRK_CHECK_CHUNKS;
  vtable.applies_to = applies;
  vtable.run = look;
  OK(drk_check_from_vtable(&vtable, &broken, &plugin, &err));
  plugins[0] = plugin;
  options.plugins = plugins;
  options.plugin_count = 1;
  OK(drk_check(NULL, repository, "latest", &options, &report, &err));
  /* An entry of this snapshot could not be read. */
  CHECK(drk_report_ok(report) == 0 && drk_report_status(report) == DRK_CHECK_PARTIAL);
  for (i = 0; i < drk_report_finding_count(report); ++i) {
    OK(drk_report_finding(report, i, &finding, &err));
    if (strcmp(finding.code, "too_small") != 0 || finding.severity != DRK_SEVERITY_WARNING) continue;
    ++ours;
    CHECK(drk_report_finding_snapshot_count(report, i) == 1);
    CHECK(strcmp(drk_report_finding_snapshot(report, i, 0), finding.subject) == 0);
    CHECK(drk_report_finding_snapshot(report, i, 1) == NULL);
  }
  CHECK(ours == 1);
  drk_report_free(report);
  broken = 1;
  CHECK(drk_check(NULL, repository, "latest", &options, &report, &err) == DRK_UNAVAILABLE);
  CHECK(report == NULL && drk_error_retryable(err) == 1);
  drk_error_free(err);
  drk_check_plugin_free(plugin);
}

int main(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_repository* repository = NULL;
  int before = 0;
  begin_tests();
  suite();
  OK(make_storage(&storage, &err, NULL));
  repository = create_repository(storage, "correct horse");
  back_up_generated(repository);
  failures_of_sources(repository);
  check_with_plugin(repository);
  before = destroyed;
  drk_storage_free(storage);
  CHECK(destroyed == before); /* the repository keeps it */
  drk_repository_free(repository);
  CHECK(destroyed == before + 1);
  return end_tests();
}
