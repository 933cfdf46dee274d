// What the test process calls: launch by kernel name in a forked child, so that a wild access kills the child and is reported.
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "emu_mma.h"

struct EmuRequest {
  const char* kernel;
  u32 grid[3], block[3];
  u32 shared_bytes;
  u32 timeout_ms;
  u64 seed;
  void** arguments;                              // one pointer per kernel parameter, as cuLaunchKernel takes them
  char* message;
  u32 message_size;
  u32 in_process;                                // 1: no child (for a debugger)
  const struct Regions* memory;                  // buffers of emu_allocate, perhaps another library's, to explain a wild access
};

struct Region { u64 begin, end, bytes; };
struct Regions { i64 count; Region list[256]; };

namespace emu {

using Call = std::pair<void (*)(const void*, void**), const void*>;

static std::map<std::string, Call>& kernels() {
  static std::map<std::string, Call> all;
  return all;
}

int register_kernel(const char* name, void (*call)(const void*, void**), const void* kernel) {
  kernels()[name] = {call, kernel};
  return 0;
}

static char* child_message;
static u32 child_message_size;
static const Regions* memory;

static void on_signal(int number, siginfo_t* info, void*) {
  u64 at = (u64)info->si_addr;
  i64 near = 1ll << 62;
  const Region* nearest = nullptr;
  for (int i = 0; memory && i < memory->count; i++) {
    const Region& r = memory->list[i];
    i64 d = at < r.begin ? (i64)(r.begin - at) : (i64)(at - r.end);
    if (d < near) { near = d; nearest = &r; }
  }
  if (nearest)
    snprintf(child_message, child_message_size,
        "signal %d: access %lld bytes from the end of a buffer of %llu bytes [block %u,%u,%u thread %d]",
             number, (i64)(at - nearest->end), nearest->bytes, blockIdx.x, blockIdx.y, blockIdx.z, current);
  else
    snprintf(child_message, child_message_size, "signal %d at address %llx [block %u,%u,%u thread %d]", number, at, blockIdx.x,
             blockIdx.y, blockIdx.z, current);
  _exit(3);
}

static int run_here(const EmuRequest* r, char* message, u32 size) {
  auto found = kernels().find(r->kernel);
  if (found == kernels().end()) { snprintf(message, size, "no kernel named %s in this library", r->kernel); return 1; }
  auto& call = found->second;
  launch(dim3(r->grid[0], r->grid[1], r->grid[2]), dim3(r->block[0], r->block[1], r->block[2]), r->shared_bytes, r->seed,
         [&] { call.first(call.second, r->arguments); });
  if (failure.empty()) return 0;
  snprintf(message, size, "%s", failure.c_str());
  return 2;
}

}  // namespace emu

#define EMU_EXPORT extern "C" __attribute__((visibility("default")))
// 0: ran; 1: no such kernel; 2: the emulator stopped it; 3: a signal; 4: took too long. Otherwise the message says what happened.
EMU_EXPORT int emu_run(const EmuRequest* r) {
  r->message[0] = 0;
  if (r->in_process) return emu::run_here(r, r->message, r->message_size);
  char* shared = (char*)mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int child = fork();
  if (child == 0) {
    emu::child_message = shared;
    emu::child_message_size = 4096;
    emu::memory = r->memory;
    static char alternate[65536];
    stack_t stack = {};
    stack.ss_sp = alternate;
    stack.ss_size = sizeof alternate;
    sigaltstack(&stack, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = emu::on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) sigaction(s, &action, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGALRM, SIG_DFL);
    alarm(r->timeout_ms / 1000 + 1);
    _exit(emu::run_here(r, shared, 4096));
  }
  int status = 0, code;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status)) code = WEXITSTATUS(status);
  else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    code = 4; snprintf(shared, 4096, "no end after %u ms", r->timeout_ms);
  }
  else { code = 3; snprintf(shared, 4096, "killed by signal %d", WTERMSIG(status)); }
  snprintf(r->message, r->message_size, "%s", shared);
  munmap(shared, 4096);
  return code;
}

// The emulator's cuTensorMapEncodeTiled: the same checks that the driver documents, the same parameters.
EMU_EXPORT int emu_encode_tiled(TensorMap* map, int type, u32 rank, void* base, const u64* dims, const u64* strides,
                                const u32* box, const u32* element_strides, int interleave, int swizzle, int promotion,
                                int fill) {
  (void)promotion;
  u32 element = type == 9 || type == 6 || type == 1 ? 2 : type == 7 || type == 4 ? 4 : 0;
  if ((uintptr_t)map % 64 || !element || rank < 1 || rank > 5 || interleave || fill) return 1;
  if ((uintptr_t)base % 16 || (swizzle != 0 && swizzle != 3)) return 1;
  memset(map, 0, sizeof *map);
  map->magic = emu::MapMagic;
  map->rank = rank;
  map->type = (u32)type;
  map->swizzle = (u32)swizzle;
  map->base = (char*)base;
  map->element = (u16)element;
  map->strides[0] = element;
  for (u32 d = 0; d < rank; d++) {
    if (dims[d] < 1 || dims[d] > 1ull << 32 || box[d] < 1 || box[d] > 256 || element_strides[d] != 1) return 1;
    map->dims[d] = (i64)dims[d];
    map->box[d] = (u16)box[d];
    if (d == 0) continue;
    if (strides[d - 1] % 16 || strides[d - 1] >= 1ull << 40) return 1;
    map->strides[d] = (i64)strides[d - 1];
  }
  if (box[0] * element % 16 || (swizzle == 3 && box[0] * element > 128)) return 1;
  return 0;
}

EMU_EXPORT Regions emu_memory;
Regions emu_memory;

// Memory that a child shares with the test, between guard pages, the last byte right before the guard (16-byte aligned start).
EMU_EXPORT void* emu_allocate(u64 bytes) {
  u64 size = (bytes + 15) / 16 * 16, pages = (size + 4095) / 4096 * 4096;
  char* p = (char*)mmap(nullptr, pages + 8192, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  mprotect(p + 4096, pages, PROT_READ | PROT_WRITE);
  char* start = p + 4096 + pages - size;
  if (emu_memory.count < 256) emu_memory.list[emu_memory.count++] = {(u64)start, (u64)(start + size), bytes};
  return start;
}

EMU_EXPORT void emu_free(void* start, u64 bytes) {
  u64 size = (bytes + 15) / 16 * 16, pages = (size + 4095) / 4096 * 4096;
  munmap((char*)start + size - pages - 4096, pages + 8192);
  for (int i = 0; i < emu_memory.count; i++)
    if (emu_memory.list[i].begin == (u64)start) { emu_memory.list[i] = emu_memory.list[--emu_memory.count]; break; }
}
