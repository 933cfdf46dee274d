// A CUDA driver and a cuBLASLt of host memory, for tests without a GPU. Streams can be made lazy: work is then done as late as
// the rules allow, so that a missing wait reads old data. Every handle is checked; every breach of the rules is counted.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))
typedef void (*KernelBody)(void** parameters, const unsigned* grid_block_shared);

namespace {

enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
       INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700,
       CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_UNJOINED = 904, GRAPH_UPDATE_FAILURE = 910 };

enum Kind { STREAM, EVENT, MODULE, FUNCTION, GRAPH, GRAPH_EXEC, PINNED, DEVICE_MEMORY, KINDS };
const char* kind_names[] = {"streams", "events", "modules", "functions", "graphs", "graph_execs", "pinned", "blocks"};

struct Graph;
struct Op { std::string what; std::function<void()> run; };
struct Stream {
    std::vector<Op> queue; size_t done = 0;
    Graph* capture = nullptr; bool origin = false, invalid = false, joined = true;
};
struct Event {
    Stream* stream = nullptr; size_t position = 0; double time = 0;
    bool recorded = false, timing = true; Graph* capture = nullptr;
};
struct Graph { std::vector<Op> nodes; };
struct Kernel { std::string name, signature; KernelBody body = nullptr; double cost = 10; int max_shared = 49152; };

struct State {
    std::recursive_mutex lock;
    std::map<std::string, long long> set = {{"version", 12080}, {"devices", 1}, {"major", 9}, {"minor", 0},
        {"total_memory", 1LL << 30}, {"lazy", 0}, {"launch_fault_at", 0}, {"fault_status", ILLEGAL_ADDRESS}, {"accept_unknown", 0}
        };
    std::map<std::string, long long> got;
    std::map<std::string, std::pair<int, int>> failures;       // function -> countdown, status
    std::map<void*, Kind> live;
    std::map<uintptr_t, size_t> memory;
    std::map<std::string, Kernel> kernels;
    std::set<Kernel*> functions;
    std::vector<Stream*> streams;
    size_t used = 0;
    int retained = 0, sticky = 0, pending_fault = 0, launches = 0;
    double clock = 0;
    bool initialized = false;
} S;

thread_local void* current = nullptr;
char context_object;
typedef std::lock_guard<std::recursive_mutex> Guard;

void violation(const std::string& what) { S.got["violations"]++; std::fprintf(stderr, "fake CUDA: %s\n", what.c_str()); }

int failing(const char* function) {
    auto f = S.failures.find(function);
    if (f == S.failures.end() || --f->second.first > 0) return 0;
    int status = f->second.second;
    S.failures.erase(f);
    return status;
}

// What every call in a context begins with.
int enter(const char* function) {
    S.got[function]++;
    S.got["calls"]++;
    if (S.sticky) { S.got["calls_after_fault"]++; return S.sticky; }
    if (!S.initialized) return NOT_INITIALIZED;
    if (current != &context_object || S.retained == 0) {
        violation(std::string(function) + " without a current context");
        return INVALID_CONTEXT;
    }
    return failing(function);
}

template <typename T> bool is(T* handle, Kind kind) {
    auto f = S.live.find(handle);
    return f != S.live.end() && f->second == kind;
}

template <typename T> int bad(T* handle, Kind kind, const char* function) {
    if (is(handle, kind)) return 0;
    violation(std::string(function) + ": not a live handle of " + kind_names[kind]);
    return INVALID_HANDLE;
}

bool inside(uintptr_t address, size_t bytes) {
    auto f = S.memory.upper_bound(address);
    if (f == S.memory.begin()) return false;
    --f;
    return address >= f->first && address + bytes <= f->first + f->second;
}

void run_until(Stream* s, size_t end) {
    while (s->done < end && s->done < s->queue.size()) { auto op = s->queue[s->done++]; op.run(); }
}

void run_all() { for (auto s : S.streams) run_until(s, s->queue.size()); }

int finish() { if (S.pending_fault) { S.sticky = S.pending_fault; S.pending_fault = 0; } return S.sticky; }

