// A GPU without a GPU: the CUDA driver and cuBLASLt as far as the library uses them, over the emulator. One shared library stands
// for libcuda.so.1 and libcublasLt.so.12.
//
// Work is put off as long as it may be: a stream runs only when somebody waits for it. Page-locked memory is read when a copy
// runs, so one that is changed too early gives wrong numbers. Device memory is full of NaN at first and when it is given back. A
// "cubin" is the ELF mark followed by the path of a library of emulated kernels. Addresses of copies and products are checked
// against what was allocated; errors are printed and returned as CUDA_ERROR_ILLEGAL_ADDRESS, from then on by every
// call, as the driver does.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned long long u64;
typedef long long i64;

#define EXPORT extern "C" __attribute__((visibility("default")))

struct EmuRequest {
  const char* kernel;
  u32 grid[3], block[3], shared_bytes, timeout_ms;
  u64 seed;
  void** arguments;
  char* message;
  u32 message_size, in_process;
  const void* memory;
};

static std::recursive_mutex gate;
#define LOCK std::lock_guard<std::recursive_mutex> locked(gate)

enum { Success = 0, InvalidValue = 1, OutOfMemory = 2, NotFound = 500, NotReady = 600, IllegalAddress = 700,
    CaptureUnsupported = 900 };

static int sticky;
static char last_message[4096];
static int capability_major = 9, capability_minor = 0;
static u64 memory_limit = 4ull << 30, memory_used, launches, seed;

static int fail(const char* text) {
  if (!sticky) snprintf(last_message, sizeof last_message, "%s", text);
  fprintf(stderr, "emulated GPU: %s\n", text);
  return sticky = IllegalAddress;
}

// ------------------------------------------------------------------------------------------------ memory
static std::map<char*, u64> device_blocks, host_blocks;

static bool inside(std::map<char*, u64>& blocks, const void* address, u64 bytes) {
  auto next = blocks.upper_bound((char*)address);
  if (next == blocks.begin()) return false;
  --next;
  return (char*)address + bytes <= next->first + next->second;
}

EXPORT int cuMemAlloc_v2(char** address, size_t bytes) {
  LOCK;
  if (sticky) return sticky;
  if (memory_used + bytes > memory_limit) return OutOfMemory;
  char* p = (char*)mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return OutOfMemory;
  memset(p, 0xFF, bytes);
  device_blocks[p] = bytes;
  memory_used += bytes;
  *address = p;
  return Success;
}

EXPORT int cuCtxSynchronize();

EXPORT int cuMemFree_v2(char* address) {
  LOCK;
  auto found = device_blocks.find(address);
  if (found == device_blocks.end()) return InvalidValue;
  cuCtxSynchronize();
  munmap(address, found->second);
  memory_used -= found->second;
  device_blocks.erase(found);
  return Success;
}

EXPORT int cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  *free_bytes = memory_limit - memory_used; *total = memory_limit;
  return sticky;
}

EXPORT int cuMemHostAlloc(char** address, size_t bytes, u32) {
  LOCK;
  *address = (char*)aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  memset(*address, 0xEE, bytes);
  host_blocks[*address] = bytes;
  return sticky;
}

EXPORT int cuMemFreeHost(char* address) {
  LOCK;
  cuCtxSynchronize();
  host_blocks.erase(address);
  free(address);
  return Success;
}

// ------------------------------------------------------------------------------------------------ streams, events, graphs
typedef std::function<int()> Work;
struct Graph { std::vector<Work> work; };
struct Stream { std::deque<Work> queue; std::unique_ptr<Graph> capture; bool running = false; };
struct Event { u64 recorded = 0, done = 0; Stream* stream = nullptr; };
static std::vector<Stream*> streams;

static int run_one(Stream* s) {
  Work work = std::move(s->queue.front());
  s->queue.pop_front();
  int status = sticky ? sticky : work();
  return status;
}

static int drain(Stream* s) {
  while (!s->queue.empty()) run_one(s);
  return sticky;
}

static int put(Stream* s, Work work) {
  LOCK;
  if (sticky) return sticky;
  if (s->capture) s->capture->work.push_back(std::move(work));
  else s->queue.push_back(std::move(work));
  return Success;
}

