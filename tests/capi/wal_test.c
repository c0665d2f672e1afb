/* The write-ahead log from C, without a server: files in and out, what is missing, what is refused. */
#include "support.h"

#define SEGMENT_BYTES (1U << 20)
#define SYSTEM_ID UINT64_C(7100000000000000007)

static void put_number(unsigned char* at, uint64_t value, size_t size) {
  memcpy(at, &value, size); /* as the server: in the machine's own order */
}

/* A file of the log that holds nothing but its first page's head, number `index` of a log of 1 MiB files. */
static char* make_segment(unsigned index, int filling) {
  static unsigned char bytes[SEGMENT_BYTES];
  char name[64];
  char* path;
  FILE* file;
  memset(bytes, 0, sizeof bytes);
  put_number(bytes, 0xD110, 2);
  put_number(bytes + 2, 2, 2); /* a long head */
  put_number(bytes + 4, 1, 4);
  put_number(bytes + 8, (uint64_t)index * SEGMENT_BYTES, 8);
  put_number(bytes + 24, SYSTEM_ID, 8);
  put_number(bytes + 32, SEGMENT_BYTES, 4);
  put_number(bytes + 36, 8192, 4);
  bytes[9000] = (unsigned char)filling;
  snprintf(name, sizeof name, "0000000100000000%08X", index);
  path = below(name);
  file = fopen(path, "wb");
  CHECK(file != NULL && fwrite(bytes, 1, sizeof bytes, file) == sizeof bytes && fclose(file) == 0);
  return path;
}