int put(Stream* s, const std::string& what, std::function<void()> run) {
    if (s->capture) { s->capture->nodes.push_back({what, run}); return 0; }
    s->queue.push_back({what, run});
    if (!S.set["lazy"]) run_until(s, s->queue.size());
    return 0;
}

int touch(uintptr_t address, size_t bytes) {
    if (inside(address, bytes)) return 0;
    S.pending_fault = ILLEGAL_ADDRESS;
    return 1;
}

} // namespace

#define ENTER(name) Guard guard(S.lock); if (int status = enter(name)) return status
#define LIVE(handle, kind, name) if (int status = bad(handle, kind, name)) return status
#define NOT_CAPTURED(s) if ((s)->capture) { (s)->invalid = true; return CAPTURE_UNSUPPORTED; }

// --- what tests set and read -------------------------------------------------------------------------------------------------
API void fake_set(const char* name, long long value) { Guard g(S.lock); S.set[name] = value; }
API void fake_fail(const char* function, int countdown, int status) {
    Guard g(S.lock);
    S.failures[function] = {countdown, status};
}
API void fake_kernel(const char* name, const char* signature, KernelBody body, double microseconds) {
    Guard g(S.lock);
    auto& k = S.kernels[name];
    k.name = name; k.signature = signature; k.body = body; k.cost = microseconds;
}
API long long fake_get(const char* name) {
    Guard g(S.lock);
    std::string n = name;
    for (int kind = 0; kind < KINDS; kind++)
        if (n == kind_names[kind]) { long long count = 0; for (auto& l : S.live) count += l.second == kind; return count; }
    if (n == "used") return (long long)S.used;
    if (n == "retained") return S.retained;
    if (n == "launches") return S.launches;
    if (n == "pending") { long long p = 0; for (auto s : S.streams) p += s->queue.size() - s->done; return p; }
    return S.got[n];
}

// --- device and context --------------------------------------------------------------------------------------------------------
API int cuInit(unsigned) {
    Guard g(S.lock);
    if (int f = failing("cuInit")) return f;
    S.initialized = true;
    return S.set["devices"] ? 0 : NO_DEVICE;
}
API int cuDriverGetVersion(int* v) { Guard g(S.lock); *v = (int)S.set["version"]; return 0; }
API int cuGetErrorName(int status, const char** name) {
    switch (status) {
        case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
        case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
        case INVALID_DEVICE: *name = "CUDA_ERROR_INVALID_DEVICE"; break;
        case 214: *name = "CUDA_ERROR_ECC_UNCORRECTABLE"; break;
        case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; break;
        case ILLEGAL_ADDRESS: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
        case 719: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
        case CAPTURE_UNSUPPORTED: *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"; break;
        default: *name = nullptr; return INVALID_VALUE;
    }
    return 0;
}
API int cuGetErrorString(int status, const char** text) {
    if (status == 5000) { *text = nullptr; return 1; }
    *text = "as the fake tells";
    return 0;
}
API int cuDeviceGetCount(int* n) { *n = (int)S.set["devices"]; return 0; }
API int cuDeviceGet(int* d, int i) { if (i >= S.set["devices"]) return INVALID_DEVICE; *d = i + 40; return 0; }
API int cuDeviceGetName(char* name, int n, int) { std::snprintf(name, n, "Fake GPU"); return 0; }
API int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = S.set["total_memory"]; return 0; }
API int cuDeviceGetAttribute(int* v, int attribute, int) {
    switch (attribute) {
        case 16: *v = 4; break;
        case 13: *v = 1980000; break;
        case 36: *v = 3201000; break;
        case 38: *v = 52428800; break;
        case 75: *v = (int)S.set["major"]; break;
        case 76: *v = (int)S.set["minor"]; break;
        case 81: *v = 233472; break;
        case 97: *v = 232448; break;
        default: return INVALID_VALUE;
    }
    return failing("cuDeviceGetAttribute");
}
API int cuDevicePrimaryCtxRetain(void** context, int) {
    Guard g(S.lock);
    if (int f = failing("cuDevicePrimaryCtxRetain")) return f;
    S.retained++; *context = &context_object;
    return 0;
}
API int cuDevicePrimaryCtxRelease_v2(int) {
    Guard g(S.lock);
    if (S.retained == 0) { violation("the context was released more often than retained"); return INVALID_CONTEXT; }
    if (--S.retained == 0 && !S.sticky)
        for (auto& l : S.live)
            if (l.second != FUNCTION) violation(std::string("the context ended with live ") + kind_names[l.second]);
    return 0;
}
API int cuCtxSetCurrent(void* context) {
    Guard g(S.lock);
    S.got["cuCtxSetCurrent"]++;
    if (context && S.retained == 0) return INVALID_CONTEXT;
    current = context;
    return 0;
}
API int cuCtxSynchronize() { ENTER("cuCtxSynchronize"); run_all(); return finish(); }

