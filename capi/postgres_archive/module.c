/*
 * archive_library of PostgreSQL 15 and later: the archiver stores finished files of the log without starting a program
 * for each. A file that cannot be stored is a warning; the server keeps it and asks again.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM >= 160000
#include "archive/archive_module.h"
#else
#include "postmaster/pgarch.h"
#endif

#include "worker.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static char* repository = NULL;
static char* key_file = NULL;
static char* password_file = NULL;
static char* storage_user = NULL;
static char* storage_password_file = NULL;
static char* storage_key_file = NULL;
static char* ca_file = NULL;
static char* cache_directory = NULL;
static char* spool_directory = NULL;
static int batch = 0;
static bool settings_changed = false;

static void note_change(const char* value, void* extra) {
  (void)value;
  (void)extra;
  settings_changed = true;
}

static void define(const char* name, const char* what, char** value) {
  DefineCustomStringVariable(name, what, NULL, value, "", PGC_SIGHUP, 0, NULL, note_change, NULL);
}

void _PG_init(void) {
  define("drkit_archive.repository", "Address of the repository.", &repository);
  define("drkit_archive.key_file", "Key file; a key that may only write is enough.", &key_file);
  define("drkit_archive.password_file", "File with the password, when there is no key file.", &password_file);
  define("drkit_archive.storage_user", "Name, or access key id, for the storage.", &storage_user);
  define("drkit_archive.storage_password_file", "File with the storage's password or secret key.",
         &storage_password_file);
  define("drkit_archive.storage_key_file", "Private key for a storage over SSH.", &storage_key_file);
  define("drkit_archive.ca_file", "Authorities to trust instead of the system's.", &ca_file);
  define("drkit_archive.cache_directory", "Local cache of the repository.", &cache_directory);
  define("drkit_archive.spool_directory", "Folder that remembers what a batch has stored.", &spool_directory);
  DefineCustomIntVariable("drkit_archive.batch", "Files more that are stored at the same time; needs a spool.", NULL,
                          &batch, 0, 0, 64, PGC_SIGHUP, 0, NULL, NULL, NULL);
#if PG_VERSION_NUM >= 150000
  MarkGUCPrefixReserved("drkit_archive");
#endif
}

static bool is_set(const char* text) { return text != NULL && text[0] != '\0'; }

static bool is_configured(void) {
  return is_set(repository) && is_set(key_file) != is_set(password_file) && (batch == 0 || is_set(spool_directory));
}

static struct archive_settings current_settings(void) {
  struct archive_settings settings = {
      repository,       key_file, password_file,   storage_user,    storage_password_file,
      storage_key_file, ca_file,  cache_directory, spool_directory, (unsigned)batch};
  return settings;
}

/* The library waits for the storage in its own thread; this one waits for it and for the server's end. */
static void wait_for(struct archive_job* job, bool* woken) {
  for (;;) {
    const int events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_POSTMASTER_DEATH,
                                         archive_job_descriptor(job), -1L, PG_WAIT_EXTENSION);
    if (events & WL_SOCKET_READABLE) return;
    if (events & WL_POSTMASTER_DEATH) {
      archive_job_cancel(job);
      return;
    }
    if (events & WL_LATCH_SET) {
      ResetLatch(MyLatch);
      *woken = true;
    }
  }
}

static bool store(const char* path, char* message, size_t size) {
  const struct archive_settings settings = current_settings();
  struct archive_job* volatile job;
  bool stored = false;
  bool woken = false;
  MemoryContext context = CurrentMemoryContext;
  if (settings_changed) archive_close();
  settings_changed = false;
  job = archive_job_start(&settings, path, message, size);
  if (job == NULL) return false;
  PG_TRY();
  {
    wait_for(job, &woken);
    stored = archive_job_finish(job, message, size) != 0;
  }
  PG_CATCH();
  {
    /* Waiting itself failed. Without this the archiver would end, and its thread with it in the middle of a put. */
    ErrorData* error;
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    archive_job_cancel(job);
    stored = archive_job_finish(job, message, size) != 0;
    if (!stored) strlcpy(message, error->message, size);
    FreeErrorData(error);
  }
  PG_END_TRY();
  /* Whoever woke the archiver meanwhile is heard after this file. */
  if (woken) SetLatch(MyLatch);
  return stored;
}

static bool archive(const char* file, const char* path) {
  char message[1024] = "";
  if (store(path, message, sizeof message)) {
    ereport(DEBUG1, (errmsg_internal("drkit_archive: stored \"%s\"", file)));
    return true;
  }
  ereport(WARNING, (errmsg("drkit_archive: \"%s\" is not stored: %s", file, message)));
  return false;
}

#if PG_VERSION_NUM >= 160000

static bool check_configured_cb(ArchiveModuleState* state) {
  (void)state;
#if PG_VERSION_NUM >= 170000
  if (!is_configured()) arch_module_check_errdetail("Set drkit_archive.repository and key_file or password_file.");
#endif
  return is_configured();
}

static bool archive_file_cb(ArchiveModuleState* state, const char* file, const char* path) {
  (void)state;
  return archive(file, path);
}

static void shutdown_cb(ArchiveModuleState* state) {
  (void)state;
  archive_close();
}

static const ArchiveModuleCallbacks callbacks = {.startup_cb = NULL,
                                                 .check_configured_cb = check_configured_cb,
                                                 .archive_file_cb = archive_file_cb,
                                                 .shutdown_cb = shutdown_cb};

const ArchiveModuleCallbacks* _PG_archive_module_init(void) { return &callbacks; }

#else

extern PGDLLEXPORT void _PG_archive_module_init(ArchiveModuleCallbacks* callbacks);

void _PG_archive_module_init(ArchiveModuleCallbacks* callbacks) {
  callbacks->check_configured_cb = is_configured;
  callbacks->archive_file_cb = archive;
  callbacks->shutdown_cb = archive_close;
}

#endif