EXPORT int cuStreamCreateWithPriority(Stream** s, u32, int) { LOCK; *s = new Stream; streams.push_back(*s); return sticky; }
EXPORT int cuStreamDestroy_v2(Stream* s) {
  LOCK;
  drain(s);
  for (size_t i = 0; i < streams.size(); i++) if (streams[i] == s) streams.erase(streams.begin() + i--);
  delete s;
  return Success;
}
EXPORT int cuStreamSynchronize(Stream* s) { LOCK; return s->capture ? CaptureUnsupported : drain(s); }
EXPORT int cuStreamQuery(Stream* s) {
  LOCK;
  if (!s->queue.empty()) run_one(s);
  return sticky ? sticky : s->queue.empty() ? Success : NotReady;
}
EXPORT int cuCtxSynchronize() {
  LOCK;
  for (auto s : streams) { if (s->capture) return CaptureUnsupported; drain(s); }
  return sticky;
}

static int finish(Event* e, u64 version) {
  while (e->done < version && e->stream && !e->stream->queue.empty()) run_one(e->stream);
  return sticky;
}

EXPORT int cuEventCreate(Event** e, u32) { LOCK; *e = new Event; return sticky; }
EXPORT int cuEventDestroy_v2(Event* e) { LOCK; finish(e, e->recorded); delete e; return Success; }
EXPORT int cuEventRecord(Event* e, Stream* s) {
  LOCK;
  if (s->capture) return CaptureUnsupported;
  u64 version = ++e->recorded;
  e->stream = s;
  return put(s, [=] { if (e->done < version) e->done = version; return 0; });
}
EXPORT int cuEventSynchronize(Event* e) { LOCK; return finish(e, e->recorded); }
EXPORT int cuEventQuery(Event* e) {
  LOCK;
  if (e->done < e->recorded && !e->stream->queue.empty()) run_one(e->stream);
  return e->done < e->recorded ? NotReady : sticky;
}
EXPORT int cuEventElapsedTime(float* ms, Event*, Event*) { *ms = 1; return sticky; }
EXPORT int cuStreamWaitEvent(Stream* s, Event* e, u32) {
  LOCK;
  u64 version = e->recorded;
  return put(s, [=] { return finish(e, version); });
}

EXPORT int cuStreamBeginCapture_v2(Stream* s, int) {
  LOCK;
  if (s->capture) return CaptureUnsupported;
  s->capture.reset(new Graph);
  return sticky;
}
EXPORT int cuStreamEndCapture(Stream* s, Graph** g) { LOCK; *g = s->capture.release(); return sticky; }
EXPORT int cuStreamIsCapturing(Stream* s, int* state) { LOCK; *state = s->capture ? 1 : 0; return sticky; }
EXPORT int cuGraphInstantiateWithFlags(Graph** executable, Graph* g, u64) { LOCK; *executable = new Graph(*g); return sticky; }
EXPORT int cuGraphExecUpdate_v2(Graph* executable, Graph* g, void*) { LOCK; executable->work = g->work; return sticky; }
EXPORT int cuGraphGetNodes(Graph* g, void*, size_t* count) { LOCK; *count = g->work.size(); return sticky; }
EXPORT int cuGraphDestroy(Graph* g) { LOCK; delete g; return Success; }
EXPORT int cuGraphExecDestroy(Graph* g) { LOCK; cuCtxSynchronize(); delete g; return Success; }
EXPORT int cuGraphLaunch(Graph* g, Stream* s) {
  LOCK;
  for (auto& work : g->work) if (int status = put(s, work)) return status;
  return sticky;
}