// --- memory --------------------------------------------------------------------------------------------------------------------
API int cuMemGetInfo_v2(size_t* free, size_t* total) {
    ENTER("cuMemGetInfo");
    *total = S.set["total_memory"]; *free = *total - S.used;
    return 0;
}
API int cuMemAlloc_v2(void** address, size_t bytes) {
    ENTER("cuMemAlloc");
    if (bytes == 0) return INVALID_VALUE;
    if (S.used + bytes > (size_t)S.set["total_memory"]) return OUT_OF_MEMORY;
    void* p = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
    if (!p) return OUT_OF_MEMORY;
    if (!S.set["no_poison"]) std::memset(p, 0xCB, bytes);         // fresh memory is poison
    S.memory[(uintptr_t)p] = bytes; S.live[p] = DEVICE_MEMORY; S.used += bytes;
    *address = p;
    return 0;
}
API int cuMemFree_v2(void* address) {
    ENTER("cuMemFree");
    LIVE(address, DEVICE_MEMORY, "cuMemFree");
    run_all();                                                    // freeing waits for the device
    S.used -= S.memory[(uintptr_t)address]; S.memory.erase((uintptr_t)address); S.live.erase(address);
    std::free(address);
    return 0;
}
API int cuMemHostAlloc(void** address, size_t bytes, unsigned) {
    ENTER("cuMemHostAlloc");
    *address = std::malloc(bytes); std::memset(*address, 0xCB, bytes); S.live[*address] = PINNED;
    return 0;
}
API int cuMemFreeHost(void* address) {
    ENTER("cuMemFreeHost"); LIVE(address, PINNED, "cuMemFreeHost");
    run_all(); S.live.erase(address); std::free(address);
    return 0;
}
API int cuMemcpyHtoDAsync_v2(uintptr_t to, const void* from, size_t bytes, Stream* s) {
    ENTER("cuMemcpyHtoDAsync"); LIVE(s, STREAM, "cuMemcpyHtoDAsync");
    return put(s, "HtoD", [=] { if (!touch(to, bytes)) std::memcpy((void*)to, from, bytes); });
}
API int cuMemcpyDtoHAsync_v2(void* to, uintptr_t from, size_t bytes, Stream* s) {
    ENTER("cuMemcpyDtoHAsync"); LIVE(s, STREAM, "cuMemcpyDtoHAsync");
    return put(s, "DtoH", [=] { if (!touch(from, bytes)) std::memcpy(to, (void*)from, bytes); });
}
API int cuMemcpyDtoDAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, Stream* s) {
    ENTER("cuMemcpyDtoDAsync"); LIVE(s, STREAM, "cuMemcpyDtoDAsync");
    return put(s, "DtoD", [=] { if (!touch(to, bytes) && !touch(from, bytes)) std::memcpy((void*)to, (void*)from, bytes); });
}
template <typename T> static int fill(const char* name, uintptr_t to, T value, size_t count, Stream* s) {
    ENTER(name); LIVE(s, STREAM, name);
    if (to % sizeof(T)) return INVALID_VALUE;
    return put(s, name, [=] { if (!touch(to, count * sizeof(T))) for (size_t i = 0; i < count; i++) ((T*)to)[i] = value; });
}
API int cuMemsetD8Async(uintptr_t to, unsigned char v, size_t n, Stream* s) { return fill("cuMemsetD8Async", to, v, n, s); }
API int cuMemsetD16Async(uintptr_t to, unsigned short v, size_t n, Stream* s) { return fill("cuMemsetD16Async", to, v, n, s); }
API int cuMemsetD32Async(uintptr_t to, unsigned v, size_t n, Stream* s) { return fill("cuMemsetD32Async", to, v, n, s); }

