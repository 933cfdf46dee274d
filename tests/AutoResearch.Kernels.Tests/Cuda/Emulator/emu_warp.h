// Lanes of a warp that meet in one instruction.
#pragma once
#include "emu_core.h"

namespace emu {

// Lanes of a mask meet in one instruction; the last to arrive executes it for all.
enum class Op : int { None, Sync, Exchange, Vote, Ldmatrix, Stmatrix, Mma, Setmaxnreg };
static const char* const op_names[] = {"none", "__syncwarp", "shuffle", "vote", "ldmatrix", "stmatrix", "mma.sync", "setmaxnreg"};

struct Meeting {
  Op op = Op::None;
  u32 mask = 0, arrived = 0, generation = 0;
  u64 in[32] = {}, out[32] = {};
};
static std::vector<std::deque<Meeting>> meetings;          // per warp, one per mask in use

static void warps_reset() {
  meetings.clear();
  meetings.resize((fibers.size() + 31) / 32);
}

template <class Execute> static inline u64 meet(Op op, u32 mask, u64 value, Execute execute) {
  int l = lane();
  if (!(mask >> l & 1)) fail("%s: lane %d is not in its own mask %08x", op_names[(int)op], l, mask);
  auto& list = meetings[warp()];
  Meeting* m = nullptr;
  for (auto& x : list) if (x.mask == mask) m = &x;
  if (!m) { list.emplace_back(); m = &list.back(); m->mask = mask; }
  if (m->arrived && m->op != op)
    fail("lanes of warp %d meet in different instructions: %s and %s", warp(), op_names[(int)m->op], op_names[(int)op]);
  m->op = op;
  m->in[l] = value;
  m->arrived |= 1u << l;
  u32 generation = m->generation;
  if (m->arrived == mask) {
    execute(*m);
    m->arrived = 0;
    m->generation++;
  }
  wait_for({Until::Differs, &m->generation, ~0u, generation, op_names[(int)op], mask});
  return m->out[l];
}

void sync_warp(u32 mask) { meet(Op::Sync, mask, 0, [](Meeting&) {}); }

u64 exchange_bits(u32 mask, u64 bits, int source) {
  struct Item { u64 bits; int source; } item{bits, source};
  return meet(Op::Exchange, mask, (u64)&item, [](Meeting& m) {
    for (int l = 0; l < 32; l++)
      if (m.mask >> l & 1) {
        int s = ((Item*)m.in[l])->source;
        m.out[l] = m.mask >> s & 1 ? ((Item*)m.in[s])->bits : ~0ull;       // undefined: the source is not in the mask
      }
  });
}

u32 vote(u32 mask, bool predicate) {
  return (u32)meet(Op::Vote, mask, predicate, [](Meeting& m) {
    u32 all = 0;
    for (int l = 0; l < 32; l++) if ((m.mask >> l & 1) && m.in[l]) all |= 1u << l;
    for (int l = 0; l < 32; l++) m.out[l] = all;
  });
}

}  // namespace emu
