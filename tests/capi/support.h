/* What the C tests share: checks that count, a temporary directory, files, a cheap repository. */
#ifndef DRKIT_TESTS_CAPI_SUPPORT_H
#define DRKIT_TESTS_CAPI_SUPPORT_H

#include <drkit.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures = 0;
static int checks = 0;

#define CHECK(condition)                                              \
  do {                                                                \
    ++checks;                                                         \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                     \
    }                                                                 \
  } while (0)

/* A call that must succeed; its error is told. Uses `err`, which must be in scope. */
#define OK(call)                                                                               \
  do {                                                                                         \
    const drk_status ok_status = (call);                                                       \
    ++checks;                                                                                  \
    if (ok_status != DRK_OK || err != NULL) {                                                  \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, drk_error_to_string(err)); \
      ++failures;                                                                              \
      drk_error_free(err);                                                                     \
      err = NULL;                                                                              \
    }                                                                                          \
  } while (0)

/* A call that must fail with this code, in the status and in the error. */
#define FAILS(code, call)                                                                               \
  do {                                                                                                  \
    const drk_status fails_status = (call);                                                             \
    ++checks;                                                                                           \
    if (fails_status != (code) || drk_error_code(err) != (code)) {                                      \
      fprintf(stderr, "%s:%d: %s: %s (%s)\n", __FILE__, __LINE__, #call, drk_status_name(fails_status), \
              drk_error_to_string(err));                                                                \
      ++failures;                                                                                       \
    }                                                                                                   \
    drk_error_free(err);                                                                                \
    err = NULL;                                                                                         \
  } while (0)

static char root[64];

static inline char* below(const char* name) {
  static char paths[8][256];
  static int next = 0;
  char* path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", root, name);
  return path;
}

static inline int remove_one(const char* path, const struct stat* info, int type, struct FTW* where) {
  (void)info;
  (void)type;
  (void)where;
  return remove(path);
}

static inline void begin_tests(void) {
  const char* parent = getenv("TMPDIR");
  snprintf(root, sizeof root, "%s/drkit-capi-XXXXXX", parent != NULL && strlen(parent) < 40 ? parent : "/tmp");
  if (mkdtemp(root) == NULL) {
    perror(root);
    exit(2);
  }
}

static inline int end_tests(void) {
  if (nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
    perror(root);
    ++failures;
  }
  printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}

static inline void write_file(const char* path, const char* text, size_t times) {
  FILE* file = fopen(path, "wb");
  size_t i;
  CHECK(file != NULL);
  if (file == NULL) {
    return;
  }
  for (i = 0; i < times; ++i) {
    CHECK(fputs(text, file) >= 0);
  }
  CHECK(fclose(file) == 0);
}

static inline int same_files(const char* a, const char* b) {
  FILE* left = fopen(a, "rb");
  FILE* right = fopen(b, "rb");
  int same = left != NULL && right != NULL;
  int c = 0;
  while (same && c != EOF) {
    c = getc(left);
    same = c == getc(right);
  }
  if (left != NULL) {
    fclose(left);
  }
  if (right != NULL) {
    fclose(right);
  }
  return same;
}

static inline drk_secret* secret_of(const char* text) {
  drk_error* err = NULL;
  drk_secret* secret = NULL;
  OK(drk_secret_new(text, strlen(text), &secret, &err));
  return secret;
}

/* A repository whose password costs little; the test is not about Argon2id. */
static inline drk_repository* create_repository(drk_storage* storage, const char* password) {
  drk_error* err = NULL;
  drk_repository* repository = NULL;
  drk_secret* secret = secret_of(password);
  const drk_secret* passwords[1];
  drk_create_options options = DRK_CREATE_OPTIONS_INIT;
  passwords[0] = secret;
  options.passwords = passwords;
  options.password_count = 1;
  options.password_operations = 1;
  options.password_memory_bytes = 8192;
  OK(drk_repository_create(NULL, storage, &options, NULL, &repository, &err));
  drk_secret_free(secret);
  return repository;
}

#endif
