// Fibers, scheduler, shared memory, errors, and the barriers of a block.
#pragma once
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "emulator.h"

// Saves the callee-saved registers and the stack pointer at *from, continues at `to` (System V ABI).
extern "C" void emu_switch(void** from, void* to) __attribute__((visibility("hidden")));
asm(R"(.text
.globl emu_switch
.hidden emu_switch
emu_switch:
 pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
 movq %rsp,(%rdi)
 movq %rsi,%rsp
 popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
 ret
)");

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emu {

// What a blocked thread waits for: a word in memory.
enum class Until : u8 { Always, Differs, AtLeast };

struct Wait {
  Until kind = Until::Always;
  const u32* word = nullptr;
  u32 mask = ~0u, value = 0;
  const char* what = "";
  u32 detail = 0;

  bool ready() const {
    if (kind == Until::Always) return true;
    u32 w = *word & mask;
    return kind == Until::Differs ? w != value : (i32)(w - value) >= 0;
  }
};

struct Fiber {
  void* sp = nullptr;
  bool done = false;
  Wait wait;
  dim3 index;
};

constexpr size_t StackBytes = 96 * 1024;
constexpr u64 Canary = 0x5afe5afe5afe5afeull;

static std::vector<Fiber> fibers;
static char* stacks;
int current;                              // linear index of the running thread
static void* scheduler_sp;
static std::function<void()> kernel_body;
static u64 random_state = 1;
static bool adversary;                           // seed 0: fixed order, everything as late as possible
static std::string failure;
static u32 rounds;                               // of the scheduler: the clock of slow units

static inline u32 random(u32 bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (u32)((random_state >> 11) % bound);
}

static inline bool chance(u32 one_in) { return adversary && random(one_in) == 0; }

// Stops the launch with a message; when a thread calls it, it does not return.
void fail(const char* format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (failure.empty()) {
    char where[96];
    snprintf(where, sizeof where, " [block %u,%u,%u thread %d]", blockIdx.x, blockIdx.y, blockIdx.z, current);
    failure = std::string(text) + where;
  }
  if (current >= 0) {
    fibers[current].done = true;
    void* dead;
    emu_switch(&dead, scheduler_sp);
    abort();
  }
}

static inline void wait_for(const Wait& w) {
  if (w.ready() && !chance(8)) return;
  int self = current;
  fibers[self].wait = w;
  emu_switch(&fibers[self].sp, scheduler_sp);
}

static inline int warp() { return current / 32; }

// ------------------------------------------------------------------------------------------------ shared memory
// Threads see 32-bit addresses, as in PTX: offsets into one window whose first part the system keeps for itself.
char* shared_window;
u32 shared_end;

// Generic writes to shared memory that fence.proxy.async has not yet published, per 16-byte chunk: 0 = none, else thread + 1.
static std::vector<u16> unpublished;
static std::vector<std::vector<u32>> unpublished_by;

char* shared_at(u32 address, u32 bytes) {
  if (address < SharedBase || (u64)address + bytes > shared_end)
    fail("shared address %u (+%u bytes) outside the block's %u bytes", address - SharedBase, bytes, shared_end - SharedBase);
  if (bytes <= 16 && (address & (bytes - 1)))
    fail("shared address %u not aligned to %u", address - SharedBase, bytes);
  return shared_window + address;
}

void note_generic_write(u32 address, u32 bytes) {
  for (u32 chunk = address / 16; chunk <= (address + bytes - 1) / 16; chunk++) {
    if (unpublished[chunk] == current + 1) continue;
    unpublished[chunk] = (u16)(current + 1);
    unpublished_by[current].push_back(chunk);
  }
}

static inline void check_published(u32 address, const char* who) {
  u32 by = unpublished[address / 16];
  if (by) fail("%s uses shared address %u, which thread %u wrote without fence.proxy.async", who, address - SharedBase, by - 1);
}

void publish() {
  for (u32 chunk : unpublished_by[current])
    if (unpublished[chunk] == current + 1) unpublished[chunk] = 0;
  unpublished_by[current].clear();
}

// ------------------------------------------------------------------------------------------------ barriers of a block
struct Barrier { u32 arrived = 0, generation = 0, threads = 0; u32 votes = 0, result = 0; };
static Barrier barriers[16];

void barrier_arrive(u32 id, u32 threads) {
  if (id >= 16) fail("named barrier %u: there are 16", id);
  if (threads % 32) fail("named barrier %u: %u threads is no multiple of the warp", id, threads);
  Barrier& b = barriers[id];
  if (b.arrived && b.threads != threads) fail("named barrier %u: expected %u threads, now %u", id, b.threads, threads);
  b.threads = threads;
  if (++b.arrived == threads) {
    b.arrived = 0;
    b.result = b.votes;
    b.votes = 0;
    b.generation++;
  }
}

void barrier_sync(u32 id, u32 threads) {
  u32 generation = id < 16 ? barriers[id].generation : 0;
  barrier_arrive(id, threads);
  wait_for({Until::Differs, &barriers[id].generation, ~0u, generation, "barrier", id});
}

// Exited threads count as arrived at __syncthreads, as on the device: barrier 0 expects those that are left.
static u32 threads_left;

u32 block_barrier(u32 vote) {
  Barrier& b = barriers[0];
  u32 generation = b.generation;
  b.votes += vote;
  b.threads = threads_left;
  if (++b.arrived >= threads_left) {
    b.arrived = 0;
    b.result = b.votes;
    b.votes = 0;
    b.generation++;
  }
  wait_for({Until::Differs, &b.generation, ~0u, generation, "__syncthreads", 0});
  return b.result;
}

// ------------------------------------------------------------------------------------------------ what other parts add
static void async_reset();
static bool async_land();                        // lets one asynchronous operation finish; false when there is none
static void async_block_end();                   // reports what a block left behind
static void warps_reset();
static void registers_reset();
static void registers_check();

static void fiber_entry() {
  kernel_body();
  fibers[current].done = true;
  threads_left--;
  Barrier& b = barriers[0];
  if (b.arrived && b.arrived >= threads_left) {
    b.arrived = 0;
    b.result = b.votes;
    b.votes = 0;
    b.generation++;
  }
  void* dead;
  emu_switch(&dead, scheduler_sp);
  abort();
}

static std::string who_waits() {
  std::map<std::string, int> groups;
  for (size_t i = 0; i < fibers.size(); i++)
    if (!fibers[i].done) {
      char text[96];
      snprintf(text, sizeof text, "warp %zu: %s %u", i / 32, fibers[i].wait.what, fibers[i].wait.detail);
      groups[text]++;
    }
  std::string all;
  for (auto& g : groups) {
    if (all.size() > 600) { all += "; ..."; break; }
    all += (all.empty() ? "" : "; ") + g.first + " (" + std::to_string(g.second) + ")";
  }
  return all;
}

extern "C" char __start_emu_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_emu_shared[] __attribute__((weak, visibility("hidden")));

static void run_block() {
  int threads = (int)fibers.size(), warps = (threads + 31) / 32;
  memset(shared_window, 0xFF, shared_end);
  if (__start_emu_shared) memset(__start_emu_shared, 0xFF, __stop_emu_shared - __start_emu_shared);
  for (auto& b : barriers) b = Barrier();
  std::fill(unpublished.begin(), unpublished.end(), 0);
  for (auto& list : unpublished_by) list.clear();
  threads_left = threads;
  async_reset();
  warps_reset();
  registers_reset();

  for (int i = 0; i < threads; i++) {            // initial frame: six zero registers, the entry, a zero return address
    char* bottom = stacks + StackBytes * i;
    *(u64*)bottom = Canary;
    u64* s = (u64*)(bottom + StackBytes - 64);
    *--s = 0;
    *--s = (u64)fiber_entry;
    for (int r = 0; r < 6; r++) *--s = 0;
    fibers[i].sp = s;
    fibers[i].done = false;
    fibers[i].wait = Wait();
  }

  std::vector<int> held(warps, 0);               // rounds for which a warp is not scheduled
  if (adversary) for (int& rounds_held : held) rounds_held = random(3) ? 0 : (int)random(12);
  while (threads_left) {
    bool ran = false, any_held = false;
    u32 first = adversary ? random(warps) : 0, backwards = adversary ? random(2) : 0;
    for (int n = 0; n < warps; n++) {
      int w = (first + (backwards ? warps - n : n)) % warps;
      if (held[w] > 0) { held[w]--; any_held = true; continue; }
      if (chance(16)) held[w] = 1 + random(6);
      u32 rotation = adversary ? random(32) : 0;
      for (int l = 0; l < 32; l++) {
        int i = w * 32 + (l + rotation) % 32;
        if (i >= threads || fibers[i].done || !fibers[i].wait.ready()) continue;
        fibers[i].wait.kind = Until::Always;
        fibers[i].wait.what = "running";
        current = i;
        threadIdx = fibers[i].index;
        emu_switch(&scheduler_sp, fibers[i].sp);
        current = -1;
        if (!failure.empty()) return;
        if (*(u64*)(stacks + StackBytes * i) != Canary) {
          fail("thread %d needs more than %zu bytes of stack", i, StackBytes);
          return;
        }
        ran = true;
      }
    }
    rounds++;
    if (ran) { if (chance(64)) async_land(); continue; }
    if (any_held) { std::fill(held.begin(), held.end(), 0); continue; }
    if (async_land()) { if (!failure.empty()) return; continue; }
    bool slow = false;                           // somebody waits for time to pass
    for (auto& f : fibers) slow |= !f.done && f.wait.word == &rounds;
    if (!slow) { fail("DEADLOCK: %s", who_waits().c_str()); return; }
  }
  current = -1;
  async_block_end();
  if (failure.empty()) registers_check();
}

static void launch(dim3 grid, dim3 block, u32 shared_bytes, u64 seed, std::function<void()> body) {
  int threads = (int)(block.x * block.y * block.z);
  failure.clear();
  current = -1;
  adversary = seed != 0;
  random_state = seed * 0x9E3779B97F4A7C15ull + 0x1234567;
  if (threads < 1 || threads > 1024) { fail("a block of %d threads", threads); return; }
  if (shared_bytes > 232448) { fail("%u bytes of shared memory: the device has 232448", shared_bytes); return; }
  gridDim = grid;
  blockDim = block;
  kernel_body = std::move(body);
  shared_end = SharedBase + shared_bytes;
  shared_window = (char*)aligned_alloc(1024, (shared_end + 2047) / 1024 * 1024);
  stacks = (char*)aligned_alloc(4096, StackBytes * threads);
  unpublished.assign(shared_end / 16 + 2, 0);
  unpublished_by.assign(threads, {});
  fibers.assign(threads, Fiber());
  for (int i = 0; i < threads; i++) fibers[i].index = dim3(i % block.x, i / block.x % block.y, i / (block.x * block.y));

  u64 blocks = (u64)grid.x * grid.y * grid.z, start = adversary ? random(blocks > 0xffffffff ? 1 : (u32)blocks) : 0;
  bool backwards = adversary && random(2);
  for (u64 n = 0; n < blocks && failure.empty(); n++) {
    u64 b = (start + (backwards ? blocks - n : n)) % blocks;
    blockIdx = dim3((u32)(b % grid.x), (u32)(b / grid.x % grid.y), (u32)(b / ((u64)grid.x * grid.y)));
    run_block();
  }
  free(shared_window);
  free(stacks);
}

}  // namespace emu
