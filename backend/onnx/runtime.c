#include "runtime.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// The binding's wrappers.
extern void ReleaseOrtStatus(OrtStatus *status);
extern void ReleaseOrtValue(OrtValue *value);
extern OrtStatus *RunOrtSessionWithOptions(OrtSession *, OrtValue **, char **, int, OrtValue **, char **, int, OrtRunOptions *);
extern OrtStatus *SessionGetInputCount(OrtSession *, size_t *);
extern OrtStatus *SessionGetOutputCount(OrtSession *, size_t *);
extern OrtStatus *SessionGetInputName(OrtSession *, size_t, char **);
extern OrtStatus *SessionGetOutputName(OrtSession *, size_t, char **);
extern OrtStatus *SessionGetInputTypeInfo(OrtSession *, size_t, OrtTypeInfo **);
extern OrtStatus *SessionGetOutputTypeInfo(OrtSession *, size_t, OrtTypeInfo **);
extern OrtStatus *FreeWithDefaultORTAllocator(void *);
extern OrtStatus *CastTypeInfoToTensorInfo(OrtTypeInfo *, OrtTensorTypeAndShapeInfo **);
extern OrtStatus *GetONNXTypeFromTypeInfo(OrtTypeInfo *, int *);
extern void ReleaseTypeInfo(OrtTypeInfo *);
extern OrtStatus *CreateOrtTensorWithShape(void *, size_t, int64_t *, int64_t, OrtMemoryInfo *, int, OrtValue **);
extern OrtStatus *CreateTensorAsOrtValue(int64_t *, int64_t, int, OrtValue **);
extern OrtStatus *GetTensorTypeAndShape(const OrtValue *, OrtTensorTypeAndShapeInfo **);
extern OrtStatus *GetDimensionsCount(const OrtTensorTypeAndShapeInfo *, size_t *);
extern OrtStatus *GetDimensions(const OrtTensorTypeAndShapeInfo *, int64_t *, size_t);
extern OrtStatus *GetTensorElementType(const OrtTensorTypeAndShapeInfo *, int *);
extern void ReleaseTensorTypeAndShapeInfo(OrtTensorTypeAndShapeInfo *);
extern OrtStatus *GetTensorMutableData(OrtValue *, void **);
extern OrtStatus *GetStringTensorDataLength(OrtValue *, size_t *);
extern OrtStatus *GetStringTensorContent(OrtValue *, void *, size_t, size_t *, size_t);
extern OrtStatus *GetValueType(OrtValue *, int *);

// Go's side of the log.
extern void galateaLog(int severity, char *category, char *location, char *message);

enum { TYPE_STRING = 8, ONNX_TENSOR = 1, ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2 };

// Places in the runtime's function table.
enum {
  AT_CreateStatus = 0,
  AT_GetErrorCode = 1,
  AT_CreateEnvWithCustomLogger = 4,
  AT_GetAvailableProviders = 125,
  AT_ReleaseAvailableProviders = 126,
  AT_SessionOptionsSetCustomCreateThreadFn = 196,
  AT_SessionOptionsSetCustomThreadCreationOptions = 197,
  AT_SessionOptionsSetCustomJoinThreadFn = 198,
  AT_GetResizedStringTensorElementBuffer = 252,
  AT_GetBuildInfoString = 254,
  AT_AddExternalInitializersFromFilesInMemory = 279,
  AT_SessionOptionsSetLoadCancellationFlag = 293,
};

typedef void (*function)(void);
static const function *table;

#define CALL(name, type) ((type)table[AT_##name])

typedef struct {
  const function *(*GetApi)(uint32_t version);
  const char *(*GetVersionString)(void);
} api_base;

const char *galatea_open(const char *path, uint32_t api_version, const char **version) {
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  if (!library) return dlerror();
  const api_base *(*get_base)(void) = (const api_base *(*)(void))dlsym(library, "OrtGetApiBase");
  if (!get_base) return "it is no ONNX Runtime library: it has no OrtGetApiBase";
  const api_base *base = get_base();
  *version = base->GetVersionString();
  table = base->GetApi(api_version);
  return table ? NULL : "too old";
}

static OrtStatus *fail(const char *text) {
  return CALL(CreateStatus, OrtStatus *(*)(int, const char *))(ORT_FAIL, text);
}

int galatea_error_code(const OrtStatus *status) {
  return CALL(GetErrorCode, int (*)(const OrtStatus *))(status);
}

static void log_line(void *param, int severity, const char *category, const char *id, const char *location, const char *message) {
  (void)param;
  (void)id;
  if (galatea_keep_line(severity, category, location, message)) return;
  galateaLog(severity, (char *)category, (char *)location, (char *)message);
}