// ------------------------------------------------------------------------------------------------ copies
EXPORT int cuMemcpyHtoDAsync_v2(char* to, const void* from, size_t bytes, Stream* s) {
  LOCK;
  auto copied = std::make_shared<std::string>();
  bool locked_pages = inside(host_blocks, from, bytes);
  if (!locked_pages) copied->assign((const char*)from, bytes);       // pageable memory is read at once
  return put(s, [=] {
    if (!inside(device_blocks, to, bytes)) return fail("copy to an address that was not allocated");
    if (locked_pages && !inside(host_blocks, from, bytes)) return fail("copy from page-locked memory that was freed");
    memcpy(to, locked_pages ? from : copied->data(), bytes);
    return 0;
  });
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, const char* from, size_t bytes, Stream* s) {
  LOCK;
  bool wait = !inside(host_blocks, to, bytes);
  if (wait && s->capture) return CaptureUnsupported;
  int status = put(s, [=] {
    if (!inside(device_blocks, from, bytes)) return fail("copy from an address that was not allocated");
    memcpy(to, from, bytes);
    return 0;
  });
  return wait ? drain(s) : status;
}
EXPORT int cuMemcpyDtoDAsync_v2(char* to, const char* from, size_t bytes, Stream* s) {
  return put(s, [=] {
    if (!inside(device_blocks, from, bytes) || !inside(device_blocks, to, bytes))
      return fail("copy between addresses that were not allocated");
    memcpy(to, from, bytes);
    return 0;
  });
}
template <class T> static int fill(char* to, T value, size_t count, Stream* s) {
  return put(s, [=] {
    if (!inside(device_blocks, to, count * sizeof(T)) || (u64)to % sizeof(T))
      return fail("fill at an address that was not allocated or is misaligned");
    for (size_t i = 0; i < count; i++) ((T*)to)[i] = value;
    return 0;
  });
}
EXPORT int cuMemsetD8Async(char* to, unsigned char v, size_t n, Stream* s) { return fill(to, v, n, s); }
EXPORT int cuMemsetD16Async(char* to, u16 v, size_t n, Stream* s) { return fill(to, v, n, s); }
EXPORT int cuMemsetD32Async(char* to, u32 v, size_t n, Stream* s) { return fill(to, v, n, s); }

// ------------------------------------------------------------------------------------------------ modules and launches
struct Module { void* library; int (*run)(const EmuRequest*); int (*sizes)(const char*, u32*); };
struct Function { Module* module; std::string name; std::vector<u32> sizes; int dynamic_shared = 48 << 10; };

EXPORT int cuModuleLoadData(Module** m, const char* image) {
  LOCK;
  if (memcmp(image, "\177ELF", 4)) return InvalidValue;
  void* library = dlopen(image + 4, RTLD_NOW | RTLD_LOCAL);
  if (!library) return fail(dlerror());
  *m = new Module{library, (int (*)(const EmuRequest*))dlsym(library, "emu_run"),
      (int (*)(const char*, u32*))dlsym(library, "kernel_sizes")};
  return sticky;
}
EXPORT int cuModuleUnload(Module*) { return Success; }
EXPORT int cuModuleGetFunction(Function** f, Module* m, const char* name) {
  LOCK;
  u32 sizes[64];
  int count = m->sizes(name, sizes);
  if (count < 0) return NotFound;
  *f = new Function{m, name, {sizes, sizes + count}};
  return sticky;
}
EXPORT int cuModuleGetGlobal_v2(void**, size_t*, Module*, const char*) { return NotFound; }
EXPORT int cuFuncGetAttribute(int* value, int attribute, Function* f) {
  *value = attribute == 0 ? 1024 : attribute == 8 ? f->dynamic_shared : attribute == 4 ? 32 : 0;
  return sticky;
}
EXPORT int cuFuncSetAttribute(Function* f, int attribute, int value) {
  if (attribute == 8) f->dynamic_shared = value;
  return sticky;
}
EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function*, int, size_t) { *blocks = 1; return sticky; }

EXPORT int cuLaunchKernel(Function* f, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, Stream* s, void** arguments,
    void**) {
  LOCK;
  if ((int)shared > f->dynamic_shared || !gx || !gy || !gz || bx * by * bz > 1024) return InvalidValue;
  size_t bytes = 0;
  for (u32 size : f->sizes) bytes += (size + 127) / 128 * 128;
  std::shared_ptr<char> copy((char*)aligned_alloc(128, bytes ? bytes : 128), free);
  char* next = copy.get();
  for (size_t i = 0; i < f->sizes.size(); i++, next += (f->sizes[i - 1] + 127) / 128 * 128)
    memcpy(next, arguments[i], f->sizes[i]);
  return put(s, [=] {
    std::vector<void*> pointers;
    char* at = copy.get();
    for (u32 size : f->sizes) { pointers.push_back(at); at += (size + 127) / 128 * 128; }
    char message[2048] = "";
    EmuRequest request = {f->name.c_str(), {gx, gy, gz}, {bx, by, bz}, shared, 60000, seed ? seed + launches : 0, pointers.data(),
        message, sizeof message, 1, nullptr};
    launches++;
    if (f->module->run(&request) == 0) return 0;
    std::string text = f->name + ": " + message;
    return fail(text.c_str());
  });
}

