/* A CUDA driver without a GPU: device memory is host memory, and a launch calls back.
 *
 * It has what numba-cuda and the libraries below it ask of libcuda.so.1, and no more. Devices are as
 * large as an H100; their number, compute capability, free memory and next failure are set from
 * outside. It refuses what a driver refuses: contexts that are not current, empty or too large grids
 * and blocks, more shared memory than 48 KB.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
       INVALID_CONTEXT = 201, NOT_FOUND = 500 };

typedef int (*Launch)(const char *kernel, const unsigned *size, void **parameters, int device);

static Launch launch;
static int devices = 1, capability = 90, next_failure = SUCCESS;
static size_t free_bytes = 79ull << 30;
static const size_t total_bytes = 80ull << 30;

void emulator_on_launch(Launch call) { launch = call; }
void emulator_set_devices(int count) { devices = count; }
void emulator_set_capability(int tens) { capability = tens; }
void emulator_set_free_bytes(size_t bytes) { free_bytes = bytes; }
void emulator_fail_next(int code) { next_failure = code; }

/* Contexts that threads have made current; a context is a device's place in the table. */
static char contexts[16];
static __thread void *current[64];
static __thread int depth = 0;
static void *context_of(int device) { return &contexts[device]; }
static int device_of(void *context) { return (int)((char *)context - contexts); }
int emulator_current_device(void) { return depth ? device_of(current[depth - 1]) : -1; }
void emulator_set_current(int device) {
    if (!depth) depth = 1;
    current[depth - 1] = context_of(device);
}

#define UNUSED __attribute__((unused))

int cuInit(UNUSED unsigned flags) { return SUCCESS; }
int cuDriverGetVersion(int *version) { *version = 13050; return SUCCESS; }
int cuDeviceGetCount(int *count) { *count = devices; return SUCCESS; }
int cuDeviceGet(int *device, int index) { *device = index; return index < devices ? SUCCESS : INVALID_DEVICE; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "emulated GPU %d", device); return SUCCESS; }
int cuDeviceGetUuid_v2(unsigned char *uuid, int device) { memset(uuid, 1 + device, 16); return SUCCESS; }
int cuDeviceTotalMem_v2(size_t *bytes, UNUSED int device) { *bytes = total_bytes; return SUCCESS; }
int cuDeviceGetAttribute(int *value, int attribute, UNUSED int device) {
    switch (attribute) {
    case 1: case 2: case 3: case 111: *value = 1024; break; /* threads */
    case 4: *value = 64; break;
    case 5: *value = 2147483647; break; /* blocks */
    case 6: case 7: *value = 65535; break;
    case 8: *value = 48 << 10; break; /* shared memory of a block */
    case 10: case 106: *value = 32; break; /* warp; blocks of a multiprocessor */
    case 12: case 82: *value = 65536; break; /* registers */
    case 13: *value = 1980000; break; /* kHz */
    case 16: *value = 132; break; /* multiprocessors */
    case 38: *value = 50 << 20; break; /* L2 */
    case 39: *value = 2048; break;
    case 41: case 95: *value = 1; break;
    case 75: *value = capability / 10; break;
    case 76: *value = capability % 10; break;
    case 81: *value = 228 << 10; break;
    case 97: *value = 227 << 10; break;
    default: *value = 0;
    }
    return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device) { *context = context_of(device); return SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(UNUSED int device) { return SUCCESS; }
int cuDevicePrimaryCtxReset_v2(UNUSED int device) { return SUCCESS; }
int cuDevicePrimaryCtxGetState(UNUSED int device, unsigned *flags, int *active) { *flags = 0; *active = 1; return SUCCESS; }
int cuCtxGetCurrent(void **context) { *context = depth ? current[depth - 1] : 0; return SUCCESS; }
int cuCtxSetCurrent(void *context) {
    if (!context) depth = depth ? depth - 1 : 0;
    else emulator_set_current(device_of(context));
    return SUCCESS;
}
int cuCtxPushCurrent_v2(void *context) { current[depth++] = context; return SUCCESS; }
int cuCtxPopCurrent_v2(void **context) {
    if (!depth) return INVALID_CONTEXT;
    *context = current[--depth];
    return SUCCESS;
}
int cuCtxGetDevice(int *device) { *device = emulator_current_device(); return depth ? SUCCESS : INVALID_CONTEXT; }
int cuCtxGetDevice_v2(int *device, void *context) { *device = context ? device_of(context) : emulator_current_device(); return SUCCESS; }
int cuCtxGetId(void *context, unsigned long long *id) { *id = 1 + device_of(context); return SUCCESS; }
int cuCtxSynchronize(void) { return SUCCESS; }
int cuCtxSynchronize_v2(UNUSED void *context) { return SUCCESS; }
int cuCtxGetApiVersion(UNUSED void *context, unsigned *version) { *version = 13050; return SUCCESS; }
int cuCtxGetStreamPriorityRange(int *least, int *most) { *least = 0; *most = -5; return SUCCESS; }

int cuMemGetInfo_v2(size_t *bytes, size_t *total) { *bytes = free_bytes; *total = total_bytes; return SUCCESS; }
int cuMemAlloc_v2(uint64_t *pointer, size_t bytes) {
    if (bytes > free_bytes) return OUT_OF_MEMORY;
    *pointer = (uint64_t)aligned_alloc(256, (bytes + 255) / 256 * 256);
    return *pointer ? SUCCESS : OUT_OF_MEMORY;
}
int cuMemFree_v2(uint64_t pointer) { free((void *)pointer); return SUCCESS; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) { memcpy((void *)to, from, bytes); return SUCCESS; }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) { memcpy(to, (void *)from, bytes); return SUCCESS; }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, UNUSED void *stream) { memcpy((void *)to, from, bytes); return SUCCESS; }
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, UNUSED void *stream) { memcpy(to, (void *)from, bytes); return SUCCESS; }
int cuPointerGetAttribute(void *value, int attribute, uint64_t pointer) {
    switch (attribute) {
    case 2: *(unsigned *)value = 2; return SUCCESS; /* kind of memory: a device's */
    case 3: *(uint64_t *)value = pointer; return SUCCESS;
    case 9: *(int *)value = emulator_current_device(); return SUCCESS;
    }
    return INVALID_VALUE;
}