OrtStatus *galatea_create_env(int severity, OrtEnv **env) {
  typedef void (*logger)(void *, int, const char *, const char *, const char *, const char *);
  return CALL(CreateEnvWithCustomLogger, OrtStatus *(*)(logger, void *, int, const char *, OrtEnv **))(log_line, NULL, severity, "galatea", env);
}

OrtStatus *galatea_available_providers(char ***names, int *count) {
  return CALL(GetAvailableProviders, OrtStatus *(*)(char ***, int *))(names, count);
}

void galatea_release_providers(char **names, int count) {
  OrtStatus *status = CALL(ReleaseAvailableProviders, OrtStatus *(*)(char **, int))(names, count);
  if (status) ReleaseOrtStatus(status);
}

OrtStatus *galatea_set_load_cancelled(OrtSessionOptions *o, int cancel) {
  return CALL(SessionOptionsSetLoadCancellationFlag, OrtStatus *(*)(OrtSessionOptions *, bool))(o, cancel != 0);
}

OrtStatus *galatea_add_external(OrtSessionOptions *o, const char *const *names, char *const *buffers, const size_t *sizes, size_t n) {
  return CALL(AddExternalInitializersFromFilesInMemory,
              OrtStatus *(*)(OrtSessionOptions *, const char *const *, char *const *, const size_t *, size_t))(o, names, buffers, sizes, n);
}

OrtStatus *galatea_own_threads(OrtSessionOptions *o, int *threads_left,
                               void *(*create)(void *, void (*)(void *), void *), void (*join)(void *)) {
  typedef void *(*creator)(void *, void (*)(void *), void *);
  OrtStatus *status = CALL(SessionOptionsSetCustomCreateThreadFn, OrtStatus *(*)(OrtSessionOptions *, creator))(o, create);
  if (!status) status = CALL(SessionOptionsSetCustomThreadCreationOptions, OrtStatus *(*)(OrtSessionOptions *, void *))(o, threads_left);
  if (!status) status = CALL(SessionOptionsSetCustomJoinThreadFn, OrtStatus *(*)(OrtSessionOptions *, void (*)(void *)))(o, join);
  return status;
}

OrtStatus *galatea_fail(const char *text) { return fail(text); }

const char *galatea_build_info(void) { return CALL(GetBuildInfoString, const char *(*)(void))(); }

// Reads type and shape of a tensor; dims has room for GALATEA_MAX_RANK.
static OrtStatus *read_shape(const OrtTensorTypeAndShapeInfo *info, int32_t *type, int32_t *rank, int64_t *dims) {
  size_t n = 0;
  OrtStatus *status = GetTensorElementType(info, type);
  if (!status) status = GetDimensionsCount(info, &n);
  if (!status && n > GALATEA_MAX_RANK) status = fail("a tensor of more than 64 dimensions");
  if (!status && n > 0) status = GetDimensions(info, dims, n);
  if (!status) *rank = (int32_t)n;
  return status;
}

static OrtStatus *read_spec(OrtSession *s, int output, size_t i, galatea_spec *spec) {
  char *name = NULL;
  OrtTypeInfo *info = NULL;
  OrtStatus *status = output ? SessionGetOutputName(s, i, &name) : SessionGetInputName(s, i, &name);
  if (status) return status;
  spec->name = strdup(name);
  status = FreeWithDefaultORTAllocator(name);
  if (status) return status;
  status = output ? SessionGetOutputTypeInfo(s, i, &info) : SessionGetInputTypeInfo(s, i, &info);
  if (status) return status;
  status = GetONNXTypeFromTypeInfo(info, &spec->kind);
  if (!status && spec->kind == ONNX_TENSOR) {
    OrtTensorTypeAndShapeInfo *tensor = NULL;
    status = CastTypeInfoToTensorInfo(info, &tensor);
    if (!status && tensor) status = read_shape(tensor, &spec->type, &spec->rank, spec->dims);
  }
  ReleaseTypeInfo(info);
  return status;
}

OrtStatus *galatea_specs(OrtSession *s, int outputs, galatea_spec **specs, size_t *count) {
  size_t n = 0;
  OrtStatus *status = outputs ? SessionGetOutputCount(s, &n) : SessionGetInputCount(s, &n);
  if (status) return status;
  galatea_spec *all = calloc(n ? n : 1, sizeof *all);
  if (!all) return fail("out of memory");
  for (size_t i = 0; i < n && !status; i++) status = read_spec(s, outputs, i, &all[i]);
  if (status) {
    galatea_free_specs(all, n);
    return status;
  }
  *specs = all;
  *count = n;
  return NULL;
}

void galatea_free_specs(galatea_spec *specs, size_t count) {
  for (size_t i = 0; i < count; i++) free(specs[i].name);
  free(specs);
}