struct LaunchConfig { u32 gx, gy, gz, bx, by, bz, shared; Stream* stream; void* attributes; u32 count; };
EXPORT int cuLaunchKernelEx(const LaunchConfig* c, Function* f, void** arguments, void** extra) {
  return cuLaunchKernel(f, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, c->stream, arguments, extra);
}

EXPORT int emu_encode_tiled(void*, int, u32, void*, const u64*, const u64*, const u32*, const u32*, int, int, int, int);
EXPORT int cuTensorMapEncodeTiled(void* map, int type, u32 rank, void* base, const u64* dims, const u64* strides, const u32* box,
                                  const u32* element_strides, int interleave, int swizzle, int promotion, int oob) {
  return emu_encode_tiled(map, type, rank, base, dims, strides, box, element_strides, interleave, swizzle, promotion, oob);
}

// ------------------------------------------------------------------------------------------------ device
EXPORT int cuInit(u32) { return Success; }
EXPORT int cuDriverGetVersion(int* version) { *version = 12080; return Success; }
EXPORT int cuGetErrorName(int status, const char** name) {
  *name = status == IllegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR";
  return Success;
}
EXPORT int cuGetErrorString(int, const char** text) { *text = last_message[0] ? last_message : "emulated"; return Success; }
EXPORT int cuDeviceGetCount(int* count) { *count = 1; return Success; }
EXPORT int cuDeviceGet(int* device, int) { *device = 0; return Success; }
EXPORT int cuDeviceGetName(char* name, int size, int) { snprintf(name, size, "Emulated GPU"); return Success; }
EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = memory_limit; return Success; }
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  switch (attribute) {
    case 16: *value = 4; break;
    case 75: *value = capability_major; break;
    case 76: *value = capability_minor; break;
    case 81: *value = 233472; break;
    case 97: *value = capability_major >= 9 ? 232448 : 101376; break;
    case 38: *value = 50 << 20; break;
    default: *value = 0;
  }
  return Success;
}
EXPORT int cuDevicePrimaryCtxRetain(void** context, int) { *context = (void*)1; return Success; }
EXPORT int cuDevicePrimaryCtxRelease_v2(int) { return Success; }
EXPORT int cuCtxSetCurrent(void*) { return Success; }

// ------------------------------------------------------------------------------------------------ cuBLASLt
struct Layout { int type; u64 rows, columns; i64 ld; int batch = 1; i64 stride = 0; };
struct Description { int transpose_a = 0, transpose_b = 0; };

