// Attention forward for Hopper (sm_90a): TMA, mbarrier pipeline, wgmma, warp specialisation.
//
//   o[b, i, h, :] = softmax over the keys j that query i sees of (q_i . k_j * scale), times v;
//   lse = natural log of the denominator
//   Rows that see no key: o = 0, lse = -inf. Head h reads key and value head h / (heads / kv_heads).
//
// Defines    HEAD_DIM 64 or 128, CAUSAL 0 or 1
// Grid       any number of blocks up to the number of tiles, TILES = ceil(seq_q / ROWS) * heads * batch < 2^31;
//            the SM count is best
// Block      THREADS = 128 * (1 + CONSUMERS): one producer warpgroup, then the consumers of 64 query rows each
// Shared     SHARED_BYTES, dynamic
// Parameter  AttentionForward, by value; tensor maps 4-D (HEAD_DIM, seq, heads, batch) of bf16, 128-byte swizzle,
//            boxes (64, 64, 1, 1) for q and o, (64, KEYS, 1, 1) for k and v
//
// A consumer issues S = Q K_j and then O += P V_{j+1}, so that the softmax of block j runs while the second product does; the
// consumers take turns with the tensor cores (named barriers), so that one's softmax runs beside another's products.
#include "attention_sm90.cuh"

#if HEAD_DIM == 64
constexpr int CONSUMERS = 3, PRODUCER_REGISTERS = 32, CONSUMER_REGISTERS = 160;
#else
constexpr int CONSUMERS = 2, PRODUCER_REGISTERS = 24, CONSUMER_REGISTERS = 240;
#endif
constexpr int ROWS = 64 * CONSUMERS, KEYS = 128, STAGES = 2, THREADS = 128 * (1 + CONSUMERS);
constexpr u32 WG_BYTES = 64 * D * 2, KV_BYTES = KEYS * D * 2;
constexpr u32 AT_Q = 0, AT_O = AT_Q + CONSUMERS * WG_BYTES, AT_K = AT_O + CONSUMERS * WG_BYTES, AT_V = AT_K + STAGES * KV_BYTES;
constexpr u32 AT_BARRIERS = AT_V + STAGES * KV_BYTES, SHARED_BYTES = AT_BARRIERS + 128;
constexpr u32 Q_FULL = 0, Q_EMPTY = 8, K_FULL = 16, V_FULL = K_FULL + 8 * STAGES, K_EMPTY = V_FULL + 8 * STAGES,
              V_EMPTY = K_EMPTY + 8 * STAGES;
constexpr u32 BARRIER_TURN = 1, BARRIER_STORE = BARRIER_TURN + CONSUMERS;    // named barriers, one per consumer each

struct AttentionForward {
  TensorMap q, k, v, o;
  AttentionMask mask;
  float* lse;                    // [batch, heads, seq_q]
  u32 heads;
  i32 group;                     // query heads per key head
  u32 batch;
  float scale_log2;              // scale * log2(e)
};

struct Tile { int row, head, batch; int2 blocks; };

// The n-th tile of this block. Rounds alternate in direction, so that blocks get equal shares of long and short tiles; within a
// head the longest comes first.
__device__ __forceinline__ bool tile_at(const AttentionForward& p, int n, Tile& tile) {
  u32 per_head = (p.mask.seq_q + ROWS - 1) / ROWS, t = n * gridDim.x + (n & 1 ? gridDim.x - 1 - blockIdx.x : blockIdx.x);
  if (t >= per_head * p.heads * p.batch) return false;
  u32 line = t / per_head;
  tile.row = (per_head - 1 - (t - line * per_head)) * ROWS;
  tile.head = line % p.heads;
  tile.batch = line / p.heads;
  tile.blocks = mask_key_blocks(p.mask, tile.batch, tile.row, ROWS, KEYS);
  return true;
}

