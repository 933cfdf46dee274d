// Gathers of rows of a table, and the sum of gradients per row of the table without atomics on floating-point numbers:
// the tokens are sorted by a stable radix sort, each tile of the sorted list is summed by one block, and runs that cross tiles
// are joined in order. The result depends on the input alone.
#include "training.cuh"

// y[i] = table[tokens[i]], normalised when inverse_rms is not null. A token outside the table is reported and gives zeros.
template <int V> __device__ __forceinline__ void embedding(
    const bf16* table, const int* tokens, bf16* y, float* inverse_rms, i64 rows, int columns, int vocabulary, Fault* fault) {
  for (i64 row = first_row(); row < rows; row += row_step()) {
    int token = tokens[row];
    bool valid = (u32)token < (u32)vocabulary;
    if (!valid && threadIdx.x % Lanes == 0) report(fault, FaultToken, token, row, vocabulary);
    const bf16* source = table + (i64)(valid ? token : 0) * columns;
    Vec8 kept_x[kept(V)];
    float squares = 0;
    for_vectors<V>(columns, [&](int k, int c) {
      kept_x[k] = valid ? load8(source + c) : zero8();
      squares += dot8(kept_x[k], kept_x[k]);
    });
    float inverse = inverse_rms ? rsqrtf(warp_sum(squares) / columns + NormEpsilon) : 1;
    if (inverse_rms && threadIdx.x % Lanes == 0) inverse_rms[row] = inverse;
    for_vectors<V>(columns, [&](int k, int c) {
      Vec8 v = V ? kept_x[k] : valid ? load8(source + c) : zero8();
#pragma unroll
      for (int i = 0; i < 8; i++) v.v[i] *= inverse;
      store8(y + row * columns + c, v);
    });
  }
}

#define DEFINE(V)                                                                                                           \
  extern "C" __global__ void __launch_bounds__(256) embedding_##V(                                                          \
      const bf16* table, const int* tokens, bf16* y, float* inverse_rms, i64 rows, int columns, int vocabulary, Fault* fault) { \
    embedding<V>(table, tokens, y, inverse_rms, rows, columns, vocabulary, fault);                                          \
  }
FOR_ROW_LENGTHS(DEFINE)
#undef DEFINE

// projection[row] = mean(dy · y): what the gradient of the normalisation subtracts.
template <int V>
__device__ __forceinline__ void row_projection(const bf16* dy, const bf16* y, float* projection, i64 rows, int columns) {
  for (i64 row = first_row(); row < rows; row += row_step()) {
    float product = 0;
    for_vectors<V>(columns, [&](int, int c) { product += dot8(load8(dy + row * columns + c), load8(y + row * columns + c)); });
    product = warp_sum(product);
    if (threadIdx.x % Lanes == 0) projection[row] = product / columns;
  }
}

extern "C" __global__ void __launch_bounds__(256) embedding_projection(
    const bf16* dy, const bf16* y, float* projection, i64 rows, int columns) {
  row_projection<0>(dy, y, projection, rows, columns);
}

// ---------------------------------------------------------------------------------------------- stable radix sort, 8 bits a pass
constexpr int Chunk = 1024, Digits = 256;

__device__ __forceinline__ int checked_key(int token, i64 position, int vocabulary, Fault* fault) {
  if ((u32)token < (u32)vocabulary) return token;
  report(fault, FaultToken, token, position, vocabulary);
  return vocabulary;                                       // sorted to the end, belongs to no row
}

// The digits of a chunk, four to a word, so that every thread can look at all of them quickly.
__device__ __forceinline__ int load_digits(const int* keys, int count, int vocabulary, int shift, Fault* fault, u8* digits) {
  i64 start = (i64)blockIdx.x * Chunk;
  int here = min((i64)Chunk, (i64)count - start);
  for (int i = threadIdx.x; i < here; i += blockDim.x)
    digits[i] = (u8)(checked_key(keys[start + i], start + i, vocabulary, fault) >> shift);
  __syncthreads();
  return here;
}

