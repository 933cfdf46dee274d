// What the Hopper attention kernels share: buffers in shared memory, products of warpgroups, masks and epilogues on accumulators.
//
// A tile of `rows` rows and HEAD_DIM channels lies in shared memory as HEAD_DIM / 64 chunks of rows x 128
// bytes, 128-byte swizzle.
#pragma once
#include "attention.cuh"

constexpr int D = HEAD_DIM, CHUNKS = D / 64;

// Number of the thread's warpgroup, known to the compiler to be the same for a warp: descriptors stay in uniform registers.
__device__ __forceinline__ int warpgroup() { return __shfl_sync(~0u, (int)threadIdx.x / 128, 0); }

// Position in a ring of buffers, and how often it has gone round.
template <int Stages> struct Ring {
  u32 stage = 0, phase = 0;
  __device__ __forceinline__ void next() {
    if (++stage == Stages) { stage = 0; phase ^= 1; }
  }
};

// Rows row ... row + rows - 1 of one head, in boxes of BOX rows; the barrier must have been told of their bytes.
template <int Rows, int Box>
__device__ __forceinline__ void load_tile(const TensorMap* map, u32 to, u32 full, int row, int head, int batch) {
#pragma unroll
  for (int c = 0; c < CHUNKS; c++)
#pragma unroll
    for (int r = 0; r < Rows; r += Box) tma_load_4d(to + (c * Rows + r) * 128, map, full, c * 64, row + r, head, batch);
}

// out = A B^T over the channels: A 64 rows of a tile of RowsA rows, B all N rows of its tile.
template <int N, int RowsA> __device__ __forceinline__ void issue_product(float (&out)[N / 2], u32 a, u32 b) {
#pragma unroll
  for (int i = 0; i < D / 16; i++)
    wgmma_ss<N>(out, wgmma_descriptor(a + i / 4 * RowsA * 128 + i % 4 * 32, 16, 1024),
                wgmma_descriptor(b + i / 4 * N * 128 + i % 4 * 32, 16, 1024), i > 0);
}

// out += A B: A 64 x Depth in registers, B a tile of Depth rows.
template <int Depth> __device__ __forceinline__ void issue_weighted(float (&out)[D / 2], const u32 (&a)[Depth / 16][4], u32 b) {
#pragma unroll
  for (int i = 0; i < Depth / 16; i++) wgmma_rs<D, 1>(out, a[i], wgmma_descriptor(b + i * 16 * 128, Depth * 128, 1024), 1);
}

// Accumulators are laid out as the A operand of the next product wants them.
template <int N> __device__ __forceinline__ void pack_operand(u32 (&a)[N / 16][4], const float (&x)[N / 2]) {
#pragma unroll
  for (int i = 0; i < N / 16; i++)
#pragma unroll
    for (int r = 0; r < 4; r++) a[i][r] = pack_bf16(x[i * 8 + r * 2], x[i * 8 + r * 2 + 1]);
}

// -inf where a column is beyond `last` (if `late`) or before `first` (if `early`) of its row; the thread's rows are 8 apart.
template <int N>
__device__ __forceinline__ void mask_accumulators(float (&x)[N / 2], const int (&first)[2], const int (&last)[2], int column,
    bool late, bool early) {
  column += threadIdx.x % 4 * 2;
  if (late) {
    int last0 = last[0] - column, last1 = last[1] - column;
#pragma unroll
    for (int i = 0; i < N / 2; i++)
      if (i / 4 * 8 + i % 2 > (i & 2 ? last1 : last0)) x[i] = NEGATIVE_INFINITY;
  }
  if (early) {
    int first0 = first[0] - column, first1 = first[1] - column;
#pragma unroll
    for (int i = 0; i < N / 2; i++)
      if (i / 4 * 8 + i % 2 < (i & 2 ? first1 : first0)) x[i] = NEGATIVE_INFINITY;
  }
}

// 64 x N accumulators times a factor per row, as bf16 in a tile of 64 rows (N / 64 chunks, TileRows apart).
template <int N, int TileRows>
__device__ __forceinline__ void write_accumulators(u32 to, const float (&x)[N / 2], float factor0, float factor1) {
  int lane = threadIdx.x % 32, line = threadIdx.x / 32 % 4 * 16 + lane % 16;
#pragma unroll
  for (int i = 0; i < N / 16; i++) {
    const float* y = &x[i * 8];
    stmatrix_x4(to + i / 4 * TileRows * 128 + line * 128 + ((i % 4 * 2 + lane / 16) ^ (line & 7)) * 16,
                pack_bf16(y[0] * factor0, y[1] * factor0), pack_bf16(y[2] * factor1, y[3] * factor1),
                pack_bf16(y[4] * factor0, y[5] * factor0), pack_bf16(y[6] * factor1, y[7] * factor1));
  }
}

// A tile of 64 rows to global memory by one thread; rows beyond the sequence are clipped by the tensor map.
__device__ __forceinline__ void store_tile(const TensorMap* map, u32 from, int row, int head, int batch) {
#pragma unroll
  for (int c = 0; c < CHUNKS; c++) tma_store_4d(map, from + c * 64 * 128, c * 64, row, head, batch);
}