// --- streams and events --------------------------------------------------------------------------------------------------------
API int cuStreamCreateWithPriority(Stream** s, unsigned flags, int) {
    ENTER("cuStreamCreateWithPriority");
    if (flags != 1) violation("a stream that waits for the legacy default stream");
    *s = new Stream; S.live[*s] = STREAM; S.streams.push_back(*s);
    return 0;
}
API int cuStreamDestroy_v2(Stream* s) {
    ENTER("cuStreamDestroy"); LIVE(s, STREAM, "cuStreamDestroy");
    run_until(s, s->queue.size());
    S.live.erase(s);                                              // the object stays in S.streams: events may still point to it
    return 0;
}
API int cuStreamSynchronize(Stream* s) {
    ENTER("cuStreamSynchronize"); LIVE(s, STREAM, "cuStreamSynchronize"); NOT_CAPTURED(s);
    run_until(s, s->queue.size());
    return finish();
}
API int cuStreamQuery(Stream* s) {
    ENTER("cuStreamQuery"); LIVE(s, STREAM, "cuStreamQuery"); NOT_CAPTURED(s);
    if (s->done < s->queue.size()) { run_until(s, s->done + 1); return NOT_READY; }
    return finish();
}
API int cuEventCreate(Event** e, unsigned flags) {
    ENTER("cuEventCreate");
    *e = new Event; (*e)->timing = !(flags & 2); S.live[*e] = EVENT;
    return 0;
}
API int cuEventDestroy_v2(Event* e) { ENTER("cuEventDestroy"); LIVE(e, EVENT, "cuEventDestroy"); S.live.erase(e); return 0; }
API int cuEventRecord(Event* e, Stream* s) {
    ENTER("cuEventRecord"); LIVE(e, EVENT, "cuEventRecord"); LIVE(s, STREAM, "cuEventRecord");
    e->recorded = true; e->stream = s; e->capture = s->capture;
    if (s->capture) return 0;
    e->position = s->queue.size() + 1;
    return put(s, "record", [=] { e->time = S.clock; });
}
API int cuStreamWaitEvent(Stream* s, Event* e, unsigned) {
    ENTER("cuStreamWaitEvent"); LIVE(s, STREAM, "cuStreamWaitEvent"); LIVE(e, EVENT, "cuStreamWaitEvent");
    if (!e->recorded) return 0;
    if (e->capture) {                                             // the waiting stream joins the capture, or is joined back
        if (s->capture && s->capture != e->capture) return CAPTURE_INVALIDATED;
        if (!s->capture) { s->capture = e->capture; s->joined = false; }
        else if (e->stream != s) e->stream->joined = true;
        return 0;
    }
    Stream* other = e->stream; size_t position = e->position;
    return put(s, "wait", [=] { run_until(other, position); });
}
API int cuEventSynchronize(Event* e) {
    ENTER("cuEventSynchronize"); LIVE(e, EVENT, "cuEventSynchronize");
    if (e->recorded) run_until(e->stream, e->position);
    return finish();
}
API int cuEventQuery(Event* e) {
    ENTER("cuEventQuery"); LIVE(e, EVENT, "cuEventQuery");
    if (e->recorded && e->stream->done < e->position) { run_until(e->stream, e->stream->done + 1); return NOT_READY; }
    return finish();
}
API int cuEventElapsedTime(float* ms, Event* start, Event* end) {
    ENTER("cuEventElapsedTime"); LIVE(start, EVENT, "cuEventElapsedTime"); LIVE(end, EVENT, "cuEventElapsedTime");
    if (!start->recorded || !end->recorded || !start->timing || !end->timing) return INVALID_HANDLE;
    if (start->stream->done < start->position || end->stream->done < end->position) return NOT_READY;
    *ms = (float)((end->time - start->time) / 1000);
    return 0;
}

