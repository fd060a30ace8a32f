// Which processors threads run on.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "runtime.h"

#include <stdlib.h>
#ifdef __linux__
#include <sched.h>

struct galatea_cpus {
  cpu_set_t set;
};

OrtStatus *galatea_new_cpus(const int *numbers, size_t n, galatea_cpus **cpus) {
  galatea_cpus *c = malloc(sizeof *c);
  if (!c) return galatea_fail("out of memory");
  CPU_ZERO(&c->set);
  for (size_t i = 0; i < n; i++) {
    if (numbers[i] < 0 || numbers[i] >= CPU_SETSIZE) {
      free(c);
      return galatea_fail("no such processor");
    }
    CPU_SET(numbers[i], &c->set);
  }
  *cpus = c;
  return NULL;
}

OrtStatus *galatea_enter_cpus(const galatea_cpus *cpus, galatea_cpus **before) {
  if (!cpus) return NULL;
  galatea_cpus *b = malloc(sizeof *b);
  if (!b) return galatea_fail("out of memory");
  if (sched_getaffinity(0, sizeof b->set, &b->set) || sched_setaffinity(0, sizeof cpus->set, &cpus->set)) {
    free(b);
    return galatea_fail("none of the host policy's processors may be used by this process");
  }
  *before = b;
  return NULL;
}

void galatea_leave_cpus(galatea_cpus *before) {
  if (!before) return;
  sched_setaffinity(0, sizeof before->set, &before->set);
  free(before);
}
#else
struct galatea_cpus {
  int none;
};

OrtStatus *galatea_new_cpus(const int *numbers, size_t n, galatea_cpus **cpus) {
  return galatea_fail("host policies need Linux");
}

OrtStatus *galatea_enter_cpus(const galatea_cpus *cpus, galatea_cpus **before) { return NULL; }
void galatea_leave_cpus(galatea_cpus *before) {}
#endif

void galatea_free_cpus(galatea_cpus *cpus) { free(cpus); }
