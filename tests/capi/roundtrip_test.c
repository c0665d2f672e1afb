/* The main job from C: create, back up, look, check, restore, compare; keys; forgetting. */
#include "support.h"

static void make_tree(void) {
  CHECK(mkdir(below("tree"), 0755) == 0);
  CHECK(mkdir(below("tree/sub"), 0700) == 0);
  write_file(below("tree/a.txt"), "first\n", 1);
  write_file(below("tree/sub/big.bin"), "0123456789abcdef", 40000);
  write_file(below("tree/skip.tmp"), "not me", 1);
  CHECK(symlink("a.txt", below("tree/link")) == 0);
}

static drk_snapshot* back_up(drk_repository* repository, const drk_context* ctx) {
  drk_error* err = NULL;
  drk_snapshot* snapshot = NULL;
  const char* excludes[] = {"*.tmp"};
  const drk_pair tags[] = {{"env", "test"}, {"team", "storage"}};
  drk_source_options source = DRK_SOURCE_OPTIONS_INIT;
  drk_backup_options options = DRK_BACKUP_OPTIONS_INIT;
  source.excludes = excludes;
  source.exclude_count = 1;
  options.source = &source;
  options.tags = tags;
  options.tag_count = 2;
  options.host = "host.example";
  OK(drk_backup(ctx, repository, below("tree"), &options, &snapshot, &err));
  return snapshot;
}

static int has_text(const drk_buffer* buffer, const char* text) {
  return strstr(drk_buffer_data(buffer), text) != NULL;
}

static void look_at_snapshot(const drk_snapshot* snapshot) {
  drk_error* err = NULL;
  drk_backup_stats stats = DRK_BACKUP_STATS_INIT;
  drk_problem problem = DRK_PROBLEM_INIT;
  drk_buffer* json = NULL;
  CHECK(strlen(drk_snapshot_id(snapshot)) == 32);
  CHECK(drk_snapshot_status(snapshot) == DRK_RESULT_COMPLETE);
  CHECK(drk_snapshot_time_ns(snapshot) > INT64_C(1700000000) * 1000000000);
  CHECK(strcmp(drk_snapshot_source_kind(snapshot), "filesystem") == 0);
  CHECK(strstr(drk_snapshot_source_name(snapshot), "/tree") != NULL);
  CHECK(strcmp(drk_snapshot_host(snapshot), "host.example") == 0);
  CHECK(drk_snapshot_tag_count(snapshot) == 2);
  CHECK(strcmp(drk_snapshot_tag(snapshot, 0).key, "env") == 0);
  CHECK(strcmp(drk_snapshot_tag(snapshot, 1).value, "storage") == 0);
  CHECK(drk_snapshot_tag(snapshot, 2).key == NULL);
  CHECK(drk_snapshot_receipt(snapshot, drk_snapshot_receipt_count(snapshot)).key == NULL);
  OK(drk_snapshot_stats(snapshot, &stats, &err));
  CHECK(stats.files == 2);
  CHECK(stats.bytes == 6 + 16 * 40000);
  CHECK(stats.problems == 0);
  CHECK(drk_snapshot_problem_count(snapshot) == 0);
  FAILS(DRK_INVALID_ARGUMENT, drk_snapshot_problem(snapshot, 0, &problem, &err));
  OK(drk_snapshot_to_json(snapshot, &json, &err));
  CHECK(has_text(json, drk_snapshot_id(snapshot)) && drk_buffer_size(json) == strlen(drk_buffer_data(json)));
  drk_buffer_free(json);
}

/* Turns a bit of the snapshot's object; a second call heals it. */
static void damage(const drk_snapshot* snapshot) {
  char name[60];
  FILE* file = NULL;
  int byte = 0;
  snprintf(name, sizeof name, "repo/snapshots/%s", drk_snapshot_id(snapshot));
  CHECK(chmod(below(name), 0600) == 0);
  file = fopen(below(name), "r+b");
  CHECK(file != NULL);
  CHECK(fseek(file, 100, SEEK_SET) == 0);
  byte = fgetc(file);
  CHECK(byte != EOF);
  CHECK(fseek(file, 100, SEEK_SET) == 0);
  CHECK(fputc(byte ^ 1, file) != EOF);
  CHECK(fclose(file) == 0);
}