// --- modules and launches ------------------------------------------------------------------------------------------------------
API int cuModuleLoadData(char** module, const void* image) {
    ENTER("cuModuleLoadData");
    if (std::memcmp(image, "\177ELF", 4)) return INVALID_IMAGE;
    *module = new char; S.live[*module] = MODULE;
    return 0;
}
API int cuModuleUnload(char* module) {
    ENTER("cuModuleUnload"); LIVE(module, MODULE, "cuModuleUnload");
    S.live.erase(module);
    return 0;
}
API int cuModuleGetFunction(Kernel** function, char* module, const char* name) {
    ENTER("cuModuleGetFunction"); LIVE(module, MODULE, "cuModuleGetFunction");
    if (!S.kernels.count(name)) { if (!S.set["accept_unknown"]) return NOT_FOUND; S.kernels[name].name = name; }
    S.functions.insert(*function = &S.kernels[name]);
    return 0;
}
API int cuModuleGetGlobal_v2(void** address, size_t* bytes, char* module, const char* name) {
    ENTER("cuModuleGetGlobal"); LIVE(module, MODULE, "cuModuleGetGlobal");
    if (std::strcmp(name, "table")) return NOT_FOUND;
    *address = module; *bytes = 1;
    return 0;
}
API int cuFuncGetAttribute(int* v, int attribute, Kernel* k) {
    ENTER("cuFuncGetAttribute");
    switch (attribute) {
        case 0: *v = 1024; break;
        case 1: *v = 1024; break;
        case 3: *v = 16; break;
        case 4: *v = 168; break;
        case 8: *v = k->max_shared; break;
        default: return INVALID_VALUE;
    }
    return 0;
}
API int cuFuncSetAttribute(Kernel* k, int attribute, int v) {
    ENTER("cuFuncSetAttribute");
    if (attribute == 14) { S.got["large_clusters"] = v; return 0; }
    if (attribute != 8 || v > 232448 - 1024) return INVALID_VALUE;
    k->max_shared = v;
    return 0;
}
API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel*, int threads, size_t shared) {
    ENTER("cuOccupancy");
    *blocks = shared > 200000 ? 1 : 2048 / threads;
    return 0;
}