// Fills a string tensor from length-prefixed elements, whose lengths Go has checked.
// Elements may hold any byte, so the runtime's calls for C strings will not do.
static OrtStatus *fill_strings(OrtValue *value, const uint8_t *data, size_t elements) {
  typedef OrtStatus *(*resize)(OrtValue *, size_t, size_t, char **);
  for (size_t i = 0; i < elements; i++) {
    uint32_t n = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    char *at = NULL;
    OrtStatus *status = CALL(GetResizedStringTensorElementBuffer, resize)(value, i, n, &at);
    if (status) return status;
    if (n) memcpy(at, data + 4, n);
    data += 4 + (size_t)n;
  }
  return NULL;
}

static OrtStatus *make_input(const galatea_input *in, OrtMemoryInfo *memory, OrtValue **value) {
  static char nothing[8];
  int64_t *dims = (int64_t *)in->dims;
  void *data = (void *)in->data;
  if (in->type != TYPE_STRING)
    return CreateOrtTensorWithShape(data ? data : nothing, in->bytes, dims, in->rank, memory, in->type, value);
  OrtStatus *status = CreateTensorAsOrtValue(dims, in->rank, in->type, value);
  if (!status) status = fill_strings(*value, data, in->elements);
  return status;
}

static size_t type_size(int32_t type) {
  switch (type) {
    case 2: case 3: case 9: return 1;
    case 4: case 5: case 10: case 16: return 2;
    case 1: case 6: case 12: return 4;
    case 7: case 11: case 13: return 8;
    default: return 0;
  }
}

static OrtStatus *read_output(galatea_output *out) {
  OrtTensorTypeAndShapeInfo *info = NULL;
  int kind = 0;
  OrtStatus *status = GetValueType(out->value, &kind);
  if (status) return status;
  if (kind != ONNX_TENSOR) return fail("an output is no tensor");
  status = GetTensorTypeAndShape(out->value, &info);
  if (status) return status;
  status = read_shape(info, &out->type, &out->rank, out->dims);
  ReleaseTensorTypeAndShapeInfo(info);
  if (status) return status;
  out->elements = 1;
  for (int32_t i = 0; i < out->rank; i++) out->elements *= (size_t)out->dims[i];
  if (out->type == TYPE_STRING) {
    size_t length = 0;
    status = GetStringTensorDataLength(out->value, &length);
    out->bytes = length + 4 * out->elements;
    return status;
  }
  out->bytes = out->elements * type_size(out->type);
  return GetTensorMutableData(out->value, &out->data);
}

OrtStatus *galatea_run(OrtSession *s, OrtRunOptions *o, OrtMemoryInfo *memory, const galatea_cpus *cpus,
                       galatea_input *in, size_t n_in, galatea_output *out, size_t n_out) {
  OrtValue *inputs[n_in + 1], *outputs[n_out + 1];
  char *in_names[n_in + 1], *out_names[n_out + 1];
  memset(inputs, 0, sizeof inputs);
  memset(outputs, 0, sizeof outputs);
  OrtStatus *status = NULL;
  for (size_t i = 0; i < n_in && !status; i++) {
    in_names[i] = (char *)in[i].name;
    status = make_input(&in[i], memory, &inputs[i]);
  }
  for (size_t i = 0; i < n_out; i++) out_names[i] = (char *)out[i].name;
  galatea_cpus *before = NULL;
  if (!status) status = galatea_enter_cpus(cpus, &before);
  if (!status) status = RunOrtSessionWithOptions(s, inputs, in_names, (int)n_in, outputs, out_names, (int)n_out, o);
  galatea_leave_cpus(before);
  for (size_t i = 0; i < n_in; i++)
    if (inputs[i]) ReleaseOrtValue(inputs[i]);
  for (size_t i = 0; i < n_out; i++) {
    out[i].value = outputs[i];
    if (!status) status = read_output(&out[i]);
  }
  if (status) galatea_release_outputs(out, n_out);
  return status;
}

void galatea_release_outputs(galatea_output *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (out[i].value) ReleaseOrtValue(out[i].value);
    out[i].value = NULL;
    out[i].data = NULL;
  }
}

OrtStatus *galatea_copy_strings(const galatea_output *out, uint8_t *dst) {
  size_t n = out->elements, length = out->bytes - 4 * n;
  if (n == 0) return NULL;
  size_t *offsets = malloc(n * sizeof *offsets);
  char *text = malloc(length ? length : 1);
  OrtStatus *status = offsets && text ? GetStringTensorContent(out->value, text, length, offsets, n) : fail("out of memory");
  for (size_t i = 0; i < n && !status; i++) {
    size_t end = i + 1 < n ? offsets[i + 1] : length, size = end - offsets[i];
    for (int shift = 0; shift < 32; shift += 8) *dst++ = (uint8_t)(size >> shift);
    memcpy(dst, text + offsets[i], size);
    dst += size;
  }
  free(offsets);
  free(text);
  return status;
}