__device__ __forceinline__ void produce(const AttentionForward& p, u32 memory) {
  u32 bars = memory + AT_BARRIERS;
  tma_prefetch(&p.q);
  tma_prefetch(&p.k);
  tma_prefetch(&p.v);
  Ring<STAGES> ring;
  Tile tile;
  for (int n = 0; tile_at(p, n, tile); n++) {
    mbarrier_wait(bars + Q_EMPTY, (n & 1) ^ 1);
    mbarrier_expect(bars + Q_FULL, CONSUMERS * WG_BYTES);
    for (int w = 0; w < CONSUMERS; w++)
      load_tile<64, 64>(&p.q, memory + AT_Q + w * WG_BYTES, bars + Q_FULL, tile.row + w * 64, tile.head, tile.batch);
    int kv_head = tile.head / p.group;
    for (int j = tile.blocks.y - 1; j >= tile.blocks.x; j--) {
      u32 s = ring.stage;
      mbarrier_wait(bars + K_EMPTY + 8 * s, ring.phase ^ 1);
      mbarrier_expect(bars + K_FULL + 8 * s, KV_BYTES);
      load_tile<KEYS, KEYS>(&p.k, memory + AT_K + s * KV_BYTES, bars + K_FULL + 8 * s, j * KEYS, kv_head, tile.batch);
      mbarrier_wait(bars + V_EMPTY + 8 * s, ring.phase ^ 1);
      mbarrier_expect(bars + V_FULL + 8 * s, KV_BYTES);
      load_tile<KEYS, KEYS>(&p.v, memory + AT_V + s * KV_BYTES, bars + V_FULL + 8 * s, j * KEYS, kv_head, tile.batch);
      ring.next();
    }
  }
}

struct Rows {                    // the two rows of a thread, 8 apart
  int first[2], last[2];         // keys they see
  float maximum[2], sum[2];      // so far; the sum is this thread's part
};

// Masks a block of scores where needed and turns it into P = exp2(s * scale - maximum * scale); what O must be multiplied by.
__device__ __forceinline__ float2 softmax_block(float (&s)[KEYS / 2], Rows& rows, int key, bool late, bool early, float scale) {
  mask_accumulators<KEYS>(s, rows.first, rows.last, key, late, early);
  float rescale[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float a = s[2 * r], b = s[2 * r + 1];
#pragma unroll
    for (int i = 4; i < KEYS / 2; i += 4) { a = fmaxf(a, s[i + 2 * r]); b = fmaxf(b, s[i + 2 * r + 1]); }
    float maximum = fmaxf(rows.maximum[r], quad_max(fmaxf(a, b)));
    float offset = softmax_reference(maximum) * scale;
    rescale[r] = exp2_approx(rows.maximum[r] * scale - offset);
    rows.maximum[r] = maximum;
    float x = 0, y = 0;
#pragma unroll
    for (int i = 2 * r; i < KEYS / 2; i += 4) {
      s[i] = exp2_approx(s[i] * scale - offset);
      s[i + 1] = exp2_approx(s[i + 1] * scale - offset);
      x += s[i];
      y += s[i + 1];
    }
    rows.sum[r] = rows.sum[r] * rescale[r] + (x + y);
  }
  return make_float2(rescale[0], rescale[1]);
}

// o / sum as bf16 through shared memory to global memory; rows beyond the sequence are clipped by the tensor map.
__device__ __forceinline__ void store_output(const AttentionForward& p, const Tile& tile, float (&o)[D / 2], Rows& rows,
    u32 memory, int wg) {
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, row = tile.row + wg * 64 + warp * 16 + lane / 4;
  float inverse[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float sum = quad_sum(rows.sum[r]);
    inverse[r] = sum == 0 ? 0 : 1 / sum;
    if (lane % 4 == 0 && row + 8 * r < p.mask.seq_q)
      p.lse[((i64)tile.batch * p.heads + tile.head) * p.mask.seq_q + row + 8 * r] =
        sum == 0 ? NEGATIVE_INFINITY : (rows.maximum[r] * p.scale_log2 + log2_approx(sum)) * LN2;
  }

  u32 to = memory + AT_O + wg * WG_BYTES;
  bool stores = threadIdx.x % 128 == 0;
  if (stores) bulk_wait_read<0>();                         // the last tile's store has read this memory
  barrier_sync(BARRIER_STORE + wg, 128);
  write_accumulators<D, 64>(to, o, inverse[0], inverse[1]);
  fence_proxy_async();
  barrier_sync(BARRIER_STORE + wg, 128);
  if (stores && tile.row + wg * 64 < p.mask.seq_q) {
    store_tile(&p.o, to, tile.row + wg * 64, tile.head, tile.batch);
    bulk_commit();
  }
}

