// What loads need of the C library and the system: memory that goes back, and a thread of their own.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "runtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
  // Blocks from this size on are mapped by themselves and go back when they are freed.
  // Left alone, glibc raises the limit up to 32 MiB as it sees blocks being freed, and
  // keeps weights among what is still in use.
  MAPPED = 1 << 20,
};

void galatea_tune_memory(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, MAPPED);
  mallopt(M_TRIM_THRESHOLD, MAPPED);
#endif
}

void galatea_return_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

typedef struct {
  void (*work)(void *);
  void *param;
} start;

static void *pool_thread(void *p) {
  start s = *(start *)p;
  free(p);
  s.work(s.param);
  return NULL;
}

static void *create_thread(void *threads_left, void (*work)(void *), void *param) {
  int *left = threads_left;
  pthread_t thread;
  start *s = malloc(sizeof *s);
  if (!s) return NULL;
  s->work = work;
  s->param = param;
  if (pthread_create(&thread, NULL, pool_thread, s)) {
    free(s);
    return NULL;
  }
  if (--*left == 0) galatea_give_way();
  return (void *)thread;
}

static void join_thread(void *thread) { pthread_join((pthread_t)thread, NULL); }

extern OrtStatus *CreateSession(void *data, size_t size, OrtEnv *env, OrtSession **out, OrtSessionOptions *o);

// A line of the runtime's log.
typedef struct line {
  struct line *next;
  int severity;
  char *category, *location, *message;
} line;

extern void galateaLog(int severity, char *category, char *location, char *message);

static _Thread_local line ***kept;  // where the next line goes, on a thread of low priority

int galatea_keep_line(int severity, const char *category, const char *location, const char *message) {
  if (!kept) return 0;
  line *l = calloc(1, sizeof *l);
  if (!l) return 1;
  l->severity = severity;
  l->category = strdup(category);
  l->location = strdup(location);
  l->message = strdup(message);
  **kept = l;
  *kept = &l->next;
  return 1;
}

static void write_lines(line *l) {
  while (l) {
    line *next = l->next;
    if (l->category && l->location && l->message) galateaLog(l->severity, l->category, l->location, l->message);
    free(l->category);
    free(l->location);
    free(l->message);
    free(l);
    l = next;
  }
}

typedef struct {
  line *first, **last;  // of the log
  void *data;
  size_t size;
  OrtEnv *env;
  OrtSession *session;
  OrtSessionOptions *options;
  int pool;  // threads of the pool that are not started yet
  const galatea_cpus *cpus;
  OrtStatus *status;
} creation;

static void *create(void *p) {
  creation *c = p;
  galatea_cpus *before = NULL;
  kept = &c->last;
  c->status = galatea_enter_cpus(c->cpus, &before);  // which the pool's threads inherit
  if (c->status) return NULL;
  if (c->pool == 0)
    galatea_give_way();
  else
    c->status = galatea_own_threads(c->options, &c->pool, create_thread, join_thread);
  if (!c->status) c->status = CreateSession(c->data, c->size, c->env, &c->session, c->options);
  galatea_stop_giving_way();
  galatea_leave_cpus(before);
  return NULL;
}

OrtStatus *galatea_create_session(void *data, size_t size, OrtEnv *env, OrtSession **session, OrtSessionOptions *o, int pool, const galatea_cpus *cpus) {
  creation c = {NULL, &c.first, data, size, env, NULL, o, pool, cpus, NULL};
  pthread_t thread;
  if (pthread_create(&thread, NULL, create, &c)) return galatea_fail("no thread could be started for the load");
  pthread_join(thread, NULL);
  write_lines(c.first);
  *session = c.session;
  return c.status;
}
