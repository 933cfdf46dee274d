// AdamW over all tensors in one launch, Muon's elementwise parts over batches of equal matrices, and the norm of all gradients.
// Settings that change from step to step lie in device memory, so that a recorded graph can be replayed with new ones.
#include "training.cuh"

constexpr int Threads = 256;

__device__ __forceinline__ float4 load4(const float* p) { return *(const float4*)p; }

// ------------------------------------------------------------------------------------------------ AdamW
// One tensor; blocks first_block … belong to it, each with BlockElements elements.
struct AdamTensor {
  float *parameter, *gradient, *first, *second;
  bf16* shadow;                                            // rounded copy of the parameter, or null
  i64 count, first_block;
  // keep = 1 − lr · decay, rate = lr / bias1, bias2 = 1 / (1 − beta2^step)
  float keep, rate, beta1, beta2, epsilon, bias2;
};

constexpr int BlockElements = Threads * 16;

__device__ __forceinline__ float adam(const AdamTensor& t, float p, float g, float& m, float& v) {
  m = t.beta1 * m + (1 - t.beta1) * g;
  v = t.beta2 * v + (1 - t.beta2) * g * g;
  return p * t.keep - __fdividef(t.rate * m, sqrtf(v * t.bias2) + t.epsilon);
}

// The tensor a block works on: the last one that begins at or before it.
template <class Table> __device__ __forceinline__ int tensor_of(const Table* tensors, int count) {
  int low = 0, high = count - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (tensors[middle].first_block <= (i64)blockIdx.x) low = middle;
    else high = middle - 1;
  }
  return low;
}

extern "C" __global__ void __launch_bounds__(Threads) adamw(const AdamTensor* tensors, int tensor_count, int clear) {
  const AdamTensor t = tensors[tensor_of(tensors, tensor_count)];
  i64 start = ((i64)blockIdx.x - t.first_block) * BlockElements, end = min(start + BlockElements, t.count);
  for (i64 i = start + threadIdx.x * 4; i < end; i += Threads * 4) {
    if (i + 4 <= end) {
      float4 p = load4(t.parameter + i), g = load4(t.gradient + i), m = load4(t.first + i), v = load4(t.second + i);
      p.x = adam(t, p.x, g.x, m.x, v.x);
      p.y = adam(t, p.y, g.y, m.y, v.y);
      p.z = adam(t, p.z, g.z, m.z, v.z);
      p.w = adam(t, p.w, g.w, m.w, v.w);
      *(float4*)(t.parameter + i) = p;
      *(float4*)(t.first + i) = m;
      *(float4*)(t.second + i) = v;
      if (clear) *(float4*)(t.gradient + i) = make_float4(0, 0, 0, 0);
      if (t.shadow) *(uint2*)(t.shadow + i) = make_uint2(pack_bf16(p.x, p.y), pack_bf16(p.z, p.w));
      continue;
    }
    for (i64 j = i; j < end; j++) {
      float m = t.first[j], v = t.second[j], p = adam(t, t.parameter[j], t.gradient[j], m, v);
      t.parameter[j] = p;
      t.first[j] = m;
      t.second[j] = v;
      if (clear) t.gradient[j] = 0;
      if (t.shadow) t.shadow[j] = float_to_bf16(p);
    }
  }
}

// ------------------------------------------------------------------------------------------------ gradient norm
struct GradientTensor {
  float* gradient;
  i64 count, first_block;
};