// counts[digit][chunk]; 256 threads, one for each digit.
extern "C" __global__ void __launch_bounds__(Digits) sort_count(
    const int* keys, int count, int vocabulary, int shift, int* counts, Fault* fault) {
  __shared__ u32 words[Chunk / 4];
  int here = load_digits(keys, count, vocabulary, shift, fault, (u8*)words), mine = threadIdx.x, found = 0;
  for (int i = 0; i < here; i += 4) {
    u32 four = words[i / 4];
#pragma unroll
    for (int j = 0; j < 4; j++) found += (four >> (8 * j) & 255) == mine && i + j < here;
  }
  counts[(i64)mine * gridDim.x + blockIdx.x] = found;
}

// Exclusive running sum over all counts, in place. One block of 1024 threads.
extern "C" __global__ void __launch_bounds__(1024) sort_scan(int* counts, int length) {
  __shared__ int sums[Lanes];
  int warp = threadIdx.x / Lanes, lane = threadIdx.x % Lanes, before = 0;
  for (int first = 0; first < length; first += blockDim.x) {
    int i = first + threadIdx.x, value = i < length ? counts[i] : 0, running = value;
    for (int step = 1; step < Lanes; step <<= 1) {
      int other = __shfl_up_sync(AllLanes, running, (u32)step);
      if (lane >= step) running += other;
    }
    if (lane == Lanes - 1) sums[warp] = running;
    __syncthreads();
    int ahead = 0, all = 0;
    for (int w = 0; w < (int)blockDim.x / Lanes; w++) {
      if (w < warp) ahead += sums[w];
      all += sums[w];
    }
    if (i < length) counts[i] = before + ahead + running - value;
    before += all;
    __syncthreads();
  }
}

// Moves keys and positions to their places; positions == null stands for 0, 1, 2 …
extern "C" __global__ void __launch_bounds__(Digits) sort_scatter(
    const int* keys, const int* positions, int count, int vocabulary, int shift, const int* offsets,
    int* sorted_keys, int* sorted_positions, Fault* fault) {
  __shared__ u32 words[Chunk / 4];
  int here = load_digits(keys, count, vocabulary, shift, fault, (u8*)words), mine = threadIdx.x;
  i64 start = (i64)blockIdx.x * Chunk;
  int next = offsets[(i64)mine * gridDim.x + blockIdx.x];
  for (int first = 0; first < here; first += 4) {
    u32 four = words[first / 4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int i = first + j;
      if ((four >> (8 * j) & 255) != mine || i >= here) continue;
      int key = keys[start + i];
      sorted_keys[next] = (u32)key < (u32)vocabulary ? key : vocabulary;
      sorted_positions[next] = positions ? positions[start + i] : (int)(start + i);
      next++;
    }
  }
}

// ------------------------------------------------------------------------------------------------ sums per row of the table
constexpr int Tile = 64;

// One row of gradients as fp32: the plain row, that of a normalisation (inverse and projection given, `normed` the outputs), or
// the row times a gate per head.
struct Source {
  const bf16* rows;
  i64 row_stride;
  const bf16* normed;
  const float* inverse;
  const float* projection;
  const float* gate;                                       // of the column's head
  int heads;
};

__device__ __forceinline__ Vec8 source_vector(const Source& s, i64 row, int column) {
  Vec8 x = load8(s.rows + row * s.row_stride + column);
  if (s.normed) {
    Vec8 n = load8(s.normed + row * s.row_stride + column);
    float inverse = s.inverse[row], projection = s.projection[row];
#pragma unroll
    for (int i = 0; i < 8; i++) x.v[i] = inverse * (x.v[i] - n.v[i] * projection);
  } else if (s.gate) {
    float gate = s.gate[row * s.heads];
#pragma unroll
    for (int i = 0; i < 8; i++) x.v[i] *= gate;
  }
  return x;
}

__device__ __forceinline__ void store_sum(float* p, const Vec8& x, bool add) {
  float4 a = make_float4(x.v[0], x.v[1], x.v[2], x.v[3]), b = make_float4(x.v[4], x.v[5], x.v[6], x.v[7]);
  if (add) {
    float4 c = *(const float4*)p, d = *(const float4*)(p + 4);
    a = make_float4(a.x + c.x, a.y + c.y, a.z + c.z, a.w + c.w);
    b = make_float4(b.x + d.x, b.y + d.y, b.z + d.z, b.w + d.w);
  }
  *(float4*)p = a;
  *(float4*)(p + 4) = b;
}

