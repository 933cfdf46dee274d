// Softcapped cross-entropy over rows of bf16 logits, forward and backward in one pass and in place. One block of
// 256 threads per row.
#include "training.cuh"

constexpr int Threads = 256;
constexpr int IgnoreIndex = -1;

// Rows that count. `counted` was zeroed before; the sum of integers has no order.
extern "C" __global__ void __launch_bounds__(256) count_targets(const int* targets, i64 rows, int vocabulary, int* counted,
    Fault* fault) {
  int found = 0;
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += (i64)gridDim.x * blockDim.x) {
    int target = targets[i];
    if ((u32)target < (u32)vocabulary) found++;
    else if (target != IgnoreIndex) report(fault, FaultTarget, target, i, vocabulary);
  }
  for (int step = 16; step > 0; step >>= 1) found += __shfl_xor_sync(AllLanes, found, step);
  if (threadIdx.x % Lanes == 0 && found) atomicAdd(counted, found);
}

// cap · tanh(x / cap): absolute error around 1e-6, far below what bf16 logits can show.
__device__ __forceinline__ float softcap(float x, float cap, float rate) {
  return cap - 2 * cap * rcp_approx(1 + exp2_approx(x * rate));
}

// The logits of a thread: vectors `threadIdx.x + 256 k`. Up to 2048 · K columns stay in registers, K == 0 reads memory again.
template <int K, class Action> __device__ __forceinline__ void for_logits(int padded, Action action) {
  if constexpr (K > 0) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      int column = (threadIdx.x + Threads * k) * 8;
      if (column < padded) action(k, column);
    }
  } else {
    for (int column = threadIdx.x * 8; column < padded; column += Threads * 8) action(0, column);
  }
}

// logits: [rows, stride] with stride a multiple of 8, columns beyond the vocabulary undefined and set to zero on return when
// there are gradients. cap 0 is none. gradient_scale is divided by the number of rows that count.
template <int K> __device__ __forceinline__ void cross_entropy(
    bf16* logits, i64 stride, const int* targets, int vocabulary, float cap, float gradient_scale, const int* counted,
    float* losses, int gradients, float* scratch) {
  i64 row = blockIdx.x;
  bf16* line = logits + row * stride;
  int target = targets[row], padded = (vocabulary + 7) / 8 * 8;
  if ((u32)target >= (u32)vocabulary) {                    // ignored, or reported by count_targets
    if (threadIdx.x == 0) losses[row] = 0;
    if (gradients) for_logits<0>(padded, [&](int, int c) { store8(line + c, zero8()); });
    return;
  }
  float rate = cap > 0 ? 2 * 1.44269504f / cap : 0, inverse_cap = cap > 0 ? 1 / cap : 0;
  float wanted = bf16_to_float(line[target]);              // before anything is overwritten: barriers follow
  if (cap > 0) wanted = softcap(wanted, cap, rate);

  uint4 kept_bits[kept(K)];
  float most = __int_as_float((int)0xff800000);             // −∞
  for_logits<K>(padded, [&](int k, int c) {
    uint4 bits = load_global_u32x4(line + c);
    Vec8 x = unpack8(bits);
#pragma unroll
    for (int i = 0; i < 8; i++)
      if (c + i < vocabulary && (x.v[i] > most || x.v[i] != x.v[i])) most = x.v[i];
    kept_bits[k] = bits;
  });
  most = block_max(most, scratch);
  if (cap > 0) most = softcap(most, cap, rate);            // rising, so the largest stays the largest

  constexpr bool KeepCapped = K > 0 && K <= 4;             // 8 registers a vector
  Vec8 kept_capped[KeepCapped ? K : 1];
  auto capped = [&](int k, int c) {
    Vec8 x = K ? unpack8(kept_bits[k]) : load8(line + c);
    if (cap > 0) {
#pragma unroll
      for (int i = 0; i < 8; i++) x.v[i] = softcap(x.v[i], cap, rate);
    }
    return x;
  };
  constexpr float Log2E = 1.44269504f;
  float sum = 0, shift = most * Log2E;
  for_logits<K>(padded, [&](int k, int c) {
    Vec8 x = capped(k, c);
#pragma unroll
    for (int i = 0; i < 8; i++)
      if (c + i < vocabulary) sum += exp2_approx(x.v[i] * Log2E - shift);
    if constexpr (KeepCapped) kept_capped[k] = x;
  });
  sum = block_sum(sum, scratch);
  float log_sum = most + logf(sum);
  if (threadIdx.x == 0) losses[row] = log_sum - wanted;
  if (!gradients) return;

  float scale = gradient_scale / *counted;
  shift = log_sum * Log2E;
  for_logits<K>(padded, [&](int k, int c) {
    Vec8 x;
    if constexpr (KeepCapped) x = kept_capped[k];
    else x = capped(k, c);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      float t = x.v[i] * inverse_cap, p = exp2_approx(x.v[i] * Log2E - shift);
      if (c + i == target) p -= 1;
      x.v[i] = c + i < vocabulary ? p * (1 - t * t) * scale : 0;
    }
    store8(line + c, x);
  });
}

#define DEFINE(K)                                                                                                   \
  extern "C" __global__ void __launch_bounds__(Threads) cross_entropy_##K(                                          \
      bf16* logits, i64 stride, const int* targets, int vocabulary, float cap, float gradient_scale,                \
      const int* counted, float* losses, int gradients) {                                                           \
    __shared__ float scratch[Threads / Lanes];                                                                      \
    cross_entropy<K>(logits, stride, targets, vocabulary, cap, gradient_scale, counted, losses, gradients, scratch); \
  }
DEFINE(1) DEFINE(2) DEFINE(4) DEFINE(8) DEFINE(16) DEFINE(0)
#undef DEFINE

// Mean over the rows that count, 0 when none does. One block of 1024 threads.
extern "C" __global__ void __launch_bounds__(1024) mean_loss(const float* losses, i64 rows, const int* counted, float* loss) {
  __shared__ double scratch[Lanes];
  double sum = 0;
  for (i64 i = threadIdx.x; i < rows; i += blockDim.x) sum += losses[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) *loss = *counted ? (float)(sum / *counted) : 0;
}