// Squares are summed in double precision: finite gradients never overflow.
extern "C" __global__ void __launch_bounds__(Threads) sum_squares(const GradientTensor* tensors, int tensor_count,
    double* partials) {
  __shared__ double scratch[Threads / Lanes];
  const GradientTensor t = tensors[tensor_of(tensors, tensor_count)];
  i64 start = ((i64)blockIdx.x - t.first_block) * BlockElements, end = min(start + BlockElements, t.count);
  double sum = 0;
  for (i64 i = start + threadIdx.x; i < end; i += Threads) sum += (double)t.gradient[i] * t.gradient[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

// One block: norm[0] = the norm, norm[1] = min(1, limit / norm), 1 when limit is 0 or the norm is NaN.
extern "C" __global__ void __launch_bounds__(Threads) finish_norm(const double* partials, int count, double limit, double* norm) {
  __shared__ double scratch[Threads / Lanes];
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += Threads) sum += partials[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x != 0) return;
  double root = sqrt(sum);
  norm[0] = root;
  norm[1] = limit > 0 && root > limit ? limit / root : 1;
}

extern "C" __global__ void __launch_bounds__(Threads) scale_gradients(const GradientTensor* tensors, int tensor_count,
    const double* norm) {
  float factor = (float)norm[1];
  if (factor == 1) return;
  const GradientTensor t = tensors[tensor_of(tensors, tensor_count)];
  i64 start = ((i64)blockIdx.x - t.first_block) * BlockElements, end = min(start + BlockElements, t.count);
  for (i64 i = start + threadIdx.x; i < end; i += Threads) t.gradient[i] *= factor;
}

// ------------------------------------------------------------------------------------------------ Muon
// The matrices of a batch and this step's settings.
struct MuonMatrix {
  float *parameter, *gradient;
  bf16* shadow;
};

struct MuonSettings { float beta, rate, decay, beta2; };

__device__ __forceinline__ float lerp(float a, float b, float share) { return a + share * (b - a); }

// momentum ← lerp(momentum, gradient, 1 − beta); partials[matrix][block] = squares of the Nesterov direction.
// Grid (blocks, matrices).
extern "C" __global__ void __launch_bounds__(Threads) muon_momentum(
    const MuonMatrix* matrices, const MuonSettings* settings, float* momentum, float* partials, i64 size) {
  __shared__ float scratch[Threads / Lanes];
  const float* gradient = matrices[blockIdx.y].gradient;
  float beta = settings->beta, squares = 0, *m = momentum + blockIdx.y * size;
  for (i64 i = (i64)blockIdx.x * Threads + threadIdx.x; i < size; i += (i64)gridDim.x * Threads) {
    float g = gradient[i], updated = lerp(m[i], g, 1 - beta), direction = lerp(g, updated, beta);
    m[i] = updated;
    squares = fmaf(direction, direction, squares);
  }
  squares = block_sum(squares, scratch);
  if (threadIdx.x == 0) partials[(i64)blockIdx.y * gridDim.x + blockIdx.x] = squares;
}

// x = direction / (1.02 · norm + 1e-6), rounded once. Same grid.
extern "C" __global__ void __launch_bounds__(Threads) muon_direction(
    const MuonMatrix* matrices, const MuonSettings* settings, const float* momentum, const float* partials, bf16* x, i64 size,
    int clear) {
  float* gradient = matrices[blockIdx.y].gradient;
  double squares = 0;
  for (int i = 0; i < (int)gridDim.x; i++) squares += partials[(i64)blockIdx.y * gridDim.x + i];
  float factor = (float)(1 / (sqrt(squares) * 1.02 + 1e-6)), beta = settings->beta;
  for (i64 i = (i64)blockIdx.x * Threads + threadIdx.x; i < size; i += (i64)gridDim.x * Threads) {
    float g = gradient[i];
    x[blockIdx.y * size + i] = float_to_bf16(lerp(g, momentum[blockIdx.y * size + i], beta) * factor);
    if (clear) gradient[i] = 0;
  }
}

// square = c · square + b · gram + a · identity, of matrices [n, n] one after another.
extern "C" __global__ void __launch_bounds__(Threads) polar_polynomial(const bf16* gram, bf16* square, i64 count, int n, float a,
    float b, float c) {
  for (i64 i = (i64)blockIdx.x * Threads + threadIdx.x; i < count; i += (i64)gridDim.x * Threads) {
    bool diagonal = i / n % n == i % n;
    float sum = c * bf16_to_float(square[i]) + b * bf16_to_float(gram[i]);
    square[i] = float_to_bf16(diagonal ? sum + a : sum);
  }
}

// Per row of a tall matrix (rows ≥ columns): mean of squares into the running second moment. A warp per row; grid (…, matrices).
extern "C" __global__ void __launch_bounds__(Threads) muon_row_moments(
    const bf16* x, const MuonSettings* settings, float* second, float* squares, int rows, int columns) {
  for (i64 row = first_row(); row < rows; row += row_step()) {
    i64 line = (i64)blockIdx.y * rows + row;
    float sum = 0;
    for (int c = threadIdx.x % Lanes; c < columns; c += Lanes) {
      float v = bf16_to_float(x[line * columns + c]);
      sum = fmaf(v, v, sum);
    }
    sum = warp_sum(sum);
    if (threadIdx.x % Lanes != 0) continue;
    second[line] = lerp(second[line], sum / columns, 1 - settings->beta2);
    squares[line] = sum;
  }
}

// The same per column of a wide matrix: 32 columns a block, 8 threads each take every eighth row.
extern "C" __global__ void __launch_bounds__(Threads) muon_column_moments(
    const bf16* x, const MuonSettings* settings, float* second, float* squares, int rows, int columns) {
  __shared__ float parts[Threads];
  int column = blockIdx.x * Lanes + threadIdx.x % Lanes;
  i64 start = (i64)blockIdx.y * rows * columns;
  float sum = 0;
  if (column < columns)
    for (int row = threadIdx.x / Lanes; row < rows; row += Threads / Lanes) {
      float v = bf16_to_float(x[start + (i64)row * columns + column]);
      sum = fmaf(v, v, sum);
    }
  parts[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x >= Lanes || column >= columns) return;
  for (int i = 1; i < Threads / Lanes; i++) sum += parts[threadIdx.x + i * Lanes];
  i64 at = (i64)blockIdx.y * columns + column;
  second[at] = lerp(second[at], sum / rows, 1 - settings->beta2);
  squares[at] = sum;
}

// ratio[matrix] = norm / norm after division by the root of the second moment. One block per matrix.
extern "C" __global__ void __launch_bounds__(Threads) muon_ratio(const float* second, const float* squares, float* ratio,
    int kept_count) {
  __shared__ double scratch[Threads / Lanes];
  double norm = 0, scaled = 0;
  for (int i = threadIdx.x; i < kept_count; i += Threads) {
    i64 at = (i64)blockIdx.x * kept_count + i;
    norm += squares[at];
    scaled += squares[at] / (double)fmaxf(second[at], 1e-10f);
  }
  norm = block_sum(norm, scratch);
  scaled = block_sum(scaled, scratch);
  if (threadIdx.x == 0) ratio[blockIdx.x] = (float)(sqrt(norm) / fmax(sqrt(scaled), 1e-10));
}

// p −= rate · (update + decay · p where both have the same sign). Grid (blocks, matrices).
extern "C" __global__ void __launch_bounds__(Threads) muon_update(
    const bf16* x, const MuonMatrix* matrices, const MuonSettings* settings, const float* second, const float* ratio, int rows,
    int columns, int per_row) {
  const MuonMatrix matrix = matrices[blockIdx.y];
  i64 size = (i64)rows * columns, kept_start = (i64)blockIdx.y * (per_row ? rows : columns);
  float rate = settings->rate, decay = settings->decay, overall = ratio[blockIdx.y];
  for (i64 i = (i64)blockIdx.x * Threads + threadIdx.x; i < size; i += (i64)gridDim.x * Threads) {
    i64 at = kept_start + (per_row ? i / columns : i % columns);
    float update = bf16_to_float(x[blockIdx.y * size + i]) * overall * rsqrtf(fmaxf(second[at], 1e-10f)), p = matrix.parameter[i];
    p -= rate * (update + (update * p >= 0 ? decay * p : 0));
    matrix.parameter[i] = p;
    if (matrix.shadow) matrix.shadow[i] = float_to_bf16(p);
  }
}
