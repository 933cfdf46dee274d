// What the attention kernels for sm_80 and newer share: tiles by cp.async, fragments by ldmatrix, products by mma.sync m16n8k16.
//
// A tile of ROWS rows and HEAD_DIM channels lies in shared memory as HEAD_DIM / 64 chunks of ROWS x 128 bytes; the 16-byte units
// of a row are permuted by row % 8, so that the eight rows of a matrix lie in different banks. Fragment (i / 2, i & 1) of a 16 x
// 8 tile of accumulators is row lane / 4 + 8 (i / 2), column lane % 4 * 2 + (i & 1).
#pragma once
#include "attention.cuh"

#ifndef WARPS
#define WARPS 4
#endif
constexpr int D = HEAD_DIM, THREADS = 32 * WARPS;

template <int Rows> __device__ __forceinline__ u32 tile_unit(u32 tile, int row, int unit) {
  return tile + (unit / 8 * Rows + row) * 128 + ((unit ^ row) & 7) * 16;
}

// Starts the copy of rows row ... row + Rows - 1 of one head; zeros beyond the limit.
template <int Rows>
__device__ __forceinline__ void load_tile(u32 tile, const AttentionTensor& from, int batch, int head, int row, int limit) {
  constexpr int UNITS = D / 8;
  int unit = threadIdx.x % UNITS;
  const bf16* start = from.at(batch, head, 0) + unit * 8;
#pragma unroll
  for (int r = threadIdx.x / UNITS; r < Rows; r += THREADS / UNITS) {
    bool valid = row + r < limit;
    cp_async_16(tile_unit<Rows>(tile, r, unit), start + (valid ? row + r : 0) * from.row, valid);
  }
}

// A operand: 16 rows from `row`, 16 channels from 16 * k.
template <int Rows> __device__ __forceinline__ void load_rows(u32 (&a)[4], u32 tile, int row, int k) {
  int lane = threadIdx.x % 32;
  ldmatrix_x4(tile_unit<Rows>(tile, row + lane % 16, k * 2 + lane / 16), a);
}

// out += A B^T over the channels: A 16 rows of a tile of RowsA rows, B all rows of a tile of N rows.
template <int N, int RowsA> __device__ __forceinline__ void product(float (&out)[N / 8][4], u32 a_tile, int a_row, u32 b_tile) {
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < D / 16; k++) {
    u32 a[4];
    load_rows<RowsA>(a, a_tile, a_row, k);
#pragma unroll
    for (int n = 0; n < N / 16; n++) {
      u32 b[4];
      ldmatrix_x4(tile_unit<N>(b_tile, n * 16 + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2), b);
      mma_m16n8k16(out[2 * n], a, b[0], b[1]);
      mma_m16n8k16(out[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// Accumulators of 16 x 16 as the A operand of the next product.
__device__ __forceinline__ void pack_operand(u32 (&a)[4], const float (&left)[4], const float (&right)[4]) {
  a[0] = pack_bf16(left[0], left[1]);
  a[1] = pack_bf16(left[2], left[3]);
  a[2] = pack_bf16(right[0], right[1]);
  a[3] = pack_bf16(right[2], right[3]);
}

// out += A B: A 16 x Depth as accumulators, B a tile of Depth rows.
template <int Depth>
__device__ __forceinline__ void weighted(float (&out)[D / 8][4], const float (&x)[Depth / 8][4], u32 b_tile) {
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < Depth / 16; k++) {
    u32 a[4];
    pack_operand(a, x[2 * k], x[2 * k + 1]);
#pragma unroll
    for (int n = 0; n < D / 16; n++) {
      u32 b[4];
      ldmatrix_x4_trans(tile_unit<Depth>(b_tile, k * 16 + lane % 16, n * 2 + lane / 16), b);
      mma_m16n8k16(out[2 * n], a, b[0], b[1]);
      mma_m16n8k16(out[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// -inf where a column is beyond `last` or before `first` of its row.
template <int N>
__device__ __forceinline__ void mask_accumulators(float (&x)[N / 8][4], const int (&first)[2], const int (&last)[2], int column) {
  column += threadIdx.x % 4 * 2;
#pragma unroll
  for (int n = 0; n < N / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int c = column + n * 8 + i % 2;
      if (c > last[i / 2] || c < first[i / 2]) x[n][i] = NEGATIVE_INFINITY;
    }
}

// 16 rows of accumulators times a factor per row into a tile that only this warp uses, and from there to global memory.
template <int Rows>
__device__ __forceinline__ void store_rows(const AttentionTensor& to, int batch, int head, int row, int limit, u32 tile,
    int tile_row, const float (&x)[D / 8][4], float factor0, float factor1) {
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int n = 0; n < D / 8; n++) {
    store_shared_u32(tile_unit<Rows>(tile, tile_row + lane / 4, n) + lane % 4 * 4,
        pack_bf16(x[n][0] * factor0, x[n][1] * factor0));
    store_shared_u32(tile_unit<Rows>(tile, tile_row + lane / 4 + 8, n) + lane % 4 * 4,
        pack_bf16(x[n][2] * factor1, x[n][3] * factor1));
  }
  __syncwarp();
  constexpr int UNITS = D / 8;
#pragma unroll
  for (int r = lane / UNITS; r < 16; r += 32 / UNITS)
    if (row + r < limit)
      store_global_u32x4(to.at(batch, head, row + r) + lane % UNITS * 8,
          load_shared_u32x4(tile_unit<Rows>(tile, tile_row + r, lane % UNITS)));
}