struct seen {
  int entries;
  int found_link;
  int has_digest;
  int stop_after;
};

static int see_entry(const drk_entry* entry, void* user_data) {
  struct seen* seen = (struct seen*)user_data;
  ++seen->entries;
  CHECK(entry->struct_size == sizeof *entry);
  if (strcmp(entry->path, "link") == 0) {
    seen->found_link = entry->type == DRK_ENTRY_SYMLINK && strcmp(entry->link_target, "a.txt") == 0;
  }
  if (strcmp(entry->path, "a.txt") == 0) {
    seen->has_digest = entry->sha256 != NULL && entry->size_bytes == 6;
  }
  return seen->entries == seen->stop_after;
}

struct content {
  char bytes[64];
  size_t size;
  int refuse;
};

static int take_bytes(const void* bytes, size_t size, void* user_data) {
  struct content* content = (struct content*)user_data;
  if (content->refuse != 0) {
    return 1;
  }
  if (content->size + size <= sizeof content->bytes) {
    memcpy(content->bytes + content->size, bytes, size);
  }
  content->size += size;
  return 0;
}

static int see_change(drk_change change, const drk_entry* entry, void* user_data) {
  int* changes = (int*)user_data;
  if (strcmp(entry->path, "a.txt") == 0) {
    CHECK(change == DRK_MODIFIED);
    changes[0] = 1;
  } else if (strcmp(entry->path, "new.txt") == 0) {
    CHECK(change == DRK_ADDED);
    changes[1] = 1;
  }
  return 0;
}

static void look_into_snapshot(const drk_repository* repository, const char* id) {
  drk_error* err = NULL;
  struct seen seen = {0, 0, 0, -1};
  struct seen stopped = {0, 0, 0, 2};
  struct content content = {{0}, 0, 0};
  OK(drk_ls(NULL, repository, id, "", see_entry, &seen, &err));
  CHECK(seen.entries == 5); /* root, a.txt, link, sub, big.bin: skip.tmp was excluded */
  CHECK(seen.found_link && seen.has_digest);
  OK(drk_ls(NULL, repository, id, "", see_entry, &stopped, &err));
  CHECK(stopped.entries == 2);
  FAILS(DRK_NOT_FOUND, drk_ls(NULL, repository, id, "nowhere", see_entry, &seen, &err));
  OK(drk_read_entry(NULL, repository, id, "a.txt", take_bytes, &content, &err));
  CHECK(content.size == 6 && memcmp(content.bytes, "first\n", 6) == 0);
  content.refuse = 1;
  FAILS(DRK_CALLBACK_FAILED, drk_read_entry(NULL, repository, id, "a.txt", take_bytes, &content, &err));
  FAILS(DRK_INVALID_ARGUMENT, drk_read_entry(NULL, repository, id, "sub", take_bytes, &content, &err));
}

static void check_repository(const drk_repository* repository, drk_storage* storage) {
  drk_error* err = NULL;
  drk_report* report = NULL;
  drk_buffer* text = NULL;
  drk_finding finding = DRK_FINDING_INIT;
  drk_check_options options = DRK_CHECK_OPTIONS_INIT;
  options.level = DRK_CHECK_FILES;
  OK(drk_check(NULL, repository, "latest", &options, &report, &err));
  CHECK(drk_report_ok(report) == 1 && drk_report_status(report) == DRK_CHECK_COMPLETE);
  CHECK(drk_report_not_looked_at_count(report) == 0 && drk_report_not_looked_at(report, 0) == NULL);
  CHECK(drk_report_finding_count(report) == 0 && drk_report_findings_total(report) == 0);
  FAILS(DRK_INVALID_ARGUMENT, drk_report_finding(report, 0, &finding, &err));
  OK(drk_report_to_json(report, &text, &err));
  CHECK(has_text(text, "findings"));
  drk_buffer_free(text);
  OK(drk_report_to_html(report, &text, &err));
  CHECK(has_text(text, "<html"));
  drk_buffer_free(text);
  OK(drk_report_to_junit(report, &text, &err));
  CHECK(has_text(text, "<testsuite"));
  drk_buffer_free(text);
  drk_report_free(report);
  options.level = 17;
  FAILS(DRK_INVALID_ARGUMENT, drk_check(NULL, repository, NULL, &options, &report, &err));
  OK(drk_check_objects(NULL, storage, 100, &report, &err));
  CHECK(drk_report_ok(report) == 1);
  CHECK(drk_report_not_looked_at_count(report) > 0 && drk_report_not_looked_at(report, 0)[0] != '\0');
  drk_report_free(report);
}