static float get(const Layout& l, const char* p, i64 i) {
  if (l.type == 0) return ((const float*)p)[i];
  u32 bits = (u32)((const u16*)p)[i] << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
static void set(const Layout& l, char* p, i64 i, float v) {
  if (l.type == 0) { ((float*)p)[i] = v; return; }
  u32 bits;
  memcpy(&bits, &v, 4);
  ((u16*)p)[i] = v != v ? 0x7fff : (u16)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
static u64 extent(const Layout& l) {
  return ((u64)(l.batch - 1) * l.stride + (l.columns - 1) * l.ld + l.rows) * (l.type == 0 ? 4 : 2);
}

EXPORT int cublasLtCreate(void** h) { *h = (void*)1; return 0; }
EXPORT int cublasLtDestroy(void*) { return 0; }
EXPORT size_t cublasLtGetVersion() { return 120800; }
EXPORT const char* cublasLtGetStatusString(int) { return "CUBLAS_STATUS"; }
EXPORT int cublasLtMatmulDescCreate(Description** d, int, int) { *d = new Description; return 0; }
EXPORT int cublasLtMatmulDescDestroy(Description* d) { delete d; return 0; }
EXPORT int cublasLtMatmulDescSetAttribute(Description* d, int attribute, const int* value, size_t) {
  if (attribute == 3) d->transpose_a = *value;
  else if (attribute == 4) d->transpose_b = *value;
  return 0;
}
EXPORT int cublasLtMatrixLayoutCreate(Layout** l, int type, u64 rows, u64 columns, i64 ld) {
  *l = new Layout{type, rows, columns, ld};
  return ld < (i64)rows ? 7 : 0;
}
EXPORT int cublasLtMatrixLayoutDestroy(Layout* l) { delete l; return 0; }
EXPORT int cublasLtMatrixLayoutSetAttribute(Layout* l, int attribute, const void* value, size_t) {
  if (attribute == 5) l->batch = *(const int*)value;
  else if (attribute == 6) l->stride = *(const i64*)value;
  return 0;
}
EXPORT int cublasLtMatmulPreferenceCreate(void** p) { *p = (void*)1; return 0; }
EXPORT int cublasLtMatmulPreferenceDestroy(void*) { return 0; }
EXPORT int cublasLtMatmulPreferenceSetAttribute(void*, int, const void*, size_t) { return 0; }
EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, Description*, Layout*, Layout*, Layout*, Layout*, void*, int, char* results,
    int* count) {
  memset(results, 0, 64);
  *count = 1;
  return 0;
}
EXPORT int cublasLtMatmul(void*, Description* d, const float* alpha, const char* a, Layout* la, const char* b, Layout* lb,
                          const float* beta, const char* c, Layout* lc, char* out, Layout* lo, const void*, char* workspace,
                          size_t workspace_bytes, Stream* s) {
  Layout A = *la, B = *lb, C = *lc, D = *lo;
  Description op = *d;
  float x = *alpha, y = *beta;
  u64 m = D.rows, n = D.columns, k = op.transpose_a ? A.rows : A.columns;
  if ((op.transpose_a ? A.columns : A.rows) != m || (op.transpose_b ? B.rows : B.columns) != n
      || (op.transpose_b ? B.columns : B.rows) != k
      || A.batch != D.batch || B.batch != D.batch || C.rows != m || C.columns != n) return 7;
  return put(s, [=] {
    if (!inside(device_blocks, a, extent(A)) || !inside(device_blocks, b, extent(B)) || !inside(device_blocks, out, extent(D))
        || (y != 0 && !inside(device_blocks, c, extent(C))) || !inside(device_blocks, workspace, workspace_bytes))
      return fail("matrix product at addresses that were not allocated");
    std::vector<float> left(m * k), right(n * k);
    for (int i = 0; i < D.batch; i++) {
      const char* pa = a + i * A.stride * (A.type == 0 ? 4 : 2);
      const char* pb = b + i * B.stride * (B.type == 0 ? 4 : 2);
      for (u64 r = 0; r < m; r++)
        for (u64 l = 0; l < k; l++) left[r * k + l] = get(A, pa, op.transpose_a ? l + r * A.ld : r + l * A.ld);
      for (u64 q = 0; q < n; q++)
        for (u64 l = 0; l < k; l++) right[q * k + l] = get(B, pb, op.transpose_b ? q + l * B.ld : l + q * B.ld);
      for (u64 q = 0; q < n; q++)
        for (u64 r = 0; r < m; r++) {
          float sum = 0;
          for (u64 l = 0; l < k; l++) sum += left[r * k + l] * right[q * k + l];
          i64 at = (i64)i * D.stride + q * D.ld + r;
          float old = y != 0 ? get(C, c, (i64)i * C.stride + q * C.ld + r) : 0;
          set(D, out, at, x * sum + y * old);
        }
    }
    return 0;
  });
}

// ------------------------------------------------------------------------------------------------ for the tests
EXPORT void gpu_set(int major, int minor, u64 random) { LOCK; capability_major = major; capability_minor = minor; seed = random; }
EXPORT u64 gpu_launches() { LOCK; return launches; }
EXPORT int gpu_recover(char* message, int size) {
  LOCK;
  snprintf(message, size, "%s", last_message);
  int status = sticky;
  sticky = 0;
  last_message[0] = 0;
  for (auto s : streams) s->queue.clear();
  return status;
}
