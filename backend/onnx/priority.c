// A thread that gives way to the others.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "runtime.h"

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum {
  NICE = 10,          // a tenth of what another thread gets of a processor
  TURN = 200 * 1000,  // ns that it keeps others waiting
};

// The signal: none of those that have a meaning.
#define YIELD (SIGRTMAX - 2)

static _Thread_local bool yielding;
static _Thread_local timer_t turns;

static void yield(int number) {
  (void)number;
  sched_yield();
}

static pthread_once_t handled = PTHREAD_ONCE_INIT;

static void handle(void) {
  struct sigaction a;
  memset(&a, 0, sizeof a);
  a.sa_handler = yield;
  a.sa_flags = SA_RESTART | SA_ONSTACK;  // as Go wants all handlers
  sigaction(YIELD, &a, NULL);
}

// What is refused here would only make the thread less polite.
void galatea_give_way(void) {
  if (nice(NICE) == -1) return;  // Linux counts niceness by thread
  pthread_once(&handled, handle);
  struct sigevent e;
  memset(&e, 0, sizeof e);
  e.sigev_notify = SIGEV_THREAD_ID;
  e.sigev_signo = YIELD;
  e.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
  if (timer_create(CLOCK_MONOTONIC, &e, &turns)) return;
  struct itimerspec every = {{0, TURN}, {0, TURN}};
  yielding = !timer_settime(turns, 0, &every, NULL);
  if (!yielding) timer_delete(turns);
}

void galatea_stop_giving_way(void) {
  if (yielding) timer_delete(turns);
  yielding = false;
}

#else

void galatea_give_way(void) {}
void galatea_stop_giving_way(void) {}

#endif