// A block per tile (x) and part of the columns (y). A run inside the tile goes into the table; one that came from the tile before
// goes to head[tile], one that begins here and goes on in the next tile to tail[tile].
extern "C" __global__ void __launch_bounds__(128) segment_sum(
    const int* keys, const int* positions, int count, int vocabulary, const bf16* rows, i64 row_stride, const bf16* normed,
    const float* inverse, const float* projection, const float* gate, int heads, int head_dim, int columns,
    float* table, float* head, float* tail) {
  __shared__ int tile_keys[Tile + 2], tile_positions[Tile];
  i64 start = (i64)blockIdx.x * Tile;
  int here = min((i64)Tile, (i64)count - start);
  for (int i = threadIdx.x; i < here + 2; i += blockDim.x) {
    i64 at = start + i - 1;
    tile_keys[i] = at >= 0 && at < count ? keys[at] : -1;
  }
  for (int i = threadIdx.x; i < here; i += blockDim.x) tile_positions[i] = positions[start + i];
  __syncthreads();
  int column = ((int)blockIdx.y * blockDim.x + threadIdx.x) * 8;
  if (column >= columns) return;
  Source source = {rows, row_stride, normed, inverse, projection, gate ? gate + column / head_dim : gate, heads};
  constexpr int Ahead = 4;                                 // rows in flight
  Vec8 sum = zero8(), next[Ahead];
  bool continued = tile_keys[0] == tile_keys[1];           // the current run came from the tile before
  for (int first = 0; first < here; first += Ahead) {
#pragma unroll
    for (int j = 0; j < Ahead; j++)
      if (first + j < here && tile_keys[first + j + 1] < vocabulary)
        next[j] = source_vector(source, tile_positions[first + j], column);
#pragma unroll
    for (int j = 0; j < Ahead; j++) {
      int i = first + j;
      if (i >= here) break;
      int key = tile_keys[i + 1];
      if (key >= vocabulary) break;
      add8(sum, next[j]);
      bool goes_on = tile_keys[i + 2] == key;
      if (goes_on && i + 1 < here) continue;
      if (continued) store_sum(head + (i64)blockIdx.x * columns + column, sum, false);
      else if (goes_on) store_sum(tail + (i64)blockIdx.x * columns + column, sum, false);
      else store_sum(table + (i64)key * columns + column, sum, true);
      sum = zero8();
      continued = false;
    }
  }
}

// Joins the runs that cross tiles: the block of the tile in which a run begins adds up its parts in order.
extern "C" __global__ void __launch_bounds__(128) segment_join(
    const int* keys, int count, int vocabulary, int columns, float* table, const float* head, const float* tail) {
  i64 tile = blockIdx.x, last = (tile + 1) * Tile - 1;
  if (last + 1 >= count) return;
  int key = keys[last];
  if (key >= vocabulary || keys[last + 1] != key) return;                       // nothing goes on
  i64 start = tile * Tile;
  if (keys[start] == key && start > 0 && keys[start - 1] == key) return;        // it began in an earlier tile
  int column = ((int)blockIdx.y * blockDim.x + threadIdx.x) * 8;
  if (column >= columns) return;
  i64 low = last + 1, high = count;                        // the run's end: keys are sorted
  while (low < high) {
    i64 middle = (low + high) / 2;
    if (keys[middle] == key) low = middle + 1;
    else high = middle;
  }
  i64 tiles = (low + Tile - 1) / Tile;                     // one past the last tile of the run
  const float* first = tail + tile * columns + column;
  float4 a = *(const float4*)first, b = *(const float4*)(first + 4);
  Vec8 sum = {{a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w}};
#pragma unroll 8
  for (i64 t = tile + 1; t < tiles; t++) {
    const float* part = head + t * columns + column;
    float4 c = *(const float4*)part, d = *(const float4*)(part + 4);
    add8(sum, {{c.x, c.y, c.z, c.w, d.x, d.y, d.z, d.w}});
  }
  store_sum(table + (i64)key * columns + column, sum, true);
}
