// Gated value embeddings: v[h] += gate[h] · table[token][h] with gate = 2 · sigmoid(x[:g] · gate_weightᵀ). One warp per token.
#include "training.cuh"

__device__ __forceinline__ float gate_sum(const bf16* x, const float* weight, int channels) {
  float z = 0;
  for (int c = threadIdx.x % Lanes; c < channels; c += Lanes) z = fmaf(bf16_to_float(x[c]), weight[c], z);
  return warp_sum(z);
}

// qkv: row length `columns`, values from `value_column` on. head_dim is a multiple of 8.
extern "C" __global__ void __launch_bounds__(256) value_embedding(
    bf16* qkv, const bf16* x, const bf16* table, const float* gate_weight, const int* tokens, float* gate, int rows, int columns,
    int value_column, int heads, int head_dim, int x_columns, int channels, int vocabulary, Fault* fault) {
  int lane = threadIdx.x % Lanes, width = heads * head_dim;
  for (i64 row = first_row(); row < rows; row += row_step()) {
    int token = tokens[row];
    bool valid = (u32)token < (u32)vocabulary;
    if (!valid && lane == 0) report(fault, FaultToken, token, row, vocabulary);
    for (int head = 0; head < heads; head++) {
      float z = gate_sum(x + row * x_columns, gate_weight + (i64)head * channels, channels);
      if (lane == 0) gate[row * heads + head] = 2 / (1 + __expf(-z));
    }
    __syncwarp();                                          // lane 0 wrote what all read
    if (!valid) continue;
    const bf16* embedding = table + (i64)token * width;
    bf16* value = qkv + row * columns + value_column;
    for (int i = lane * 8; i < width; i += Lanes * 8) {
      Vec8 v = load8(value + i), e = load8(embedding + i);
      float g = gate[row * heads + i / head_dim];
#pragma unroll
      for (int j = 0; j < 8; j++) v.v[j] = fmaf(g, e.v[j], v.v[j]);
      store8(value + i, v);
    }
  }
}

// dz[row, head] = (d_value · embedding) · gate · (1 − gate / 2), and dx[:, :channels] += dz · gate_weight when dx is not null.
// A head is spread over `lanes` lanes: head_dim / 8, but at most 32; a power of two.
extern "C" __global__ void __launch_bounds__(256) value_embedding_backward(
    const bf16* dqkv, const bf16* table, const float* gate_weight, const int* tokens, const float* gate, float* dz, bf16* dx,
    int rows, int columns, int value_column, int heads, int head_dim, int x_columns, int channels, int vocabulary, Fault* fault) {
  int lane = threadIdx.x % Lanes, lanes = min(Lanes, head_dim / 8), at_once = Lanes / lanes;
  for (i64 row = first_row(); row < rows; row += row_step()) {
    int token = tokens[row];
    bool valid = (u32)token < (u32)vocabulary;
    if (!valid && lane == 0) report(fault, FaultToken, token, row, vocabulary);
    const bf16* embedding = table + (i64)(valid ? token : 0) * heads * head_dim;
    const bf16* d_value = dqkv + row * columns + value_column;
    for (int first = 0; first < heads; first += at_once) {
      int head = first + lane / lanes;
      float product = 0;
      if (head < heads)
        for (int i = lane % lanes * 8; i < head_dim; i += lanes * 8)
          product += dot8(load8(d_value + head * head_dim + i), load8(embedding + head * head_dim + i));
      product = group_sum(product, lanes);
      if (head >= heads || lane % lanes != 0) continue;
      float g = gate[row * heads + head];
      dz[row * heads + head] = valid ? product * g * (1 - g / 2) : 0;
    }
    __syncwarp();                                          // some lanes wrote what all read
    if (!dx) continue;
    for (int c = lane; c < channels; c += Lanes) {
      float sum = bf16_to_float(dx[row * x_columns + c]);
      for (int head = 0; head < heads; head++) sum = fmaf(dz[row * heads + head], gate_weight[(i64)head * channels + c], sum);
      dx[row * x_columns + c] = float_to_bf16(sum);
    }
  }
}

// partials[block][head · channels + c] = sum over the block's rows of dz[row, head] · x[row, c]; one thread per pair.
extern "C" __global__ void __launch_bounds__(256) gate_weight_partials(
    const float* dz, const bf16* x, float* partials, int rows, int rows_per_block, int heads, int x_columns, int channels) {
  i64 first = (i64)blockIdx.x * rows_per_block, end = min(first + rows_per_block, (i64)rows);
  for (int pair = threadIdx.x; pair < heads * channels; pair += blockDim.x) {
    int head = pair / channels, c = pair % channels;
    float sum = 0;
#pragma unroll 4
    for (i64 row = first; row < end; row++) sum = fmaf(dz[row * heads + head], bf16_to_float(x[row * x_columns + c]), sum);
    partials[(i64)blockIdx.x * heads * channels + pair] = sum;
  }
}

// out[j] += sum over i of partials[i][j], in order. A warp per column.
extern "C" __global__ void __launch_bounds__(256) add_column_sums(const float* partials, int count, int width, float* out) {
  for (i64 column = first_row(); column < width; column += row_step()) {
    double sum = 0;
    for (int i = threadIdx.x % Lanes; i < count; i += Lanes) sum += partials[(i64)i * width + column];
    sum = warp_sum(sum);
    if (threadIdx.x % Lanes == 0) out[column] += (float)sum;
  }
}