__device__ __forceinline__ void consume(const AttentionForward& p, u32 memory) {
  int wg = warpgroup() - 1, row_in_tile = wg * 64 + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4;
  bool signals = threadIdx.x % 128 == 0;
  u32 bars = memory + AT_BARRIERS, q = memory + AT_Q + wg * WG_BYTES;
  u32 next = BARRIER_TURN + (wg + 1 == CONSUMERS ? 0 : wg + 1);
  if (wg == CONSUMERS - 1) barrier_arrive(BARRIER_TURN, 256);                // the first turn is consumer 0's
  Ring<STAGES> keys, values;
  Tile tile;
  float s[KEYS / 2], o[D / 2];
  u32 probabilities[KEYS / 16][4];

  for (int n = 0; tile_at(p, n, tile); n++) {
    Rows rows;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      rows.first[r] = mask_first(p.mask, tile.batch, tile.row + row_in_tile + 8 * r);
      rows.last[r] = mask_last(p.mask, tile.row + row_in_tile + 8 * r);
      rows.maximum[r] = NEGATIVE_INFINITY;
      rows.sum[r] = 0;
    }
    // Keys from all_first to all_last are seen by all rows of this warpgroup: their blocks need no mask.
    int all_last = mask_last(p.mask, tile.row + wg * 64), all_first = mask_first(p.mask, tile.batch, tile.row + wg * 64 + 63);
#pragma unroll
    for (int i = 0; i < D / 2; i++) o[i] = 0;

    mbarrier_wait(bars + Q_FULL, n & 1);
    int j = tile.blocks.y - 1;
    if (j >= tile.blocks.x) {
      mbarrier_wait(bars + K_FULL + 8 * keys.stage, keys.phase);
      wgmma_fence();
      issue_product<KEYS, 64>(s, q, memory + AT_K + keys.stage * KV_BYTES);
      wgmma_commit();
      wgmma_wait<0>();
      if (signals) mbarrier_arrive(bars + K_EMPTY + 8 * keys.stage);
      keys.next();
      softmax_block(s, rows, j * KEYS, j * KEYS + KEYS - 1 > all_last, j * KEYS < all_first, p.scale_log2);
      pack_operand<KEYS>(probabilities, s);

      if (--j >= tile.blocks.x) mbarrier_wait(bars + K_FULL + 8 * keys.stage, keys.phase);
      for (; j >= tile.blocks.x; j--) {
        barrier_sync(BARRIER_TURN + wg, 256);
        wgmma_fence();
        issue_product<KEYS, 64>(s, q, memory + AT_K + keys.stage * KV_BYTES);
        wgmma_commit();
        mbarrier_wait(bars + V_FULL + 8 * values.stage, values.phase);
        wgmma_fence();
        issue_weighted<KEYS>(o, probabilities, memory + AT_V + values.stage * KV_BYTES);
        wgmma_commit();
        barrier_arrive(next, 256);
        wgmma_wait<1>();
        if (signals) mbarrier_arrive(bars + K_EMPTY + 8 * keys.stage);
        keys.next();
        float2 rescale = softmax_block(s, rows, j * KEYS, j * KEYS + KEYS - 1 > all_last, j * KEYS < all_first, p.scale_log2);
        // The exponentials run beside P V: the compiler would move the wait for it ahead of them, but not across this branch.
        keep_in_registers(s);
        if (j > tile.blocks.x) mbarrier_wait(bars + K_FULL + 8 * keys.stage, keys.phase);
        wgmma_wait<0>();
        if (signals) mbarrier_arrive(bars + V_EMPTY + 8 * values.stage);
        values.next();
        pack_operand<KEYS>(probabilities, s);
#pragma unroll
        for (int i = 0; i < D / 2; i++) o[i] *= i & 2 ? rescale.y : rescale.x;
      }

      mbarrier_wait(bars + V_FULL + 8 * values.stage, values.phase);
      wgmma_fence();
      issue_weighted<KEYS>(o, probabilities, memory + AT_V + values.stage * KV_BYTES);
      wgmma_commit();
      wgmma_wait<0>();
      if (signals) mbarrier_arrive(bars + V_EMPTY + 8 * values.stage);
      values.next();
    }
    if (signals) mbarrier_arrive(bars + Q_EMPTY);
    store_output(p, tile, o, rows, memory, wg);
  }
  if (signals) bulk_wait_read<0>();
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) attention_forward_sm90(const __grid_constant__ AttentionForward p) {
  DYNAMIC_SHARED(shared);
  u32 memory = shared_address(shared), bars = memory + AT_BARRIERS;
  if (threadIdx.x == 0) {
    if (memory & 1023) __trap();
    mbarrier_init(bars + Q_FULL, 1);
    mbarrier_init(bars + Q_EMPTY, CONSUMERS);
    for (int s = 0; s < STAGES; s++) {
      mbarrier_init(bars + K_FULL + 8 * s, 1);
      mbarrier_init(bars + V_FULL + 8 * s, 1);
      mbarrier_init(bars + K_EMPTY + 8 * s, CONSUMERS);
      mbarrier_init(bars + V_EMPTY + 8 * s, CONSUMERS);
    }
    fence_mbarrier_init();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    setmaxnreg_dec<PRODUCER_REGISTERS>();
    if (threadIdx.x < 32 && elect_one()) produce(p, memory);
  } else {
    setmaxnreg_inc<CONSUMER_REGISTERS>();
    consume(p, memory);
  }
}
