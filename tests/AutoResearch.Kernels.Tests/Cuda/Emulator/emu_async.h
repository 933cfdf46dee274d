// Asynchronous copies: cp.async, mbarrier, TMA (tiled maps, bulk copies, stores and reductions).
#pragma once
#include "emu_warp.h"

namespace emu {

constexpr u32 MapMagic = 0x50414d54;

// SWIZZLE_128B: address bits 4-6 are XORed with bits 7-9.
static inline u32 swizzle128(u32 address) { return address ^ (address >> 7 & 7) << 4; }

// ------------------------------------------------------------------------------------------------ cp.async
struct Copy { u32 dst, bytes; const char* src; u32 valid; u32 group; };
struct CopyState { std::vector<Copy> pending; u32 groups = 0, done = 0; };
static std::vector<CopyState> copies;                      // per thread

void cp_async(u32 dst, const void* src, u32 bytes, u32 valid) {
  char* to = shared_at(dst, bytes);
  if (valid && (uintptr_t)src % bytes) fail("cp.async of %u bytes from a misaligned address", bytes);
  memset(to, 0xFF, bytes);
  copies[current].pending.push_back({dst, bytes, (const char*)src, valid, copies[current].groups});
}

void cp_async_finish(u32 in_flight) {        // lets all but the newest `in_flight` groups land
  CopyState& s = copies[current];
  u32 until = s.groups > in_flight ? s.groups - in_flight : 0;
  std::vector<Copy> rest;
  for (auto& c : s.pending) {
    if (c.group >= until) { rest.push_back(c); continue; }
    char* to = shared_at(c.dst, c.bytes);
    memset(to, 0, c.bytes);
    if (c.valid) memcpy(to, c.src, c.valid);
  }
  s.pending.swap(rest);
}

void cp_async_commit() { copies[current].groups++; }

// ------------------------------------------------------------------------------------------------ mbarrier
// 8 bytes of shared memory, as on the device; the fields are our own. Bit 0 of tx_phase is the phase, the rest outstanding bytes.
struct MBarrier { u16 expected, pending; i32 tx_phase; };

static inline MBarrier* mbarrier_at(u32 address) {
  auto* m = (MBarrier*)shared_at(address, 8);
  if (m->expected == 0 || m->expected == 0xFFFF) fail("mbarrier at %u is not initialised", address - SharedBase);
  return m;
}

static inline void mbarrier_settle(MBarrier* m) {
  if (m->pending == 0 && m->tx_phase >> 1 == 0) { m->pending = m->expected; m->tx_phase ^= 1; }
}

static inline void mbarrier_arrive_at(u32 address, u32 count) {
  auto* m = mbarrier_at(address);
  if (m->pending < count) fail("mbarrier at %u: more arrivals than the %u it expects", address - SharedBase, m->expected);
  m->pending -= (u16)count;
  mbarrier_settle(m);
}

void mbarrier_init(u32 bar, u32 arrivals) {
  auto* m = (MBarrier*)shared_at(bar, 8);
  m->expected = m->pending = (u16)arrivals;
  m->tx_phase = 0;
  note_generic_write(bar, 8);
}

void mbarrier_arrive(u32 bar) { mbarrier_arrive_at(bar, 1); }

void mbarrier_expect(u32 bar, u32 bytes) {
  mbarrier_at(bar)->tx_phase += (i32)bytes * 2;
  mbarrier_arrive_at(bar, 1);
}

void mbarrier_wait(u32 bar, u32 parity) {
  wait_for({Until::Differs, (u32*)&mbarrier_at(bar)->tx_phase, 1, parity & 1, "mbarrier at", bar - SharedBase});
}

// ------------------------------------------------------------------------------------------------ asynchronous operations
static std::vector<std::function<void()>> loads;           // TMA loads that have not landed

struct Store { std::function<void()> run; u32 group; bool done; };
struct StoreState { std::vector<Store> pending; u32 groups = 0; };
static std::vector<StoreState> stores;                     // per thread: bulk groups

static void async_reset() {
  loads.clear();
  copies.assign(fibers.size(), {});
  stores.assign(fibers.size(), {});
}

static bool async_land() {
  if (loads.empty()) return false;
  size_t which = adversary ? random((u32)loads.size()) : 0;
  auto copy = std::move(loads[which]);
  loads.erase(loads.begin() + which);
  copy();
  return true;
}

static void async_block_end() {
  if (!loads.empty()) { fail("%zu TMA loads still in flight at the end of the block", loads.size()); return; }
  for (size_t t = 0; t < fibers.size(); t++) {
    if (!copies[t].pending.empty()) {
      fail("thread %zu leaves %zu cp.async copies in flight", t, copies[t].pending.size());
      return;
    }
    for (auto& s : stores[t].pending)
      if (!s.done) {
        fail("thread %zu leaves a bulk store in flight: its shared memory may be gone before it is read", t);
        return;
      }
  }
}

void bulk_finish(u32 in_flight) {
  StoreState& s = stores[current];
  u32 until = s.groups > in_flight ? s.groups - in_flight : 0;
  std::vector<Store> rest;
  for (auto& x : s.pending) {
    if (x.group < until) x.run();
    else rest.push_back(std::move(x));
  }
  s.pending.swap(rest);
}

static inline void bulk_issue(std::function<void()> run) {
  StoreState& s = stores[current];
  s.pending.push_back({std::move(run), s.groups, false});
}

void bulk_commit() { stores[current].groups++; }

// ------------------------------------------------------------------------------------------------ tiled maps
static inline void check_map(const TensorMap* map, u32 rank) {
  if (map->magic != MapMagic) fail("the tensor map was not encoded");
  if (map->rank != rank) fail("a %u-D instruction with a %u-D tensor map", rank, map->rank);
}

// Calls visit(shared address, global address or null) for each 16-byte chunk of the box; out of range elements are null.
template <class Visit> static inline void for_box(const TensorMap& m, u32 shared, const int* c, Visit visit) {
  u32 per = 16 / m.element, row_bytes = m.box[0] * m.element, index[5] = {};
  u32 rows = 1;
  for (u32 d = 1; d < m.rank; d++) rows *= m.box[d];
  for (u32 r = 0; r < rows; r++) {
    u32 rest = r;
    i64 offset = 0;
    bool inside = true;
    for (u32 d = 1; d < m.rank; d++) {
      index[d] = rest % m.box[d];
      rest /= m.box[d];
      i64 at = (i64)c[d] + index[d];
      inside = inside && at >= 0 && at < m.dims[d];
      offset += at * m.strides[d];
    }
    for (u32 x = 0; x < row_bytes / 16; x++) {
      u32 address = shared + r * row_bytes + x * 16;
      if (m.swizzle == 3) address = swizzle128(address);
      char* g[16];
      for (u32 e = 0; e < per; e++) {
        i64 at = (i64)c[0] + x * per + e;
        g[e] = inside && at >= 0 && at < m.dims[0] ? m.base + offset + at * m.element : nullptr;
      }
      visit(address, g, per);
    }
  }
}

static inline u32 box_bytes(const TensorMap& m) {
  u32 bytes = m.element;
  for (u32 d = 0; d < m.rank; d++) bytes *= m.box[d];
  return bytes;
}

static inline void check_box(const TensorMap& m, u32 shared, const char* who) {
  u32 align = m.swizzle == 3 ? 1024 : 128;
  if (shared % align) fail("%s: shared address %u is not aligned to %u", who, shared - SharedBase, align);
  if (shared < SharedBase || shared + box_bytes(m) > shared_end) fail("%s: box outside shared memory", who);
}

void tma_load(u32 dst, const TensorMap* map, u32 bar, const int* c, u32 rank) {
  check_map(map, rank);
  check_box(*map, dst, "TMA load");
  check_published(bar, "TMA load (its mbarrier)");
  mbarrier_at(bar);
  TensorMap m = *map;
  u32 bytes = box_bytes(m);
  memset(shared_window + dst, 0xFF, bytes);
  std::vector<int> at(c, c + rank);
  loads.push_back([=] {
    for_box(m, dst, at.data(), [&](u32 address, char** g, u32 per) {
      for (u32 e = 0; e < per; e++) {
        if (g[e]) memcpy(shared_window + address + e * m.element, g[e], m.element);
        else memset(shared_window + address + e * m.element, 0, m.element);
      }
    });
    auto* b = mbarrier_at(bar);
    b->tx_phase -= (i32)bytes * 2;
    mbarrier_settle(b);
  });
}

void tma_store(const TensorMap* map, u32 src, const int* c, u32 rank, bool add) {
  check_map(map, rank);
  check_box(*map, src, "TMA store");
  TensorMap m = *map;
  std::vector<int> at(c, c + rank);
  bulk_issue([=] {
    for_box(m, src, at.data(), [&](u32 address, char** g, u32 per) {
      check_published(address, "TMA store");
      for (u32 e = 0; e < per; e++) {
        if (!g[e]) continue;
        char* from = shared_window + address + e * m.element;
        if (!add) memcpy(g[e], from, m.element);
        else if (m.element == 4) { float a, b; memcpy(&a, g[e], 4); memcpy(&b, from, 4); a += b; memcpy(g[e], &a, 4); }
        else fail("TMA reduction of %u-byte elements", m.element);
      }
    });
  });
}

void bulk_reduce_f32(void* dst, u32 src, u32 bytes) {
  if ((uintptr_t)dst % 16 || src % 16 || bytes % 16) fail("bulk reduction: addresses and size must be multiples of 16");
  shared_at(src, 1);
  shared_at(src + bytes - 1, 1);
  bulk_issue([=] {
    for (u32 i = 0; i < bytes; i += 4) {
      if (i % 16 == 0) check_published(src + i, "bulk reduction");
      float a, b;
      memcpy(&a, (char*)dst + i, 4);
      memcpy(&b, shared_window + src + i, 4);
      a += b;
      memcpy((char*)dst + i, &a, 4);
    }
  });
}

void bulk_load(u32 dst, const void* src, u32 bytes, u32 bar) {
  if ((uintptr_t)src % 16 || dst % 16 || bytes % 16) fail("bulk load: addresses and size must be multiples of 16");
  shared_at(dst, 1);
  shared_at(dst + bytes - 1, 1);
  check_published(bar, "bulk load (its mbarrier)");
  memset(shared_window + dst, 0xFF, bytes);
  loads.push_back([=] {
    memcpy(shared_window + dst, src, bytes);
    auto* b = mbarrier_at(bar);
    b->tx_phase -= (i32)bytes * 2;
    mbarrier_settle(b);
  });
}

}  // namespace emu