static int is_stray(const char* path, void* shown) {
  *(int*)shown += strcmp(path, "stray") == 0;
  return 0;
}

static void restore_and_compare(const drk_repository* repository, const char* id) {
  drk_error* err = NULL;
  drk_restore_result* result = NULL;
  drk_buffer* json = NULL;
  drk_problem problem = DRK_PROBLEM_INIT;
  drk_restore_stats stats = DRK_RESTORE_STATS_INIT;
  drk_restore_options options = DRK_RESTORE_OPTIONS_INIT;
  uint64_t removed = 0;
  int shown = 0;
  OK(drk_restore_plan(NULL, repository, id, NULL, &stats, &err));
  CHECK(stats.files == 2 && stats.bytes == 6 + 16 * 40000);
  CHECK(access(below("out"), F_OK) != 0);
  OK(drk_restore(NULL, repository, id, below("out"), NULL, &result, &err));
  CHECK(drk_restore_result_status(result) == DRK_RESULT_COMPLETE);
  OK(drk_restore_result_stats(result, &stats, &err));
  CHECK(stats.bytes_written == 6 + 16 * 40000);
  CHECK(drk_restore_result_problem_count(result) == 0);
  FAILS(DRK_INVALID_ARGUMENT, drk_restore_result_problem(result, 0, &problem, &err));
  OK(drk_restore_result_to_json(result, &json, &err));
  CHECK(has_text(json, "complete"));
  drk_buffer_free(json);
  drk_restore_result_free(result);
  CHECK(same_files(below("tree/sub/big.bin"), below("out/sub/big.bin")));
  CHECK(same_files(below("tree/a.txt"), below("out/a.txt")));
  CHECK(access(below("out/skip.tmp"), F_OK) != 0);
  FAILS(DRK_PRECONDITION_FAILED, drk_restore(NULL, repository, id, below("out"), NULL, &result, &err));
  CHECK(result == NULL);
  options.delta = 1;
  write_file(below("out/stray"), "stray", 1);
  OK(drk_restore_plan_removals(NULL, repository, id, below("out"), &options, &removed, is_stray, &shown, &err));
  CHECK(removed == 1 && shown == 1);
  FAILS(DRK_PRECONDITION_FAILED,
        drk_restore_plan_removals(NULL, repository, id, "/usr", &options, &removed, NULL, NULL, &err));
  OK(drk_restore(NULL, repository, id, below("out"), &options, &result, &err));
  CHECK(access(below("out/stray"), F_OK) != 0);
  OK(drk_restore_result_stats(result, &stats, &err));
  CHECK(stats.bytes_written == 0);
  drk_restore_result_free(result);
}

