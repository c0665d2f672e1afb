/* Mirrors from C: a copy that missed writes is told, makes the result partial, and is caught up. */
#include "support.h"

/* A copy whose directory is gone takes nothing; with it back, settling brings over what it missed. */
static void a_copy_that_was_away_is_partial_and_caught_up(void) {
  drk_error* err = NULL;
  drk_storage* copies[3] = {NULL, NULL, NULL};
  const char* path[3];
  drk_storage* storage = NULL;
  drk_mirror_gaps* gaps = NULL;
  drk_mirror_gap gap = DRK_MIRROR_GAP_INIT;
  drk_mirror_options options = DRK_MIRROR_OPTIONS_INIT;
  drk_storage_options opening = DRK_STORAGE_OPTIONS_INIT;
  drk_open_options own = DRK_OPEN_OPTIONS_INIT;
  drk_secret* password = secret_of("correct horse");
  drk_repository* repository = NULL;
  drk_snapshot* snapshot = NULL;
  const char* tree = below("tree");
  size_t i;
  path[0] = below("first");
  path[1] = below("second");
  path[2] = below("third");
  opening.create = 1;
  opening.attempts = 1;
  for (i = 0; i < 3; ++i) OK(drk_storage_open(NULL, path[i], &opening, &copies[i], &err));
  options.quorum = 2;
  OK(drk_storage_mirror(copies, 3, &options, &storage, &err));
  CHECK(drk_storage_is_mirror(storage) == 1);
  CHECK(drk_storage_is_mirror(copies[0]) == 0);
  for (i = 0; i < 3; ++i) drk_storage_free(copies[i]);
  repository = create_repository(storage, "correct horse");
  OK(drk_mirror_settle(NULL, storage, &gaps, &err));
  CHECK(drk_mirror_gaps_count(gaps) == 0);
  CHECK(drk_mirror_gaps_status(gaps, DRK_RESULT_COMPLETE) == DRK_RESULT_COMPLETE);
  drk_mirror_gaps_free(gaps);

  CHECK(nftw(path[2], remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
  CHECK(mkdir(tree, 0700) == 0);
  write_file(below("tree/file"), "some bytes", 100);
  OK(drk_backup(NULL, repository, tree, NULL, &snapshot, &err));
  CHECK(drk_snapshot_status(snapshot) == DRK_RESULT_COMPLETE);
  OK(drk_mirror_pending(storage, &gaps, &err));
  CHECK(drk_mirror_gaps_count(gaps) > 0);
  drk_mirror_gaps_free(gaps);

  OK(drk_mirror_settle(NULL, storage, &gaps, &err));
  CHECK(drk_mirror_gaps_count(gaps) > 0);
  CHECK(drk_mirror_gaps_status(gaps, drk_snapshot_status(snapshot)) == DRK_RESULT_PARTIAL);
  CHECK(drk_mirror_gaps_status(gaps, DRK_RESULT_FAILED) == DRK_RESULT_FAILED);
  for (i = 0; i < drk_mirror_gaps_count(gaps); ++i) {
    OK(drk_mirror_gaps_at(gaps, i, &gap, &err));
    CHECK(gap.copy == 2 && gap.reason[0] != 0);
  }
  FAILS(DRK_INVALID_ARGUMENT, drk_mirror_gaps_at(gaps, i, &gap, &err));
  drk_mirror_gaps_free(gaps);
  FAILS(DRK_NOT_FOUND, drk_mirror_compare(NULL, storage, &err));
  drk_repository_free(repository);
  drk_storage_free(storage);

  /* Another disk in its place: the storages are opened anew. */
  for (i = 0; i < 3; ++i) OK(drk_storage_open(NULL, path[i], &opening, &copies[i], &err));
  OK(drk_storage_mirror(copies, 3, &options, &storage, &err));
  for (i = 0; i < 3; ++i) drk_storage_free(copies[i]);
  OK(drk_mirror_compare(NULL, storage, &err));
  OK(drk_mirror_heal(NULL, storage, &gaps, &err));
  CHECK(drk_mirror_gaps_count(gaps) == 0);
  CHECK(drk_mirror_gaps_objects_copied(gaps) >= 5);
  CHECK(drk_mirror_gaps_bytes_copied(gaps) > 500);
  drk_mirror_gaps_free(gaps);
  drk_snapshot_free(snapshot);
  drk_storage_free(storage);

  /* The copy alone is the whole repository now. */
  own.credential.password = password;
  OK(drk_storage_open(NULL, path[2], NULL, &storage, &err));
  OK(drk_repository_open(NULL, storage, &own, &repository, &err));
  OK(drk_repository_find_snapshot(NULL, repository, "latest", &snapshot, &err));
  drk_snapshot_free(snapshot);
  drk_repository_free(repository);
  drk_storage_free(storage);
  drk_secret_free(password);
}

static void misuse_is_told(void) {
  drk_error* err = NULL;
  drk_storage* plain = NULL;
  drk_storage* none = NULL;
  drk_storage* out = NULL;
  drk_mirror_gaps* gaps = NULL;
  drk_mirror_gap gap = DRK_MIRROR_GAP_INIT;
  drk_mirror_options options = DRK_MIRROR_OPTIONS_INIT;
  OK(drk_storage_open(NULL, "mem:", NULL, &plain, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_mirror(NULL, 0, NULL, &out, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_mirror(NULL, 2, NULL, &out, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_mirror(&none, 1, NULL, &out, &err));
  options.quorum = 2;
  FAILS(DRK_INVALID_ARGUMENT, drk_storage_mirror(&plain, 1, &options, &out, &err));
  CHECK(out == NULL);
  FAILS(DRK_INVALID_ARGUMENT, drk_mirror_pending(plain, &gaps, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_mirror_compare(NULL, plain, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_mirror_heal(NULL, plain, &gaps, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_mirror_heal(NULL, NULL, &gaps, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_mirror_settle(NULL, NULL, &gaps, &err));
  OK(drk_mirror_settle(NULL, plain, &gaps, &err));
  CHECK(drk_mirror_gaps_count(gaps) == 0);
  drk_mirror_gaps_free(gaps);
  CHECK(drk_mirror_gaps_count(NULL) == 0);
  CHECK(drk_mirror_gaps_objects_copied(NULL) == 0);
  CHECK(drk_mirror_gaps_bytes_copied(NULL) == 0);
  CHECK(drk_mirror_gaps_status(NULL, DRK_RESULT_COMPLETE) == DRK_RESULT_COMPLETE);
  FAILS(DRK_INVALID_ARGUMENT, drk_mirror_gaps_at(NULL, 0, &gap, &err));
  drk_mirror_gaps_free(NULL);
  CHECK(drk_storage_is_mirror(NULL) == 0);
  drk_storage_free(plain);
}

int main(void) {
  begin_tests();
  a_copy_that_was_away_is_partial_and_caught_up();
  misuse_is_told();
  return end_tests();
}
