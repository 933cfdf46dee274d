// Matrix instructions: ldmatrix, stmatrix, mma.sync m16n8k16, wgmma m64nNk16, and setmaxnreg.
#pragma once
#include "emu_async.h"

namespace emu {

// ------------------------------------------------------------------------------------------------ one warp
struct MatrixItem { u32 address; u32* registers; int count; bool transposed; };

static inline void matrices(Meeting& m, bool store) {
  auto item = [&](int l) { return (MatrixItem*)m.in[l]; };
  for (int x = 0; x < item(0)->count; x++)
    for (int row = 0; row < 8; row++) {
      u32 address = item(x * 8 + row)->address;            // lanes 8x ... 8x+7 hold the row addresses of matrix x
      if (address & 15) fail("ldmatrix/stmatrix: row address %u is not aligned to 16", address - SharedBase);
      u16* at = (u16*)shared_at(address, 16);
      for (int col = 0; col < 8; col++) {
        int holder = item(0)->transposed ? col * 4 + row / 2 : row * 4 + col / 2;
        int half = item(0)->transposed ? row % 2 : col % 2;
        u32* r = &item(holder)->registers[x];
        if (store) at[col] = (u16)(*r >> (16 * half));
        else *r = half ? (*r & 0xffff) | (u32)at[col] << 16 : (*r & 0xffff0000u) | at[col];
      }
    }
}

void ldmatrix(u32 address, u32* registers, int count, bool transposed) {
  MatrixItem item{address, registers, count, transposed};
  meet(Op::Ldmatrix, ~0u, (u64)&item, [](Meeting& m) { matrices(m, false); });
}

void stmatrix(u32 address, u32* registers, int count, bool transposed) {
  MatrixItem item{address, registers, count, transposed};
  if (lane() < count * 8) note_generic_write(address, 16);
  meet(Op::Stmatrix, ~0u, (u64)&item, [](Meeting& m) { matrices(m, true); });
}

struct MmaItem { float* d; const u32* a; const u32* b; };

// A 16x16 row-major, B 16x8 column-major, D 16x8: the fragments of the PTX manual.
static inline void mma_execute(Meeting& m) {
  float a[16][16], b[8][16];
  for (int l = 0; l < 32; l++) {
    auto* item = (MmaItem*)m.in[l];
    for (int r = 0; r < 4; r++)
      for (int h = 0; h < 2; h++)
        a[l / 4 + (r & 1) * 8][(l % 4) * 2 + h + (r >> 1) * 8] = bf16_to_float((u16)(item->a[r] >> (16 * h)));
    for (int r = 0; r < 2; r++)
      for (int h = 0; h < 2; h++) b[l / 4][(l % 4) * 2 + h + r * 8] = bf16_to_float((u16)(item->b[r] >> (16 * h)));
  }
  for (int l = 0; l < 32; l++) {
    auto* item = (MmaItem*)m.in[l];
    for (int i = 0; i < 4; i++) {
      int row = l / 4 + (i >> 1) * 8, col = (l % 4) * 2 + (i & 1);
      float s = item->d[i];
      for (int k = 0; k < 16; k++) s += a[row][k] * b[col][k];
      item->d[i] = s;
    }
  }
}

void mma(float* d, const u32* a, const u32* b) {
  MmaItem item{d, a, b};
  meet(Op::Mma, ~0u, (u64)&item, mma_execute);
}

// ------------------------------------------------------------------------------------------------ wgmma
// Each thread issues without waiting. Operation n of a warpgroup is complete as a record once its 128 threads have issued it.
// Results stay in a shadow of the accumulators until a thread's wait.
struct Shadow { std::vector<float> values; };              // [128][N / 2]

struct WgmmaOp {
  float* acc[128];
  const u32* a[128];
  u64 desc_a, desc_b;
  int n;
  bool zero, transpose_a, transpose_b, registers_a, chained = false, executed = false;
  u32 arrived = 0;
  std::shared_ptr<Shadow> shadow;
};

struct Warpgroup {
  std::deque<WgmmaOp> ops;
  u32 first = 0;                                           // number of ops[0]
  u32 recorded = 0;                                        // operations that all 128 threads have issued, in order
  u32 executed = 0;
  u32 commits = 0;                                         // of single threads
  u32 timed = 0, ready = 0;                                // operations before `timed` finish in round `ready`
};
struct WgmmaThread {
  u32 issued = 0, committed = 0, waited = 0;
  bool fenced = false;
  std::deque<u32> groups;                                  // last operation + 1 of each committed group still unwaited
  std::vector<std::pair<float*, int>> flying;
};
static std::vector<Warpgroup> warpgroups;
static std::vector<WgmmaThread> wgmma_threads;
static std::vector<std::pair<u32, u32>> register_requests; // per warp: setmaxnreg values in order (first, last)

// 8 bf16 at a swizzled shared address.
static inline void chunk(u32 address, float* out) {
  u32 at = swizzle128(address);
  check_published(at, "wgmma");
  const u16* p = (const u16*)shared_at(at, 16);
  for (int i = 0; i < 8; i++) out[i] = bf16_to_float(p[i]);
}

static inline u32 field(u64 d, int bit) { return (u32)(d >> bit & 0x3fff) << 4; }

// 16 deep operand into out[k][stride]: K-major in 8-row atoms SBO apart (LBO ignored), or MN-major in 64-wide chunks LBO apart
// with 8-deep groups SBO apart.
static inline void operand(u64 d, bool mn_major, int extent, float* out, int stride) {
  if (d >> 62 != 1) fail("wgmma descriptor: only the 128-byte swizzle is used here");
  if (d >> 49 & 7) fail("wgmma descriptor: base offset must be 0");
  u32 start = field(d, 0), lbo = field(d, 16), sbo = field(d, 32);
  float line[8];
  if (!mn_major) {
    for (int r = 0; r < extent; r++)
      for (int half = 0; half < 2; half++) {
        chunk(start + r / 8 * sbo + r % 8 * 128 + half * 16, line);
        for (int i = 0; i < 8; i++) out[(half * 8 + i) * stride + r] = line[i];
      }
  } else {
    for (int k = 0; k < 16; k++)
      for (int x = 0; x < extent; x += 8) {
        chunk(start + x / 64 * lbo + k / 8 * sbo + k % 8 * 128 + x % 64 * 2, line);
        memcpy(out + k * stride + x, line, sizeof line);
      }
  }
}

static inline void wgmma_execute(WgmmaOp& op) {
  static float a[16][64], b[16][256], d[64][256];
  if (op.registers_a) {
    for (int t = 0; t < 128; t++)
      for (int r = 0; r < 4; r++)
        for (int h = 0; h < 2; h++)
          a[(t % 4) * 2 + h + (r >> 1) * 8][t / 32 * 16 + t % 32 / 4 + (r & 1) * 8] =
              bf16_to_float((u16)(op.a[t][r] >> (16 * h)));
  } else {
    operand(op.desc_a, op.transpose_a, 64, &a[0][0], 64);
  }
  operand(op.desc_b, op.transpose_b, op.n, &b[0][0], 256);
  for (int m = 0; m < 64; m++) {
    float* row = d[m];
    for (int n = 0; n < op.n; n++) row[n] = 0;
    for (int k = 0; k < 16; k++) {
      float x = a[k][m];
      for (int n = 0; n < op.n; n++) row[n] += x * b[k][n];
    }
  }
  int per = op.n / 2;
  for (int t = 0; t < 128; t++)
    for (int i = 0; i < per; i++) {
      int m = t / 32 * 16 + t % 32 / 4 + (i / 2 % 2) * 8, n = i / 4 * 8 + t % 4 * 2 + i % 2;
      float& s = op.shadow->values[t * per + i];
      s = (op.zero ? 0 : s) + d[m][n];
    }
  op.executed = true;
}

static inline void wgmma_run(Warpgroup& w, u32 until) {
  while (w.executed < until && failure.empty()) wgmma_execute(w.ops[w.executed++ - w.first]);
}

void wgmma_issue(float* acc, int n, const u32* a, u64 desc_a, u64 desc_b, bool accumulate, bool transpose_a,
                               bool transpose_b) {
  Warpgroup& w = warpgroups[current / 128];
  WgmmaThread& t = wgmma_threads[current];
  int l = current % 128;
  if (!t.fenced) fail("wgmma without wgmma.fence since the last commit or wait");
  u32 number = t.issued++;
  while (w.first + w.ops.size() <= number) w.ops.emplace_back();
  WgmmaOp& op = w.ops[number - w.first];
  if (op.arrived == 0) {
    op.desc_a = desc_a; op.desc_b = desc_b; op.n = n;
    op.zero = !accumulate; op.transpose_a = transpose_a; op.transpose_b = transpose_b; op.registers_a = a != nullptr;
  } else if (op.desc_a != desc_a || op.desc_b != desc_b || op.n != n || op.zero == accumulate
      || op.registers_a != (a != nullptr)) {
    fail("wgmma: the threads of a warpgroup disagree about operation %u", number);
  }
  op.acc[l] = acc;
  op.a[l] = a;
  bool chained = false;
  for (auto& f : t.flying) {
    chained |= f.first == acc && f.second == n;
    if (!(f.first == acc && f.second == n) && f.first < acc + n / 2 && acc < f.first + f.second / 2)
      fail("wgmma: accumulators overlap those of another operation in flight");
  }
  if (!chained) {
    if (!op.shadow) { op.shadow = std::make_shared<Shadow>(); op.shadow->values.resize(128 * (n / 2)); }
    memcpy(&op.shadow->values[l * (n / 2)], acc, sizeof(float) * (n / 2));
    for (int i = 0; i < n / 2; i++) acc[i] = NAN;
    t.flying.push_back({acc, n});
  } else if (!op.shadow) {
    for (u32 back = number; back-- > w.first;)
      if (w.ops[back - w.first].acc[l] == acc && w.ops[back - w.first].arrived) {
        op.shadow = w.ops[back - w.first].shadow;
        break;
      }
    op.chained = true;
  }
  if (chained != op.chained) fail("wgmma: accumulators in flight for some threads only");
  if (++op.arrived == 128) w.recorded++;
}

void wgmma_finish(u32 in_flight) {
  WgmmaThread& t = wgmma_threads[current];
  if (t.committed != t.issued) fail("wgmma.wait_group with operations that were never committed");
  t.fenced = false;
  if (t.groups.size() <= in_flight) return;
  u32 until = 0;
  while (t.groups.size() > in_flight) { until = t.groups.front(); t.groups.pop_front(); }
  Warpgroup& w = warpgroups[current / 128];
  wait_for({Until::AtLeast, &w.recorded, ~0u, until, "wgmma of its warpgroup, operation", until});
  // now and then the operation is slow, and what it reads is long exposed
  if (w.timed < until) {
    w.timed = until;
    w.ready = rounds + (chance(3) ? 1 + random(64) : 0);
  }
  if ((i32)(rounds - w.ready) < 0) wait_for({Until::AtLeast, &rounds, ~0u, w.ready, "slow wgmma until round", w.ready});
  wgmma_run(w, until);
  int l = current % 128;
  std::vector<std::pair<float*, int>> flying;
  for (auto& f : t.flying) {                               // still used by a younger group: stays in flight
    bool younger = false;
    for (u32 n = until; n < t.issued; n++) younger |= w.ops[n - w.first].acc[l] == f.first;
    if (younger) { flying.push_back(f); continue; }
    for (u32 n = until; n-- > t.waited;)
      if (w.ops[n - w.first].acc[l] == f.first) {
        memcpy(f.first, &w.ops[n - w.first].shadow->values[l * (f.second / 2)], sizeof(float) * (f.second / 2));
        break;
      }
  }
  t.flying.swap(flying);
  t.waited = until;
  u32 oldest = ~0u;                                        // drop what no thread needs any more
  for (int x = current / 128 * 128; x < current / 128 * 128 + 128; x++) {
    u32 needed = wgmma_threads[x].flying.empty() ? wgmma_threads[x].waited : w.first;
    oldest = needed < oldest ? needed : oldest;
  }
  while (w.first < oldest && !w.ops.empty()) { w.ops.pop_front(); w.first++; }
}

void wgmma_fence() { wgmma_threads[current].fenced = true; }

void wgmma_commit() {
  auto& t = wgmma_threads[current];
  t.groups.push_back(t.issued);
  t.committed = t.issued;
  t.fenced = false;
  Warpgroup& w = warpgroups[current / 128];
  if (++w.commits % 128 == 0 && chance(3)) wgmma_run(w, w.recorded);   // operands read early; otherwise at the wait
}

static void registers_reset() {
  warpgroups.assign((fibers.size() + 127) / 128, {});
  wgmma_threads.assign(fibers.size(), {});
  register_requests.assign((fibers.size() + 31) / 32, {0, 0});
}

void setmaxnreg(u32 registers) {
  if (registers % 8 || registers < 24 || registers > 256) fail("setmaxnreg %u: multiples of 8 from 24 to 256", registers);
  meet(Op::Setmaxnreg, ~0u, registers, [=](Meeting&) { register_requests[warp()].second = registers; });
}

static void registers_check() {
  u32 total = 0, asked = 0;
  for (size_t w = 0; w < register_requests.size(); w++) {
    total += register_requests[w].second * 32;
    asked += register_requests[w].second != 0;
    if (register_requests[w].second != register_requests[w / 4 * 4].second) {
      fail("setmaxnreg differs within a warpgroup");
      return;
    }
  }
  if (asked && asked != register_requests.size()) {
    fail("setmaxnreg in %u of %zu warps", asked, register_requests.size());
    return;
  }
  if (total > 65536) { fail("setmaxnreg asks for %u registers: there are 65536", total); return; }
  for (size_t t = 0; t < wgmma_threads.size(); t++)
    if (!wgmma_threads[t].flying.empty()) { fail("thread %zu leaves wgmma in flight", t); return; }
}

}  // namespace emu