static int launch(Kernel* k, const unsigned* shape, Stream* s, void** parameters) {
    LIVE(s, STREAM, "cuLaunchKernel");
    if (!S.functions.count(k)) { violation("launch of no function"); return INVALID_HANDLE; }
    if (shape[6] > (unsigned)k->max_shared) return INVALID_VALUE;
    // The arguments are copied at launch: what the caller changes afterwards must not matter.
    std::vector<std::vector<char>> values;
    for (size_t i = 0; i < k->signature.size(); i++) {
        size_t bytes = k->signature[i] == 'm' ? 128 : k->signature[i] == 'i' || k->signature[i] == 'f' ? 4 : 8;
        if (bytes == 128 && (uintptr_t)parameters[i] % 64) violation("a tensor map that is not aligned");
        values.emplace_back((char*)parameters[i], (char*)parameters[i] + bytes);
    }
    std::vector<unsigned> sizes(shape, shape + 7);
    return put(s, "kernel " + k->name, [=]() mutable {
        S.launches++;
        S.clock += k->cost;
        if (S.launches == S.set["launch_fault_at"]) { S.pending_fault = (int)S.set["fault_status"]; return; }
        std::vector<void*> pointers;
        for (auto& v : values) pointers.push_back(v.data());
        if (k->body) k->body(pointers.data(), sizes.data());
    });
}
API int cuLaunchKernel(Kernel* k, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
    Stream* s, void** p, void** extra) {
    ENTER("cuLaunchKernel");
    unsigned shape[] = {gx, gy, gz, bx, by, bz, shared};
    return launch(k, shape, s, p);
}
struct Attribute { int id; int pad; unsigned x, y, z; char rest[52]; };
struct Config { unsigned gx, gy, gz, bx, by, bz, shared; Stream* stream; Attribute* attributes; unsigned count; };
API int cuLaunchKernelEx(const Config* c, Kernel* k, void** p, void**) {
    ENTER("cuLaunchKernelEx");
    for (unsigned i = 0; i < c->count; i++) {
        S.got["attribute_" + std::to_string(c->attributes[i].id)] = c->attributes[i].x;
        if (c->attributes[i].id == 4) { S.got["cluster_y"] = c->attributes[i].y; S.got["cluster_z"] = c->attributes[i].z; }
    }
    unsigned shape[] = {c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared};
    return launch(k, shape, c->stream, p);
}
// The encoded map: address, type, rank, swizzle, promotion, extents, strides, box. What kernels of tests and the tests read.
struct Map {
    uintptr_t address; uint8_t type, rank, swizzle, promotion;
    uint32_t box[5]; uint64_t extents[5]; uint64_t strides[4];
};
static_assert(sizeof(Map) <= 128, "a map has 128 bytes");
API int cuTensorMapEncodeTiled(void* map, int type, unsigned rank, uintptr_t address, const uint64_t* extents,
                               const uint64_t* strides, const uint32_t* box, const uint32_t* element_strides, int interleave,
                               int swizzle, int promotion, int fill) {
    ENTER("cuTensorMapEncodeTiled");
    if ((uintptr_t)map % 128) {
        violation("cuTensorMapEncodeTiled into memory that is not aligned to 128");
        return INVALID_VALUE;
    }
    Map m = {address, (uint8_t)type, (uint8_t)rank, (uint8_t)swizzle, (uint8_t)promotion, {}, {}, {}};
    for (unsigned i = 0; i < rank; i++) {
        m.box[i] = box[i]; m.extents[i] = extents[i];
        if (element_strides[i] != 1) return INVALID_VALUE;
        if (i + 1 < rank) m.strides[i] = strides[i];
    }
    if (interleave || fill) return INVALID_VALUE;
    std::memset(map, 0, 128);
    std::memcpy(map, &m, sizeof m);
    return 0;
}

// --- graphs --------------------------------------------------------------------------------------------------------------------
API int cuStreamBeginCapture_v2(Stream* s, int) {
    ENTER("cuStreamBeginCapture"); LIVE(s, STREAM, "cuStreamBeginCapture");
    if (s->capture) return INVALID_VALUE;
    s->capture = new Graph; s->origin = true; s->invalid = false;
    return 0;
}
API int cuStreamIsCapturing(Stream* s, int* state) {
    ENTER("cuStreamIsCapturing"); LIVE(s, STREAM, "cuStreamIsCapturing");
    *state = s->capture ? (s->invalid ? 2 : 1) : 0;
    return 0;
}
API int cuStreamEndCapture(Stream* s, Graph** graph) {
    ENTER("cuStreamEndCapture"); LIVE(s, STREAM, "cuStreamEndCapture");
    *graph = nullptr;
    if (!s->capture || !s->origin) return INVALID_VALUE;
    Graph* g = s->capture;
    bool unjoined = false;
    for (auto other : S.streams) if (other->capture == g) {
        other->capture = nullptr;
        if (other != s) unjoined |= !other->joined;
        other->joined = true;
    }
    s->origin = false;
    if (s->invalid || unjoined) { delete g; return s->invalid ? CAPTURE_INVALIDATED : CAPTURE_UNJOINED; }
    S.live[*graph = g] = GRAPH;
    return 0;
}
API int cuGraphGetNodes(Graph* g, void** nodes, size_t* count) {
    ENTER("cuGraphGetNodes"); LIVE(g, GRAPH, "cuGraphGetNodes");
    if (nodes) return INVALID_VALUE;
    *count = g->nodes.size();
    return 0;
}
API int cuGraphInstantiateWithFlags(Graph** exec, Graph* g, unsigned long long) {
    ENTER("cuGraphInstantiateWithFlags"); LIVE(g, GRAPH, "cuGraphInstantiateWithFlags");
    *exec = new Graph(*g); S.live[*exec] = GRAPH_EXEC;
    return 0;
}
struct UpdateResult { int result; void *node, *from; };
API int cuGraphExecUpdate_v2(Graph* exec, Graph* g, UpdateResult* result) {
    ENTER("cuGraphExecUpdate"); LIVE(exec, GRAPH_EXEC, "cuGraphExecUpdate"); LIVE(g, GRAPH, "cuGraphExecUpdate");
    bool same = exec->nodes.size() == g->nodes.size();
    for (size_t i = 0; same && i < g->nodes.size(); i++) same = exec->nodes[i].what == g->nodes[i].what;
    result->result = same ? 0 : 2;
    if (!same) return GRAPH_UPDATE_FAILURE;
    exec->nodes = g->nodes;
    return 0;
}
API int cuGraphLaunch(Graph* exec, Stream* s) {
    ENTER("cuGraphLaunch"); LIVE(exec, GRAPH_EXEC, "cuGraphLaunch"); LIVE(s, STREAM, "cuGraphLaunch");
    auto nodes = exec->nodes;
    return put(s, "graph", [=]() mutable { for (auto& n : nodes) n.run(); });
}
API int cuGraphDestroy(Graph* g) {
    ENTER("cuGraphDestroy"); LIVE(g, GRAPH, "cuGraphDestroy");
    S.live.erase(g); delete g;
    return 0;
}
API int cuGraphExecDestroy(Graph* g) {
    ENTER("cuGraphExecDestroy"); LIVE(g, GRAPH_EXEC, "cuGraphExecDestroy");
    S.live.erase(g);
    return 0;
}

