#include "worker.h"

#include <drkit.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_BYTES 1024
#define SECRET_BYTES 65536

struct archive_job {
  const struct archive_settings* settings;
  const char* path;
  drk_cancel_token* cancel;
  int done[2]; /* a pipe */
  pthread_t thread;
  int stored;
  char message[MESSAGE_BYTES];
};

/* Stays open from file to file: to open it costs more than to store a segment. */
static drk_storage* storage = NULL;
static drk_repository* repository = NULL;

static int is_set(const char* text) { return text != NULL && text[0] != 0; }
static const char* or_null(const char* text) { return is_set(text) ? text : NULL; }

static drk_secret* say_failed(char* message, const char* what, const char* path) {
  snprintf(message, MESSAGE_BYTES, "cannot read the %s %s: %s", what, path, strerror(errno));
  return NULL;
}

/* A file's first line end is no part of the secret. */
static drk_secret* read_secret(const char* path, const char* what, char* message) {
  static unsigned char bytes[SECRET_BYTES];
  drk_secret* secret = NULL;
  size_t size = 0;
  ssize_t got;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return say_failed(message, what, path);
  }
  while ((got = read(file, bytes + size, sizeof bytes - size)) > 0) {
    size += (size_t)got;
  }
  if (got < 0) {
    secret = say_failed(message, what, path);
  } else {
    while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r')) {
      --size;
    }
    if (drk_secret_new(bytes, size, &secret, NULL) != DRK_OK) {
      snprintf(message, MESSAGE_BYTES, "cannot keep the %s %s", what, path);
    }
  }
  explicit_bzero(bytes, sizeof bytes);
  close(file);
  return secret;
}

static int fail(char* message, drk_error* err) {
  snprintf(message, MESSAGE_BYTES, "%s", drk_error_to_string(err));
  drk_error_free(err);
  return 0;
}

static int open_storage(const drk_context* ctx, const struct archive_settings* settings, drk_storage** out,
                        char* message) {
  drk_storage_options options = DRK_STORAGE_OPTIONS_INIT;
  drk_secret* password = NULL;
  drk_error* err = NULL;
  drk_status status;
  if (is_set(settings->storage_password_file)) {
    password = read_secret(settings->storage_password_file, "password file of the storage", message);
    if (password == NULL) {
      return 0;
    }
  }
  options.user = or_null(settings->storage_user);
  options.password = password;
  options.key_file = or_null(settings->storage_key_file);
  options.ca_file = or_null(settings->ca_file);
  status = drk_storage_open(ctx, settings->repository, &options, out, &err);
  drk_secret_free(password);
  return status == DRK_OK ? 1 : fail(message, err);
}

static int open_repository(const drk_context* ctx, const struct archive_settings* settings, char* message) {
  drk_open_options options = DRK_OPEN_OPTIONS_INIT;
  drk_error* err = NULL;
  drk_status status;
  const int has_key = is_set(settings->key_file);
  drk_secret* secret = has_key ? read_secret(settings->key_file, "key file", message)
                               : read_secret(settings->password_file, "password file", message);
  if (secret == NULL) {
    return 0;
  }
  options.cache_directory = or_null(settings->cache_directory);
  options.credential.key = has_key ? secret : NULL;
  options.credential.password = has_key ? NULL : secret;
  status = drk_repository_open(ctx, storage, &options, &repository, &err);
  drk_secret_free(secret);
  return status == DRK_OK ? 1 : fail(message, err);
}

static void close_repository(void) {
  drk_repository_free(repository);
  drk_storage_free(storage);
  repository = NULL;
  storage = NULL;
}

/* An open directory stays the same one when another takes its name; a server is asked by name each time. */
static int keeps_directory_open(const char* address) {
  return strstr(address, "://") == NULL || strncmp(address, "file:", 5) == 0 || strncmp(address, "mirror:", 7) == 0 ||
         strchr(address, '|') != NULL;
}

/*
 * The server removes its file when this side says that it is stored, so that must be true of the repository which is at
 * the address by then: somebody may have removed it, or made another in its place, since it was opened. Its identity,
 * one small object, is read after each file: before it, or now and then, would leave a time in which a file goes to a
 * repository that is gone. Beside 16 MiB it costs nothing that can be measured.
 */