int cuStreamCreate(void **stream, UNUSED unsigned flags) { *stream = (void *)0x5000; return SUCCESS; }
int cuStreamCreateWithPriority(void **stream, UNUSED unsigned flags, UNUSED int priority) { *stream = (void *)0x5000; return SUCCESS; }
int cuStreamDestroy_v2(UNUSED void *stream) { return SUCCESS; }
int cuStreamSynchronize(UNUSED void *stream) { return SUCCESS; }
int cuStreamQuery(UNUSED void *stream) { return SUCCESS; }
int cuStreamGetCtx(UNUSED void *stream, void **context) { return cuCtxGetCurrent(context); }
int cuStreamGetDevice(UNUSED void *stream, int *device) { return cuCtxGetDevice(device); }
int cuStreamIsCapturing(UNUSED void *stream, int *status) { *status = 0; return SUCCESS; }
int cuStreamGetFlags(UNUSED void *stream, unsigned *flags) { *flags = 0; return SUCCESS; }
int cuEventCreate(void **event, UNUSED unsigned flags) { *event = (void *)0x6000; return SUCCESS; }
int cuEventDestroy_v2(UNUSED void *event) { return SUCCESS; }
int cuEventRecord(UNUSED void *event, UNUSED void *stream) { return SUCCESS; }
int cuEventSynchronize(UNUSED void *event) { return SUCCESS; }
int cuEventQuery(UNUSED void *event) { return SUCCESS; }
int cuGetErrorName(int code, const char **name) {
    static char text[32];
    snprintf(text, sizeof text, "CUDA_ERROR_%d", code);
    *name = text;
    return SUCCESS;
}
int cuGetErrorString(int code, const char **text) { return cuGetErrorName(code, text); }

/* A library is the machine code that was linked, which is not looked at; a kernel is its name. */
int cuLibraryLoadData(void **library, const void *code, UNUSED void *a, UNUSED void *b, UNUSED unsigned n,
                      UNUSED void *c, UNUSED void *d, UNUSED unsigned m) {
    *library = (void *)code;
    return memcmp(code, "\x7f" "ELF", 4) ? INVALID_IMAGE : SUCCESS;
}
int cuLibraryUnload(UNUSED void *library) { return SUCCESS; }
int cuLibraryGetKernel(void **kernel, UNUSED void *library, const char *name) { *kernel = strdup(name); return SUCCESS; }
int cuLibraryGetGlobal(UNUSED uint64_t *pointer, UNUSED size_t *bytes, UNUSED void *library, UNUSED const char *name) { return NOT_FOUND; }
int cuKernelGetFunction(void **function, void *kernel) { *function = kernel; return SUCCESS; }
int cuKernelGetName(const char **name, void *kernel) { *name = kernel; return SUCCESS; }
int cuFuncGetName(const char **name, void *kernel) { *name = kernel; return SUCCESS; }
int cuFuncGetAttribute(int *value, int attribute, UNUSED void *kernel) { *value = attribute == 0 ? 1024 : 0; return SUCCESS; }
int cuKernelGetAttribute(int *value, int attribute, void *kernel, UNUSED int device) { return cuFuncGetAttribute(value, attribute, kernel); }
int cuKernelSetAttribute(UNUSED int attribute, UNUSED int value, UNUSED void *kernel, UNUSED int device) { return SUCCESS; }
int cuFuncSetAttribute(UNUSED void *kernel, UNUSED int attribute, UNUSED int value) { return SUCCESS; }