static void push_is_once_and_for_ever(drk_repository* repository) {
  drk_error* err = NULL;
  drk_wal_push_options options = DRK_WAL_PUSH_OPTIONS_INIT;
  drk_wal_pushed pushed = DRK_WAL_PUSHED_INIT;
  int done = -1;
  char* path = make_segment(5, 1);
  options.spool_directory = below("spool");
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_push(NULL, repository, path, &options, &pushed, &err));
  options.spool_name = "here";
  OK(drk_wal_was_pushed(path, &options, &done, &err));
  CHECK(done == 0);
  OK(drk_wal_push(NULL, repository, path, &options, &pushed, &err));
  CHECK(pushed.was_there == 0 && pushed.more == 0);
  OK(drk_wal_was_pushed(path, &options, &done, &err));
  CHECK(done == 0);
  options.repository_id = drk_repository_id(repository);
  OK(drk_wal_was_pushed(path, &options, &done, &err));
  CHECK(done == 1);
  options.repository_id = "of another one";
  OK(drk_wal_was_pushed(path, &options, &done, &err));
  CHECK(done == 0);
  options.repository_id = drk_repository_id(repository);
  OK(drk_wal_push(NULL, repository, path, NULL, &pushed, &err));
  CHECK(pushed.was_there == 1);
  OK(drk_wal_push(NULL, repository, path, NULL, NULL, &err));
  make_segment(5, 2);
  FAILS(DRK_ALREADY_EXISTS, drk_wal_push(NULL, repository, path, NULL, &pushed, &err));
  OK(drk_wal_was_pushed(path, &options, &done, &err));
  CHECK(done == 0);
  FAILS(DRK_NOT_FOUND, drk_wal_push(NULL, repository, below("0000000100000000000000AA"), NULL, NULL, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_push(NULL, repository, below("no-name-of-the-log"), NULL, NULL, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_push(NULL, NULL, path, NULL, NULL, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_was_pushed(path, &options, NULL, &err));
  make_segment(5, 1);
  OK(drk_wal_push(NULL, repository, make_segment(6, 1), NULL, NULL, &err));
  OK(drk_wal_push(NULL, repository, make_segment(8, 1), NULL, NULL, &err));
}

static void get_gives_back(drk_repository* repository) {
  drk_error* err = NULL;
  drk_wal_get_options options = DRK_WAL_GET_OPTIONS_INIT;
  int taken = -1;
  char* ahead = below("ahead");
  options.spool_directory = below("fetched");
  options.spool_name = "here";
  options.prefetch = 1;
  options.system_id = SYSTEM_ID;
  OK(drk_wal_get(NULL, repository, "000000010000000000000005", below("got"), &options, &err));
  CHECK(same_files(below("got"), make_segment(5, 1)));
  options.system_id = SYSTEM_ID + 1;
  OK(drk_wal_take_prefetched("000000010000000000000006", ahead, &options, &taken, &err));
  CHECK(taken == 0);
  options.system_id = SYSTEM_ID;
  OK(drk_wal_take_prefetched("000000010000000000000006", ahead, &options, &taken, &err));
  CHECK(taken == 1);
  CHECK(same_files(ahead, make_segment(6, 1)));
  OK(drk_wal_take_prefetched("000000010000000000000006", ahead, &options, &taken, &err));
  CHECK(taken == 0);
  FAILS(DRK_NOT_FOUND, drk_wal_get(NULL, repository, "000000010000000000000007", below("none"), NULL, &err));
  CHECK(access(below("none"), F_OK) != 0);
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_get(NULL, repository, "nonsense", below("none"), NULL, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_get(NULL, repository, NULL, below("none"), NULL, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_take_prefetched(NULL, below("none"), NULL, &taken, &err));
}

struct seen {
  int objects;
  int segments;
  uint64_t last_end;
};

static int see_object(const drk_wal_object* object, void* user_data) {
  struct seen* seen = (struct seen*)user_data;
  ++seen->objects;
  seen->segments += object->kind == DRK_WAL_SEGMENT && object->system_id == SYSTEM_ID && object->timeline == 1 &&
                    object->end_lsn - object->start_lsn == SEGMENT_BYTES && object->stored_bytes > 0;
  seen->last_end = object->end_lsn;
  return seen->objects >= 3 && seen->segments < 3;
}

static void list_and_verify_tell(drk_repository* repository) {
  drk_error* err = NULL;
  struct seen seen = {0, 0, 0};
  drk_wal_report* report = NULL;
  drk_wal_problem problem = DRK_WAL_PROBLEM_INIT;
  drk_recovery_window window = DRK_RECOVERY_WINDOW_INIT;
  OK(drk_wal_list(NULL, repository, 0, see_object, &seen, &err));
  CHECK(seen.objects == 3 && seen.segments == 3 && seen.last_end == (uint64_t)9 * SEGMENT_BYTES);
  OK(drk_wal_list(NULL, repository, 1, see_object, &seen, &err));
  CHECK(seen.objects == 3);
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_list(NULL, repository, 0, NULL, NULL, &err));

  OK(drk_wal_verify(NULL, repository, &report, &err));
  CHECK(drk_wal_report_ok(report) == 0);
  CHECK(drk_wal_report_problem_count(report) == 1);
  OK(drk_wal_report_problem(report, 0, &problem, &err));
  CHECK(strcmp(problem.code, "wal_hole") == 0 && problem.system_id == SYSTEM_ID && problem.timeline == 1);
  CHECK(problem.start_lsn == (uint64_t)7 * SEGMENT_BYTES && problem.end_lsn == (uint64_t)8 * SEGMENT_BYTES);
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_report_problem(report, 1, &problem, &err));
  CHECK(drk_wal_report_window_count(report) == 0); /* no snapshot, no way back */
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_report_window(report, 0, &window, &err));
  drk_wal_report_free(report);
  OK(drk_wal_verify_read(NULL, repository, &report, &err));
  CHECK(drk_wal_report_problem_count(report) == 1);
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_verify_read(NULL, NULL, &report, &err));
  drk_wal_report_free(report);
  drk_wal_report_free(NULL);
  CHECK(drk_wal_report_ok(NULL) == 0 && drk_wal_report_window_count(NULL) == 0);
}

