/* Callers compiled against an older and a newer header than the library's. */
#include <drkit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;
#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                     \
    }                                                                 \
  } while (0)

/* What a newer header could say. */
struct newer_storage_options {
  drk_storage_options known;
  uint64_t unknown;
};

static drk_status open_memory(const void* options) {
  drk_storage* storage = NULL;
  const drk_status status = drk_storage_open(NULL, "mem:", (const drk_storage_options*)options, &storage, NULL);
  CHECK((status == DRK_OK) == (storage != NULL));
  drk_storage_free(storage);
  return status;
}

/* The older struct lies at the very end of its allocation, so that a read past it is seen by a sanitizer. */
static void older_caller_is_completed_with_defaults(void) {
  const uint32_t older_size = 8;
  unsigned char* older = (unsigned char*)malloc(older_size);
  CHECK(older != NULL);
  if (older == NULL) {
    return;
  }
  memset(older, 0, older_size);
  memcpy(older, &older_size, sizeof older_size);
  CHECK(open_memory(older) == DRK_OK);
  free(older);
}

static void newer_caller_is_understood_unless_it_uses_what_is_new(void) {
  struct newer_storage_options newer = {DRK_STORAGE_OPTIONS_INIT, 0};
  newer.known.struct_size = (uint32_t)sizeof newer;
  CHECK(open_memory(&newer) == DRK_OK);
  newer.unknown = 1;
  CHECK(open_memory(&newer) == DRK_UNSUPPORTED);
}

static void wrong_sizes_are_refused(void) {
  const uint32_t sizes[] = {0, 3, 4, 9, 12, 65544, 0xffffffffU};
  size_t i;
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    drk_storage_options options = DRK_STORAGE_OPTIONS_INIT;
    options.struct_size = sizes[i];
    CHECK(open_memory(&options) == DRK_INVALID_ARGUMENT);
  }
}

static void vtables_follow_the_same_rule(void) {
  struct {
    drk_check_vtable known;
    void (*unknown)(void);
  } newer = {DRK_CHECK_VTABLE_INIT, NULL};
  drk_check_plugin* plugin = NULL;
  newer.known.struct_size = (uint32_t)sizeof newer;
  CHECK(drk_check_from_vtable(&newer.known, NULL, &plugin, NULL) == DRK_INVALID_ARGUMENT); /* no callbacks yet */
  newer.unknown = abort;
  CHECK(drk_check_from_vtable(&newer.known, NULL, &plugin, NULL) == DRK_UNSUPPORTED);
  CHECK(plugin == NULL);
}

int main(void) {
  older_caller_is_completed_with_defaults();
  newer_caller_is_understood_unless_it_uses_what_is_new();
  wrong_sizes_are_refused();
  vtables_follow_the_same_rule();
  return failures == 0 ? 0 : 1;
}