static void list_and_forget(drk_repository* repository, const char* first) {
  drk_error* err = NULL;
  drk_snapshot_list* list = NULL;
  drk_snapshot* found = NULL;
  drk_snapshot* second = NULL;
  int changes[2] = {0, 0};
  drk_snapshot_filter filter = DRK_SNAPSHOT_FILTER_INIT;
  const drk_pair other = {"env", "other"};
  write_file(below("tree/a.txt"), "second!\n", 1);
  write_file(below("tree/new.txt"), "new\n", 1);
  second = back_up(repository, NULL);
  OK(drk_snapshots_list(NULL, repository, NULL, &list, &err));
  CHECK(drk_snapshot_list_count(list) == 2);
  CHECK(strcmp(drk_snapshot_id(drk_snapshot_list_at(list, 0)), first) == 0);
  CHECK(drk_snapshot_list_at(list, 2) == NULL);
  CHECK(drk_snapshot_list_damaged_count(list) == 0);
  drk_snapshot_list_free(list);
  damage(second);
  FAILS(DRK_CORRUPT, drk_snapshots_list(NULL, repository, NULL, &list, &err));
  filter.take_damaged = 1;
  OK(drk_snapshots_list(NULL, repository, &filter, &list, &err));
  CHECK(drk_snapshot_list_count(list) == 1);
  CHECK(drk_snapshot_list_damaged_count(list) == 1);
  CHECK(strcmp(drk_snapshot_list_damaged_id(list, 0), drk_snapshot_id(second)) == 0);
  CHECK(strstr(drk_snapshot_list_damaged_message(list, 0), "corrupt") != NULL);
  CHECK(drk_snapshot_list_damaged_id(list, 1) == NULL);
  CHECK(drk_snapshot_list_damaged_message(list, 1) == NULL);
  drk_snapshot_list_free(list);
  damage(second); /* and whole again */
  filter.tags = &other;
  filter.tag_count = 1;
  OK(drk_snapshots_list(NULL, repository, &filter, &list, &err));
  CHECK(drk_snapshot_list_count(list) == 0);
  drk_snapshot_list_free(list);
  OK(drk_diff(NULL, repository, first, "latest", see_change, changes, &err));
  CHECK(changes[0] && changes[1]);
  OK(drk_repository_find_snapshot(NULL, repository, "latest", &found, &err));
  CHECK(strcmp(drk_snapshot_id(found), drk_snapshot_id(second)) == 0);
  OK(drk_forget(NULL, repository, drk_snapshot_id(second), &err));
  drk_snapshot_free(found);
  FAILS(DRK_NOT_FOUND, drk_repository_find_snapshot(NULL, repository, drk_snapshot_id(second), &found, &err));
  CHECK(found == NULL);
  drk_snapshot_free(second);
}

static drk_status open_with(drk_storage* storage, const drk_secret* password, const drk_secret* key,
                            drk_repository** out, drk_error** err) {
  drk_open_options options = DRK_OPEN_OPTIONS_INIT;
  options.credential.password = password;
  options.credential.key = key;
  return drk_repository_open(NULL, storage, &options, out, err);
}

static void key_round(drk_storage* storage, drk_repository* repository) {
  drk_error* err = NULL;
  drk_secret* key = NULL;
  drk_secret* password = secret_of("correct horse");
  drk_buffer* public_key = NULL;
  drk_keys* keys = NULL;
  drk_key_info info = DRK_KEY_INFO_INIT;
  drk_key_options options = DRK_KEY_OPTIONS_INIT;
  drk_credential own = {NULL, NULL};
  drk_repository* again = NULL;
  size_t size = 0;
  char slot[64];
  OK(drk_keygen(&key, &public_key, &err));
  CHECK(strncmp(drk_buffer_data(public_key), "drkit-pub-1", 11) == 0);
  CHECK(strncmp((const char*)drk_secret_bytes(key, &size), "drkit-key-1", 11) == 0 && size == 76);
  options.public_key = drk_buffer_data(public_key);
  options.role = DRK_KEY_WRITE;
  options.label = "writer";
  OK(drk_key_add(NULL, repository, &options, &keys, &err));
  CHECK(drk_keys_count(keys) == 1);
  OK(drk_keys_at(keys, 0, &info, &err));
  CHECK(info.role == DRK_KEY_WRITE && info.is_password == 0 && strcmp(info.label, "writer") == 0);
  snprintf(slot, sizeof slot, "%s", info.id);
  drk_keys_free(keys);
  OK(open_with(storage, NULL, key, &again, &err));
  CHECK(drk_repository_role(again) == DRK_KEY_WRITE);
  CHECK(strcmp(drk_repository_id(again), drk_repository_id(repository)) == 0);
  drk_repository_free(again);
  OK(drk_key_list(NULL, repository, &keys, &err));
  CHECK(drk_keys_count(keys) == 2);
  FAILS(DRK_INVALID_ARGUMENT, drk_keys_at(keys, 2, &info, &err));
  drk_keys_free(keys);
  own.password = password;
  OK(drk_key_rotate(NULL, repository, &own, &keys, &err));
  CHECK(drk_keys_count(keys) == 0);
  drk_keys_free(keys);
  OK(drk_key_list(NULL, repository, &keys, &err));
  CHECK(drk_keys_count(keys) == 2);
  drk_keys_free(keys);
  own.key = key;
  FAILS(DRK_INVALID_ARGUMENT, drk_key_rotate(NULL, repository, &own, NULL, &err));
  (void)slot;
  drk_secret_free(password);
  drk_secret_free(key);
  drk_buffer_free(public_key);
}