struct config {
    unsigned grid[3], block[3], shared_bytes;
    void *stream, *attributes;
    unsigned n_attributes;
};
int cuLaunchKernelEx(const struct config *config, void *kernel, void **parameters, UNUSED void **extra) {
    const unsigned *grid = config->grid, *block = config->block;
    unsigned size[7] = {grid[0], grid[1], grid[2], block[0], block[1], block[2], config->shared_bytes};
    int failure = next_failure;
    next_failure = SUCCESS;
    if (failure) return failure;
    if (!depth) return INVALID_CONTEXT;
    for (int at = 0; at < 6; at++)
        if (!size[at]) return INVALID_VALUE;
    if (grid[0] > 2147483647u || grid[1] > 65535 || grid[2] > 65535) return INVALID_VALUE;
    if (block[0] * block[1] * block[2] > 1024 || config->shared_bytes > 48 << 10) return INVALID_VALUE;
    return launch(kernel, size, parameters, emulator_current_device());
}
int cuLaunchKernel(void *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared_bytes, void *stream, void **parameters, void **extra) {
    struct config config = {{gx, gy, gz}, {bx, by, bz}, shared_bytes, stream, 0, 0};
    return cuLaunchKernelEx(&config, kernel, parameters, extra);
}

#define PLAIN(name) {#name, (void *)name}
#define SECOND(name) {#name, (void *)name##_v2}
int cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status);
static const struct { const char *name; void *function; } table[] = {
    PLAIN(cuInit), PLAIN(cuDriverGetVersion), PLAIN(cuDeviceGetCount), PLAIN(cuDeviceGet), PLAIN(cuDeviceGetName),
    SECOND(cuDeviceGetUuid), SECOND(cuDeviceTotalMem), PLAIN(cuDeviceGetAttribute), PLAIN(cuDevicePrimaryCtxRetain),
    SECOND(cuDevicePrimaryCtxRelease), SECOND(cuDevicePrimaryCtxReset), PLAIN(cuDevicePrimaryCtxGetState),
    PLAIN(cuCtxGetCurrent), PLAIN(cuCtxSetCurrent), SECOND(cuCtxPushCurrent), SECOND(cuCtxPopCurrent),
    PLAIN(cuCtxGetDevice), PLAIN(cuCtxGetId), PLAIN(cuCtxSynchronize), PLAIN(cuCtxGetApiVersion),
    PLAIN(cuCtxGetStreamPriorityRange), SECOND(cuMemGetInfo), SECOND(cuMemAlloc), SECOND(cuMemFree),
    SECOND(cuMemcpyHtoD), SECOND(cuMemcpyDtoH), SECOND(cuMemcpyHtoDAsync), SECOND(cuMemcpyDtoHAsync),
    PLAIN(cuPointerGetAttribute), PLAIN(cuStreamCreate), PLAIN(cuStreamCreateWithPriority), SECOND(cuStreamDestroy),
    PLAIN(cuStreamSynchronize), PLAIN(cuStreamQuery), PLAIN(cuStreamGetCtx), PLAIN(cuStreamGetDevice),
    PLAIN(cuStreamIsCapturing), PLAIN(cuStreamGetFlags), PLAIN(cuEventCreate), SECOND(cuEventDestroy),
    PLAIN(cuEventRecord), PLAIN(cuEventSynchronize), PLAIN(cuEventQuery), PLAIN(cuGetErrorName),
    PLAIN(cuGetErrorString), PLAIN(cuLibraryLoadData), PLAIN(cuLibraryUnload), PLAIN(cuLibraryGetKernel),
    PLAIN(cuLibraryGetGlobal), PLAIN(cuKernelGetFunction), PLAIN(cuKernelGetName), PLAIN(cuFuncGetName),
    PLAIN(cuKernelGetAttribute), PLAIN(cuFuncGetAttribute), PLAIN(cuKernelSetAttribute), PLAIN(cuFuncSetAttribute),
    PLAIN(cuLaunchKernel), PLAIN(cuLaunchKernelEx), SECOND(cuGetProcAddress),
};
int cuGetProcAddress_v2(const char *name, void **function, UNUSED int version, UNUSED uint64_t flags, int *status) {
    *function = 0;
    for (size_t at = 0; at < sizeof table / sizeof *table && !*function; at++)
        if (!strcmp(table[at].name, name)) *function = table[at].function;
    if (status) *status = !*function;
    return *function ? SUCCESS : NOT_FOUND;
}
