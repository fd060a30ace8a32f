// The C side of backend/onnx: a thin layer over ONNX Runtime's C API that does in
// one call what would else be a dozen crossings between Go and C.
//
// The types are opaque here. Most functions of the runtime are reached through
// the C wrappers that the Go binding links into the program; the few that it does
// not wrap are taken from the runtime's function table, whose order is part of
// its binary interface (table_test.go compares the places with the binding's header).
#ifndef GALATEA_ONNX_RUNTIME_H
#define GALATEA_ONNX_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

typedef struct OrtEnv OrtEnv;
typedef struct OrtStatus OrtStatus;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtValue OrtValue;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;

enum { GALATEA_MAX_RANK = 64 };

// One input of a run. data is borrowed for the run. It is a number on Go's side: what
// it points to may be gone by the time that the next run writes it, and Go's collector
// looks at the old value of a pointer that is overwritten.
typedef struct {
  const char *name;
  int32_t type;
  int32_t rank;
  int64_t dims[GALATEA_MAX_RANK];
  uintptr_t data;
  size_t bytes;
  size_t elements;
} galatea_input;

// One output of a run. value owns what data points to; galatea_release_outputs frees it.
typedef struct {
  const char *name;
  OrtValue *value;
  int32_t type;
  int32_t rank;
  int64_t dims[GALATEA_MAX_RANK];
  void *data;
  size_t bytes;
  size_t elements;
} galatea_output;

// One declared input or output. name is freed by galatea_free_specs.
typedef struct {
  char *name;
  int32_t kind;  // ONNXType: 1 is a tensor
  int32_t type;
  int32_t rank;
  int64_t dims[GALATEA_MAX_RANK];
} galatea_spec;

// Opens the library and its function table. Returns NULL, or a message in static
// or dlerror's memory; *version is set when the library could be asked for it.
const char *galatea_open(const char *path, uint32_t api_version, const char **version);

// Creates the process's environment with our logger. Must precede every other environment.
OrtStatus *galatea_create_env(int severity, OrtEnv **env);

OrtStatus *galatea_available_providers(char ***names, int *count);
void galatea_release_providers(char **names, int count);
int galatea_error_code(const OrtStatus *status);

// A failure with a text of ours.
OrtStatus *galatea_fail(const char *text);

OrtStatus *galatea_set_load_cancelled(OrtSessionOptions *o, int cancel);
OrtStatus *galatea_add_external(OrtSessionOptions *o, const char *const *names, char *const *buffers, const size_t *sizes, size_t n);

// Reads the session's declared inputs (or outputs) into a new array.
OrtStatus *galatea_specs(OrtSession *s, int outputs, galatea_spec **specs, size_t *count);
void galatea_free_specs(galatea_spec *specs, size_t count);

// From here on the calling thread, whose priority becomes low for good, lets the others run
// every fraction of a millisecond. Threads that it starts later have the low priority.
void galatea_give_way(void);
// To be called before the thread ends.
void galatea_stop_giving_way(void);

// A set of processors. Making one fails where the system has no such sets, or a number is none.
typedef struct galatea_cpus galatea_cpus;
OrtStatus *galatea_new_cpus(const int *numbers, size_t n, galatea_cpus **cpus);
void galatea_free_cpus(galatea_cpus *cpus);

// Moves the calling thread onto the processors, and back to where it was. Both do
// nothing where there is nothing to do.
OrtStatus *galatea_enter_cpus(const galatea_cpus *cpus, galatea_cpus **before);
void galatea_leave_cpus(galatea_cpus *before);

// Runs the session. On success every output holds a value of the runtime's own;
// on failure none does.
// The calling thread runs on the processors of cpus meanwhile; NULL: where it likes.
OrtStatus *galatea_run(OrtSession *s, OrtRunOptions *o, OrtMemoryInfo *memory, const galatea_cpus *cpus,
                       galatea_input *in, size_t n_in, galatea_output *out, size_t n_out);
void galatea_release_outputs(galatea_output *out, size_t n);

// Copies a string output as length-prefixed elements into dst, which holds out->bytes.
OrtStatus *galatea_copy_strings(const galatea_output *out, uint8_t *dst);

// Keeps freed memory from staying with the C library, where it is glibc: before the
// runtime is opened, and after what is large was freed. Returning takes the locks of
// malloc, for some milliseconds where many small blocks were freed.
void galatea_tune_memory(void);
void galatea_return_memory(void);

// CreateSession on a thread of its own, whose priority is low from when it has started
// the session's pool threads, of which there are so many: the pool has the normal one,
// and the work that follows the lower. Only Linux lowers it. All of them run on the
// processors of cpus; NULL: where they like.
OrtStatus *galatea_create_session(void *data, size_t size, OrtEnv *env, OrtSession **session, OrtSessionOptions *o, int pool, const galatea_cpus *cpus);

// Keeps a line of the runtime's log for later where the calling thread is one of low
// priority, and says whether it did: Go may start a thread of its own from one that
// calls it, which would have the same priority for good.
int galatea_keep_line(int severity, const char *category, const char *location, const char *message);

// Makes the runtime start and join a session's pool threads by these two.
OrtStatus *galatea_own_threads(OrtSessionOptions *o, int *threads_left,
                               void *(*create)(void *, void (*)(void *), void *), void (*join)(void *));

// How the library was built: commit and flags, in static memory.
const char *galatea_build_info(void);

#endif
