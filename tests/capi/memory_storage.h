/* A storage in memory, written in C: what a plug-in looks like. */
#ifndef DRKIT_TESTS_CAPI_MEMORY_STORAGE_H
#define DRKIT_TESTS_CAPI_MEMORY_STORAGE_H

#include "support.h"

#include <pthread.h>

struct object {
  struct object* next;
  char* key;
  unsigned char* bytes;
  size_t size;
};

struct memory {
  pthread_mutex_t mutex;
  struct object* objects;
};

static int destroyed = 0;

static struct object** find(struct memory* memory, const char* key) {
  struct object** at = &memory->objects;
  while (*at != NULL && strcmp((*at)->key, key) != 0) {
    at = &(*at)->next;
  }
  return at;
}

static void free_object(struct object* object) {
  free(object->key);
  free(object->bytes);
  free(object);
}

static struct object* new_object(const char* key, const void* bytes, size_t size) {
  struct object* object = (struct object*)calloc(1, sizeof *object);
  if (object == NULL) {
    return NULL;
  }
  object->key = strdup(key);
  object->bytes = (unsigned char*)malloc(size == 0 ? 1 : size);
  object->size = size;
  if (object->key == NULL || object->bytes == NULL) {
    free_object(object);
    return NULL;
  }
  if (size != 0) {
    memcpy(object->bytes, bytes, size);
  }
  return object;
}

static void memory_destroy(void* user_data) {
  struct memory* memory = (struct memory*)user_data;
  while (memory->objects != NULL) {
    struct object* first = memory->objects;
    memory->objects = first->next;
    free_object(first);
  }
  pthread_mutex_destroy(&memory->mutex);
  free(memory);
  ++destroyed;
}

static void memory_info(drk_storage_info* out, void* user_data) {
  (void)user_data;
  out->scheme = "cmem";
  out->name = "cmem:";
  out->conditional_create = 1;
}

static drk_status not_found(drk_error** err) {
  *err = drk_error_new(DRK_NOT_FOUND, "no such object", 0);
  return DRK_NOT_FOUND;
}

static drk_status memory_stat(const drk_cancel_token* cancel, const char* key, drk_object_info* out, drk_error** err,
                              void* user_data) {
  struct memory* memory = (struct memory*)user_data;
  drk_status status = DRK_OK;
  struct object* object = NULL;
  (void)cancel;
  pthread_mutex_lock(&memory->mutex);
  object = *find(memory, key);
  if (object == NULL) {
    status = not_found(err);
  } else {
    out->size_bytes = object->size;
  }
  pthread_mutex_unlock(&memory->mutex);
  return status;
}

static drk_status memory_get(const drk_cancel_token* cancel, const char* key, uint64_t offset, uint64_t length,
                             drk_buffer* out, drk_error** err, void* user_data) {
  struct memory* memory = (struct memory*)user_data;
  drk_status status = DRK_OK;
  struct object* object = NULL;
  (void)cancel;
  pthread_mutex_lock(&memory->mutex);
  object = *find(memory, key);
  if (object == NULL) {
    status = not_found(err);
  } else if (offset > object->size) {
    status = DRK_INVALID_ARGUMENT; /* without an error object: the library makes one */
  } else {
    const uint64_t rest = object->size - offset;
    status = drk_buffer_append(out, object->bytes + offset, (size_t)(length < rest ? length : rest));
  }
  pthread_mutex_unlock(&memory->mutex);
  return status;
}

static drk_status memory_put(const drk_cancel_token* cancel, const char* key, const void* bytes, size_t size,
                             int if_absent, drk_error** err, void* user_data) {
  struct memory* memory = (struct memory*)user_data;
  drk_status status = DRK_OK;
  struct object** at = NULL;
  struct object* fresh = new_object(key, bytes, size);
  (void)cancel;
  if (fresh == NULL) {
    return DRK_OUT_OF_MEMORY;
  }
  pthread_mutex_lock(&memory->mutex);
  at = find(memory, key);
  if (*at != NULL && if_absent != 0) {
    *err = drk_error_new(DRK_ALREADY_EXISTS, "the object is there", 0);
    status = DRK_ALREADY_EXISTS;
    free_object(fresh);
  } else {
    struct object* old = *at;
    fresh->next = old == NULL ? NULL : old->next;
    *at = fresh;
    if (old != NULL) {
      free_object(old);
    }
  }
  pthread_mutex_unlock(&memory->mutex);
  return status;
}

static drk_status memory_remove(const drk_cancel_token* cancel, const char* key, drk_error** err, void* user_data) {
  struct memory* memory = (struct memory*)user_data;
  struct object** at = NULL;
  (void)cancel;
  (void)err;
  pthread_mutex_lock(&memory->mutex);
  at = find(memory, key);
  if (*at != NULL) {
    struct object* old = *at;
    *at = old->next;
    free_object(old);
  }
  pthread_mutex_unlock(&memory->mutex);
  return DRK_OK;
}

static drk_status memory_list(const drk_cancel_token* cancel, const char* prefix, drk_object_fn visit, void* visit_data,
                              drk_error** err, void* user_data) {
  struct memory* memory = (struct memory*)user_data;
  struct object* object = NULL;
  (void)err;
  pthread_mutex_lock(&memory->mutex);
  for (object = memory->objects; object != NULL && drk_cancel_token_cancelled(cancel) == 0; object = object->next) {
    if (strncmp(object->key, prefix, strlen(prefix)) == 0) {
      drk_object_info info = DRK_OBJECT_INFO_INIT;
      info.key = object->key;
      info.size_bytes = object->size;
      if (visit(&info, visit_data) != 0) {
        break;
      }
    }
  }
  pthread_mutex_unlock(&memory->mutex);
  return DRK_OK;
}

static drk_status make_storage(drk_storage** out, drk_error** err, void* user_data) {
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
  vtable.put = memory_put;
  vtable.remove = memory_remove;
  vtable.list = memory_list;
  return drk_storage_from_vtable(&vtable, memory, out, err);
}

#endif