// --- cuBLASLt, column-major as the real one ------------------------------------------------------------------------------------
namespace {
struct Layout { int type; uint64_t rows, columns; int64_t stride; int batch = 1; int64_t batch_stride = 0; };
struct Description { int transpose_a = 0, transpose_b = 0; };
struct Preference { uint64_t workspace = 0; uint32_t reductions = 7, alignment[4] = {256, 256, 256, 256}; };
struct Heuristic { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; };

float load(const void* p, int type, int64_t i) {
    if (type == 0) return ((const float*)p)[i];
    uint32_t bits = (uint32_t)((const uint16_t*)p)[i] << 16;
    float value; std::memcpy(&value, &bits, 4);
    return value;
}
void store(void* p, int type, int64_t i, float value) {
    if (type == 0) { ((float*)p)[i] = value; return; }
    uint32_t bits; std::memcpy(&bits, &value, 4);
    ((uint16_t*)p)[i] = (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}
}
API int cublasLtCreate(void** handle) {
    Guard g(S.lock);
    if (int f = failing("cublasLtCreate")) return f;
    *handle = new char; S.got["lt_handles"]++;
    return 0;
}
API int cublasLtDestroy(void*) { Guard g(S.lock); S.got["lt_handles"]--; return 0; }
API size_t cublasLtGetVersion() { return 120400; }
API const char* cublasLtGetStatusString(int status) {
    return status == 15 ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_OTHER";
}
API int cublasLtMatmulDescCreate(Description** d, int compute, int scale) {
    if (compute != 68 || scale != 0) return 7;
    *d = new Description;
    Guard g(S.lock);
    S.got["lt_objects"]++;
    return 0;
}
API int cublasLtMatmulDescDestroy(Description* d) { delete d; Guard g(S.lock); S.got["lt_objects"]--; return 0; }
API int cublasLtMatmulDescSetAttribute(Description* d, int attribute, const void* v, size_t bytes) {
    if (bytes != 4 || (attribute != 3 && attribute != 4)) return 7;
    (attribute == 3 ? d->transpose_a : d->transpose_b) = *(const int*)v;
    return 0;
}
API int cublasLtMatrixLayoutCreate(Layout** l, int type, uint64_t rows, uint64_t columns, int64_t stride) {
    if (stride < (int64_t)rows) return 7;
    *l = new Layout{type, rows, columns, stride};
    Guard g(S.lock); S.got["lt_objects"]++;
    return 0;
}
API int cublasLtMatrixLayoutDestroy(Layout* l) { delete l; Guard g(S.lock); S.got["lt_objects"]--; return 0; }
API int cublasLtMatrixLayoutSetAttribute(Layout* l, int attribute, const void* v, size_t bytes) {
    if (attribute == 5 && bytes == 4) l->batch = *(const int*)v;
    else if (attribute == 6 && bytes == 8) l->batch_stride = *(const int64_t*)v;
    else return 7;
    return 0;
}
API int cublasLtMatmulPreferenceCreate(Preference** p) { *p = new Preference; Guard g(S.lock); S.got["lt_objects"]++; return 0; }
API int cublasLtMatmulPreferenceDestroy(Preference* p) { delete p; Guard g(S.lock); S.got["lt_objects"]--; return 0; }
API int cublasLtMatmulPreferenceSetAttribute(Preference* p, int attribute, const void* v, size_t bytes) {
    if (attribute == 1 && bytes == 8) p->workspace = *(const uint64_t*)v;
    else if (attribute == 3 && bytes == 4) p->reductions = *(const uint32_t*)v;
    else if (attribute >= 5 && attribute <= 8 && bytes == 4) p->alignment[attribute - 5] = *(const uint32_t*)v;
    else return 7;
    return 0;
}
API int cublasLtMatmulAlgoGetHeuristic(void*, Description*, Layout* a, Layout*, Layout*, Layout*, Preference* p, int wanted,
    Heuristic* result, int* count) {
    Guard g(S.lock);
    S.got["lt_heuristics"]++;
    S.got["lt_alignment_a"] = p->alignment[0]; S.got["lt_alignment_b"] = p->alignment[1];
    S.got["lt_alignment_c"] = p->alignment[2];
    *count = 0;
    if (p->alignment[0] < 4 || wanted < 1) return 0;
    std::memset(result, 0, sizeof *result);
    result->algorithm[0] = 77; result->workspace = 1024;
    // in place, where that is allowed: K in two parts, the first sum kept in the output
    result->algorithm[1] = p->reductions & 1;
    *count = 1;
    return 0;
}
API int cublasLtMatmul(void*, Description* d, const float* alpha, const void* a, Layout* la, const void* b, Layout* lb,
                       const float* beta, const void* c, Layout* lc, void* out, Layout* lo, const uint64_t* algorithm,
                       void* workspace, size_t workspace_bytes, Stream* s) {
    ENTER("cublasLtMatmul"); LIVE(s, STREAM, "cublasLtMatmul");
    if (algorithm[0] != 77 || workspace_bytes < 1024 || !inside((uintptr_t)workspace, workspace_bytes)) {
        violation("cublasLtMatmul without its algorithm or workspace");
        return 7;
    }
    uint64_t m = d->transpose_a ? la->columns : la->rows, k = d->transpose_a ? la->rows : la->columns;
    uint64_t n = d->transpose_b ? lb->rows : lb->columns, k2 = d->transpose_b ? lb->columns : lb->rows;
    if (k != k2 || lo->rows != m || lo->columns != n || lc != lo || la->batch != lo->batch || lb->batch != lo->batch) return 7;
    Description D = *d; Layout A = *la, B = *lb, O = *lo; float x = *alpha, y = *beta; bool in_place = algorithm[1];
    return put(s, "matmul", [=] {
        for (int z = 0; z < O.batch; z++)
            for (uint64_t j = 0; j < n; j++)
                for (uint64_t i = 0; i < m; i++) {
                    float sum = 0;
                    int64_t at = z * O.batch_stride + j * O.stride + i;
                    float old = y == 0 ? 0 : y * load(c, O.type, at);
                    for (uint64_t t = 0; t < k; t++) {
                        if (in_place && t == k / 2) { store(out, O.type, at, sum); sum = load(out, O.type, at); }
                        sum += load(a, A.type, z * A.batch_stride + (D.transpose_a ? i * A.stride + t : t * A.stride + i))
                             * load(b, B.type, z * B.batch_stride + (D.transpose_b ? t * B.stride + j : j * B.stride + t));
                    }
                    store(out, O.type, at, x * sum + old);
                }
    });
}