static void receive_ends_when_told(drk_repository* repository) {
  drk_error* err = NULL;
  drk_wal_receive_options options = DRK_WAL_RECEIVE_OPTIONS_INIT;
  drk_wal_received received = DRK_WAL_RECEIVED_INIT;
  drk_context ctx = DRK_CONTEXT_INIT;
  drk_cancel_token* token = NULL;
  char conninfo[300];
  snprintf(conninfo, sizeof conninfo, "host=%s port=1 user=nobody", root);
  options.no_reconnect = 1;
  FAILS(DRK_UNAVAILABLE, drk_wal_receive(NULL, repository, conninfo, &options, &received, &err));
  options.slot = "No Slot";
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_receive(NULL, repository, conninfo, &options, &received, &err));
  options.slot = NULL;
  options.durable = DRK_WAL_DURABLE_SPOOL;
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_receive(NULL, repository, conninfo, &options, &received, &err));
  options.durable = 7;
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_receive(NULL, repository, conninfo, &options, &received, &err));
  options.durable = DRK_WAL_DURABLE_STORAGE;
  options.store_every_ns = 0;
  FAILS(DRK_INVALID_ARGUMENT, drk_wal_receive(NULL, repository, conninfo, &options, &received, &err));
  OK(drk_cancel_token_new(&token, &err));
  drk_cancel(token);
  ctx.cancel = token;
  OK(drk_wal_receive(&ctx, repository, conninfo, NULL, &received, &err));
  CHECK(received.connections == 0 && received.segments == 0);
  drk_cancel_token_free(token);
}

/* Recovery itself needs a server: pitr_program.c. */
static void a_plan_needs_a_snapshot(drk_repository* repository) {
  drk_error* err = NULL;
  drk_pitr_options options = DRK_PITR_OPTIONS_INIT;
  drk_pitr_plan* plan = NULL;
  drk_pitr_plan_facts facts = DRK_PITR_PLAN_FACTS_INIT;
  drk_pitr_reached reached = DRK_PITR_REACHED_INIT;
  FAILS(DRK_NOT_FOUND, drk_pitr_plan_new(NULL, repository, NULL, &plan, &err));
  CHECK(plan == NULL);
  options.kind = DRK_PITR_NAME;
  FAILS(DRK_INVALID_ARGUMENT, drk_pitr_plan_new(NULL, repository, &options, &plan, &err));
  options.kind = 9;
  FAILS(DRK_INVALID_ARGUMENT, drk_pitr_plan_new(NULL, repository, &options, &plan, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_pitr_plan_get(NULL, &facts, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_pitr_write_settings(NULL, root, "false", DRK_PITR_PROMOTE, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_pitr_start(NULL, NULL, root, DRK_PITR_PROMOTE, NULL, &reached, &err));
  drk_pitr_plan_free(NULL);
}

/* Another repository in the place of an opened one is not taken for it. */
static void it_knows_its_place(const drk_repository* repository, drk_storage* storage) {
  drk_error* err = NULL;
  drk_storage* other = NULL;
  drk_repository* stranger = NULL;
  int there = 0;
  OK(drk_repository_is_in(NULL, repository, storage, &there, &err));
  CHECK(there == 1);
  OK(drk_storage_open(NULL, "mem:", NULL, &other, &err));
  OK(drk_repository_is_in(NULL, repository, other, &there, &err));
  CHECK(there == 0);
  stranger = create_repository(other, "pw");
  there = 1;
  OK(drk_repository_is_in(NULL, repository, other, &there, &err));
  CHECK(there == 0);
  OK(drk_repository_is_in(NULL, stranger, other, &there, &err));
  CHECK(there == 1);
  FAILS(DRK_INVALID_ARGUMENT, drk_repository_is_in(NULL, NULL, other, &there, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_repository_is_in(NULL, repository, other, NULL, &err));
  drk_repository_free(stranger);
  drk_storage_free(other);
}

int main(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_repository* repository = NULL;
  begin_tests();
  OK(drk_storage_open(NULL, "mem:", NULL, &storage, &err));
  repository = create_repository(storage, "pw");
  if (repository != NULL) {
    push_is_once_and_for_ever(repository);
    get_gives_back(repository);
    list_and_verify_tell(repository);
    receive_ends_when_told(repository);
    a_plan_needs_a_snapshot(repository);
    it_knows_its_place(repository, storage);
  }
  drk_repository_free(repository);
  drk_storage_free(storage);
  return end_tests();
}
