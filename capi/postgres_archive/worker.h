/* Stores files of the log in a thread of its own, so that the server's process can go on listening meanwhile. */
#ifndef DRKIT_POSTGRES_ARCHIVE_WORKER_H
#define DRKIT_POSTGRES_ARCHIVE_WORKER_H

#include <stddef.h>

/* What the server's settings say; NULL or "" stands for nothing. Borrowed until the job is finished. */
struct archive_settings {
  const char* repository;
  const char* key_file;
  const char* password_file;
  const char* storage_user;
  const char* storage_password_file;
  const char* storage_key_file;
  const char* ca_file;
  const char* cache_directory;
  const char* spool_directory;
  unsigned batch;
};

struct archive_job;

/* Begins to store the file. One job at a time. NULL when no thread can be had; `message` says why. */
struct archive_job* archive_job_start(const struct archive_settings* settings, const char* path, char* message,
                                      size_t size);
/* Becomes readable when the job is done. */
int archive_job_descriptor(const struct archive_job* job);
/* Asks it to give up. */
void archive_job_cancel(struct archive_job* job);
/* Waits for its end and frees it. 1: the file is durable in the repository; 0: it is not, and `message` says why. */
int archive_job_finish(struct archive_job* job, char* message, size_t size);
/* Closes the repository: the settings have changed, or nothing more is to come. Not while a job runs. */
void archive_close(void);

#endif