static void remove_keys(drk_storage* storage, drk_repository* repository) {
  drk_error* err = NULL;
  drk_keys* keys = NULL;
  drk_key_info info = DRK_KEY_INFO_INIT;
  drk_key_options options = DRK_KEY_OPTIONS_INIT;
  drk_repository* again = NULL;
  drk_secret* second = secret_of("second password");
  options.password = second;
  options.password_operations = 1;
  options.password_memory_bytes = 8192;
  OK(drk_key_add(NULL, repository, &options, &keys, &err));
  OK(open_with(storage, second, NULL, &again, &err));
  CHECK(drk_repository_role(again) == DRK_KEY_FULL);
  drk_repository_free(again);
  OK(drk_keys_at(keys, 0, &info, &err));
  OK(drk_key_remove(NULL, repository, info.id, &err));
  drk_keys_free(keys);
  FAILS(DRK_BAD_KEY, open_with(storage, second, NULL, &again, &err));
  FAILS(DRK_NOT_FOUND, drk_key_remove(NULL, repository, "00000000000000000000000000000000", &err));
  drk_secret_free(second);
}

struct followed {
  int events;
  uint64_t stored;
  int lines;
};

static int follow(const drk_progress_event* event, void* user_data) {
  struct followed* followed = (struct followed*)user_data;
  CHECK(event->struct_size == sizeof *event && strcmp(event->phase, "backup") == 0);
  followed->stored = event->bytes_stored;
  ++followed->events;
  return 0;
}

static void hear(drk_log_level level, const char* message, void* user_data) {
  CHECK(level >= DRK_LOG_DEBUG && level <= DRK_LOG_ERROR && message != NULL);
  ++((struct followed*)user_data)->lines;
}

int main(void) {
  drk_error* err = NULL;
  drk_storage* storage = NULL;
  drk_repository* repository = NULL;
  drk_snapshot* snapshot = NULL;
  struct followed followed = {0, 0, 0};
  drk_storage_options storage_options = DRK_STORAGE_OPTIONS_INIT;
  drk_context ctx = DRK_CONTEXT_INIT;
  begin_tests();
  make_tree();
  storage_options.create = 1;
  OK(drk_storage_open(NULL, below("repo"), &storage_options, &storage, &err));
  repository = create_repository(storage, "correct horse");
  CHECK(strlen(drk_repository_id(repository)) >= 32);
  ctx.progress = follow;
  ctx.progress_user_data = &followed;
  ctx.log = hear;
  ctx.log_user_data = &followed;
  snapshot = back_up(repository, &ctx);
  CHECK(followed.events > 0 && followed.stored > 0);
  look_at_snapshot(snapshot);
  look_into_snapshot(repository, drk_snapshot_id(snapshot));
  check_repository(repository, storage);
  restore_and_compare(repository, drk_snapshot_id(snapshot));
  list_and_forget(repository, drk_snapshot_id(snapshot));
  remove_keys(storage, repository);
  key_round(storage, repository);
  drk_snapshot_free(snapshot);
  drk_repository_free(repository);
  drk_storage_free(storage);
  CHECK(drk_version_number() < (UINT32_C(1) << 24) && strchr(drk_version(), '.') != NULL);
  return end_tests();
}