static int is_still_there(const drk_context* ctx, const struct archive_settings* settings, char* message) {
  drk_storage* now = storage;
  drk_error* err = NULL;
  drk_status status;
  int there = 0;
  if (keeps_directory_open(settings->repository) && !open_storage(ctx, settings, &now, message)) {
    close_repository();
    return 0;
  }
  status = drk_repository_is_in(ctx, repository, now, &there, &err);
  if (now != storage) {
    drk_storage_free(now);
  }
  if (status != DRK_OK) {
    return fail(message, err);
  }
  if (!there) {
    snprintf(message, MESSAGE_BYTES, "the repository that was opened is no longer at its address");
    close_repository();
  }
  return there;
}

static int store(struct archive_job* job) {
  const struct archive_settings* settings = job->settings;
  drk_wal_push_options options = DRK_WAL_PUSH_OPTIONS_INIT;
  drk_context ctx = DRK_CONTEXT_INIT;
  drk_error* err = NULL;
  int done = 0;
  ctx.cancel = job->cancel;
  if (is_set(settings->spool_directory)) {
    options.spool_directory = settings->spool_directory;
    options.spool_name = settings->repository;
    options.batch = settings->batch;
  }
  if (storage == NULL && !open_storage(&ctx, settings, &storage, job->message)) {
    return 0;
  }
  if (repository == NULL && !open_repository(&ctx, settings, job->message)) {
    close_repository();
    return 0;
  }
  options.repository_id = drk_repository_id(repository);
  /* A spool that fails is a reason to store the file, not to refuse it. */
  if (is_set(settings->spool_directory) && drk_wal_was_pushed(job->path, &options, &done, &err) != DRK_OK) {
    drk_error_free(err);
    err = NULL;
    done = 0;
  }
  if (!done && drk_wal_push(&ctx, repository, job->path, &options, NULL, &err) != DRK_OK) {
    char ignored[MESSAGE_BYTES];
    fail(job->message, err);
    /* What was opened may be what fails: the next file finds what is there now. */
    is_still_there(&ctx, settings, ignored);
    return 0;
  }
  return is_still_there(&ctx, settings, job->message);
}

static void* run(void* argument) {
  struct archive_job* job = (struct archive_job*)argument;
  job->stored = store(job);
  /* The end of the pipe is what the other side waits for. */
  close(job->done[1]);
  return NULL;
}

/* The thread and those that the library starts must not run the server's signal handlers. */
static int start_thread(struct archive_job* job) {
  sigset_t all, before;
  int failed;
  sigfillset(&all);
  failed = pthread_sigmask(SIG_SETMASK, &all, &before);
  if (failed != 0) {
    return failed;
  }
  failed = pthread_create(&job->thread, NULL, run, job);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

static struct archive_job* give_up(struct archive_job* job, const char* why, char* message, size_t size) {
  snprintf(message, size, "cannot begin to store: %s", why);
  if (job != NULL) {
    drk_cancel_token_free(job->cancel);
    free(job);
  }
  return NULL;
}

struct archive_job* archive_job_start(const struct archive_settings* settings, const char* path, char* message,
                                      size_t size) {
  int failed;
  struct archive_job* job = (struct archive_job*)calloc(1, sizeof *job);
  if (job == NULL || drk_cancel_token_new(&job->cancel, NULL) != DRK_OK) {
    return give_up(job, "out of memory", message, size);
  }
  if (pipe2(job->done, O_CLOEXEC) != 0) {
    return give_up(job, strerror(errno), message, size);
  }
  job->settings = settings;
  job->path = path;
  failed = start_thread(job);
  if (failed != 0) {
    close(job->done[0]);
    close(job->done[1]);
    return give_up(job, strerror(failed), message, size);
  }
  return job;
}

int archive_job_descriptor(const struct archive_job* job) { return job->done[0]; }

void archive_job_cancel(struct archive_job* job) { drk_cancel(job->cancel); }

int archive_job_finish(struct archive_job* job, char* message, size_t size) {
  int stored;
  pthread_join(job->thread, NULL);
  stored = job->stored;
  snprintf(message, size, "%s", job->message);
  close(job->done[0]);
  drk_cancel_token_free(job->cancel);
  free(job);
  return stored;
}

void archive_close(void) { close_repository(); }
