// Runs CUDA kernels on a CPU: the second implementation of the primitives of ptx.cuh, for g++ on x86-64 Linux.
//
// One block runs at a time and every CUDA thread is a fiber on one OS thread. Warps run in random order and are held back at
// random; asynchronous units behave as badly as the documentation allows:
//   cp.async, TMA loads   the destination is 0xFF from the moment of issue; data land only when nothing else can run (TMA, in
//                         random order) or at the wait (cp.async);
//   wgmma                 operands are read at a random moment between issue and wait; the accumulators hold NaN until the wait;
//   TMA stores, reductions shared memory is read, and global memory written, at the wait or at the end of the block;
//   shared memory         0xFF before the block starts.
// So a missing wait gives NaN or a wrong number, a missing arrive gives "DEADLOCK" with a list of who waits for what. Reported as
// errors besides: shared addresses out of range or misaligned, use of an mbarrier that nobody initialised, too many arrivals,
// accumulators of a wgmma that was never committed, asynchronous work left behind by a block, generic writes to shared memory
// that an asynchronous unit reads without fence.proxy.async, wgmma without wgmma.fence, warps whose lanes meet in different
// instructions, register budgets of setmaxnreg that do not add up. Global memory is checked by guard pages around each buffer.
//
// Not seen: bank conflicts, registers and spills, the rounding of the device's special functions, missing memory fences between
// blocks, clusters, speed.
#pragma once
#define EMULATOR 1
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <utility>

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i32 = int;
using i64 = long long;

struct dim3 {
  u32 x = 1, y = 1, z = 1;
  dim3(u32 x = 1, u32 y = 1, u32 z = 1) : x(x), y(y), z(z) {}
};
#define EMU_HIDDEN __attribute__((visibility("hidden")))
extern EMU_HIDDEN dim3 threadIdx, blockIdx, blockDim, gridDim;

struct TensorMap;

// The machine behind the primitives (emulator.cpp).
namespace emu {
constexpr u32 SharedBase = 1024;                 // the first part of the shared window belongs to the system
extern EMU_HIDDEN char* shared_window;
extern EMU_HIDDEN u32 shared_end;
extern EMU_HIDDEN int current;                   // linear index of the running thread

void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
inline int lane() { return current % 32; }
char* shared_at(u32 address, u32 bytes);
void note_generic_write(u32 address, u32 bytes);
void publish();
void barrier_sync(u32 id, u32 threads);
void barrier_arrive(u32 id, u32 threads);
u32 block_barrier(u32 vote);                     // the number of votes
void sync_warp(u32 mask);
u64 exchange_bits(u32 mask, u64 bits, int source);
u32 vote(u32 mask, bool predicate);

void cp_async(u32 dst, const void* src, u32 bytes, u32 valid);
void cp_async_commit();
void cp_async_finish(u32 in_flight);
void mbarrier_init(u32 bar, u32 arrivals);
void mbarrier_arrive(u32 bar);
void mbarrier_expect(u32 bar, u32 bytes);
void mbarrier_wait(u32 bar, u32 parity);
void tma_load(u32 dst, const TensorMap* map, u32 bar, const int* c, u32 rank);
void tma_store(const TensorMap* map, u32 src, const int* c, u32 rank, bool add);
void bulk_load(u32 dst, const void* src, u32 bytes, u32 bar);
void bulk_reduce_f32(void* dst, u32 src, u32 bytes);
void bulk_commit();
void bulk_finish(u32 in_flight);

void ldmatrix(u32 address, u32* registers, int count, bool transposed);
void stmatrix(u32 address, u32* registers, int count, bool transposed);
void mma(float* d, const u32* a, const u32* b);
void wgmma_issue(float* acc, int n, const u32* a, u64 desc_a, u64 desc_b, bool accumulate, bool transpose_a, bool transpose_b);
void wgmma_fence();
void wgmma_commit();
void wgmma_finish(u32 in_flight);
void setmaxnreg(u32 registers);
int register_kernel(const char* name, void (*call)(const void*, void**), const void* kernel);

template <class T> inline T exchange(u32 mask, T value, int source) {
  static_assert(sizeof(T) <= 8, "shuffle of at most 8 bytes");
  u64 bits = 0;
  memcpy(&bits, &value, sizeof value);
  bits = exchange_bits(mask, bits, source);
  memcpy(&value, &bits, sizeof value);
  return value;
}

template <class... A, size_t... I> inline void invoke(void (*kernel)(A...), void** p, std::index_sequence<I...>) {
  kernel(*(A*)p[I]...);
}
template <class... A> inline int register_kernel(const char* name, void (*kernel)(A...)) {
  return register_kernel(name, [](const void* k, void** p) { invoke((void (*)(A...))k, p, std::index_sequence_for<A...>()); },
      (const void*)kernel);
}
}  // namespace emu

// Makes a kernel callable by name.
#define EMU_KERNEL(name) static int emu_registered_##name = emu::register_kernel(#name, name);

// ------------------------------------------------------------------------------------------------ the language of CUDA C++
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __constant__ static
#define __restrict__ __restrict
#define __align__(n) alignas(n)
// Static shared arrays: only inside kernels that are no templates (g++ wants one linkage per section).
#define __shared__ static __attribute__((section("emu_shared")))
// Dynamic shared memory: DYNAMIC_SHARED(name) declares `char* name`.
#define DYNAMIC_SHARED(name) char* name = emu::shared_window + emu::SharedBase

constexpr int warpSize = 32;

#define EMU_VECTORS(T, name, a2, a4)                                            \
  struct alignas(a2) name##2 { T x, y; };                                       \
  struct name##3 { T x, y, z; };                                                \
  struct alignas(a4) name##4 { T x, y, z, w; };                                 \
  static inline name##2 make_##name##2(T x, T y) { return {x, y}; }             \
  static inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }     \
  static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMU_VECTORS(float, float, 8, 16)
EMU_VECTORS(int, int, 8, 16)
EMU_VECTORS(u32, uint, 8, 16)
EMU_VECTORS(u16, ushort, 4, 8)
#undef EMU_VECTORS

// ------------------------------------------------------------------------------------------------ arithmetic
template <class To, class From> static inline To emu_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "size");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
static inline u32 __float_as_uint(float f) { return emu_bits<u32>(f); }
static inline int __float_as_int(float f) { return emu_bits<int>(f); }
static inline float __uint_as_float(u32 u) { return emu_bits<float>(u); }
static inline float __int_as_float(int i) { return emu_bits<float>(i); }
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
#define __expf expf      // glibc declares functions of these names
#define __logf logf
#define __log2f log2f
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float x) { return 1 / x; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }
static inline int __popc(u32 x) { return __builtin_popcount(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline u32 __umulhi(u32 a, u32 b) { return (u32)(((u64)a * b) >> 32); }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline u32 min(u32 a, u32 b) { return a < b ? a : b; }
static inline u32 max(u32 a, u32 b) { return a > b ? a : b; }
static inline i64 min(i64 a, i64 b) { return a < b ? a : b; }
static inline i64 max(i64 a, i64 b) { return a > b ? a : b; }
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
template <class T> static inline T __ldg(const T* p) { return *p; }
static inline void __trap() { emu::fail("__trap()"); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __nanosleep(u32) {}

// ------------------------------------------------------------------------------------------------ warps and blocks
static inline void __syncwarp(u32 mask = ~0u) { emu::sync_warp(mask); }

template <class T> static inline T __shfl_sync(u32 mask, T v, int source, int width = 32) {
  int l = emu::lane();
  return emu::exchange(mask, v, (l & ~(width - 1)) | (source & (width - 1)));
}
template <class T> static inline T __shfl_xor_sync(u32 mask, T v, int with, int width = 32) {
  int l = emu::lane(), s = l ^ with;
  return emu::exchange(mask, v, (s & ~(width - 1)) > (l & ~(width - 1)) ? l : s);
}
template <class T> static inline T __shfl_down_sync(u32 mask, T v, u32 delta, int width = 32) {
  int l = emu::lane();
  return emu::exchange(mask, v, (l & (width - 1)) + (int)delta >= width ? l : l + (int)delta);
}
template <class T> static inline T __shfl_up_sync(u32 mask, T v, u32 delta, int width = 32) {
  int l = emu::lane();
  return emu::exchange(mask, v, (l & (width - 1)) < (int)delta ? l : l - (int)delta);
}
static inline u32 __ballot_sync(u32 mask, bool p) { return emu::vote(mask, p); }
static inline int __any_sync(u32 mask, bool p) { return emu::vote(mask, p) != 0; }
static inline int __all_sync(u32 mask, bool p) { return emu::vote(mask, p) == mask; }
static inline u32 __activemask() { return ~0u; }

static inline void __syncthreads() { emu::block_barrier(0); }
static inline int __syncthreads_count(int p) { return (int)emu::block_barrier(p ? 1 : 0); }
static inline int __syncthreads_or(int p) { return __syncthreads_count(p) != 0; }
static inline int __syncthreads_and(int p) { return __syncthreads_count(!p) == 0; }

// ------------------------------------------------------------------------------------------------ atomics
// One OS thread: nothing interleaves inside an operation. The order of the adds follows the random schedule.
template <class T> static inline T emu_atomic(T* p, T v) { T old = *p; *p = v; return old; }
static inline float atomicAdd(float* p, float v) { return emu_atomic(p, *p + v); }
static inline double atomicAdd(double* p, double v) { return emu_atomic(p, *p + v); }
static inline int atomicAdd(int* p, int v) { return emu_atomic(p, *p + v); }
static inline u32 atomicAdd(u32* p, u32 v) { return emu_atomic(p, *p + v); }
static inline u64 atomicAdd(u64* p, u64 v) { return emu_atomic(p, *p + v); }
static inline int atomicMax(int* p, int v) { return emu_atomic(p, max(*p, v)); }
static inline u32 atomicMax(u32* p, u32 v) { return emu_atomic(p, max(*p, v)); }
static inline int atomicMin(int* p, int v) { return emu_atomic(p, min(*p, v)); }
static inline u32 atomicMin(u32* p, u32 v) { return emu_atomic(p, min(*p, v)); }
static inline u32 atomicOr(u32* p, u32 v) { return emu_atomic(p, *p | v); }
static inline int atomicExch(int* p, int v) { return emu_atomic(p, v); }
static inline u32 atomicExch(u32* p, u32 v) { return emu_atomic(p, v); }
static inline int atomicCAS(int* p, int expected, int v) { return emu_atomic(p, *p == expected ? v : *p); }
static inline u32 atomicCAS(u32* p, u32 expected, u32 v) { return emu_atomic(p, *p == expected ? v : *p); }
static inline u32 atomicInc(u32* p, u32 limit) { return emu_atomic(p, *p >= limit ? 0 : *p + 1); }

// --------------------------------------------------------------------------------------------- primitives of ptx.cuh: plain part
typedef u16 bf16;

static inline float bf16_to_float(bf16 b) { return __uint_as_float((u32)b << 16); }
static inline bf16 float_to_bf16(float f) {                // to nearest, ties to even; NaN is 0x7fff as on the device
  if (f != f) return 0x7fff;
  u32 u = __float_as_uint(f);
  return (bf16)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
static inline u32 pack_bf16(float low, float high) { return (u32)float_to_bf16(low) | (u32)float_to_bf16(high) << 16; }
static inline float bf16_low(u32 pair) { return __uint_as_float(pair << 16); }
static inline float bf16_high(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

static inline float exp2_approx(float x) { return exp2f(x); }
static inline float log2_approx(float x) { return log2f(x); }
static inline float tanh_approx(float x) { return tanhf(x); }
static inline float rcp_approx(float x) { return 1 / x; }

static inline u32 shared_address(const void* p) {
  i64 offset = (const char*)p - emu::shared_window;
  if (offset < 0 || offset > emu::shared_end) emu::fail("shared_address of a pointer outside dynamic shared memory");
  return (u32)offset;
}

template <class T> static inline T emu_load_shared(u32 address) {
  T v;
  memcpy(&v, emu::shared_at(address, sizeof(T)), sizeof v);
  return v;
}
template <class T> static inline void emu_store_shared(u32 address, T v) {
  memcpy(emu::shared_at(address, sizeof(T)), &v, sizeof v);
  emu::note_generic_write(address, sizeof v);
}
static inline u32 load_shared_u32(u32 a) { return emu_load_shared<u32>(a); }
static inline float load_shared_f32(u32 a) { return emu_load_shared<float>(a); }
static inline float2 load_shared_f32x2(u32 a) { return emu_load_shared<float2>(a); }
static inline float4 load_shared_f32x4(u32 a) { return emu_load_shared<float4>(a); }
static inline uint4 load_shared_u32x4(u32 a) { return emu_load_shared<uint4>(a); }
static inline void store_shared_u32(u32 a, u32 v) { emu_store_shared(a, v); }
static inline void store_shared_f32(u32 a, float v) { emu_store_shared(a, v); }
static inline void store_shared_f32x2(u32 a, float x, float y) { emu_store_shared(a, make_float2(x, y)); }
static inline void store_shared_f32x4(u32 a, float4 v) { emu_store_shared(a, v); }
static inline void store_shared_u32x4(u32 a, uint4 v) { emu_store_shared(a, v); }

template <class T> static inline T emu_load_global(const void* p) {
  if ((uintptr_t)p % sizeof(T)) emu::fail("global load of %zu bytes at a misaligned address", sizeof(T));
  T v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline uint4 load_global_u32x4(const void* p) { return emu_load_global<uint4>(p); }
static inline uint4 load_global_streaming(const void* p) { return emu_load_global<uint4>(p); }
static inline void store_global_streaming(void* p, uint4 v) {
  if ((uintptr_t)p % 16) emu::fail("global store of 16 bytes at a misaligned address");
  memcpy(p, &v, 16);
}
static inline void store_global_u32x4(void* p, uint4 v) { store_global_streaming(p, v); }

// Sum over a pair of bf16 or one float at global memory, relaxed, without a result.
static inline void reduce_add_global(float* p, float v) { *p += v; }

static inline void barrier_sync(u32 id, u32 threads) { emu::barrier_sync(id, threads); }
static inline void barrier_arrive(u32 id, u32 threads) { emu::barrier_arrive(id, threads); }

// ------------------------------------------------------------------------------------------------ asynchronous copies
// 128 opaque bytes on the device. Here: what cuTensorMapEncodeTiled was told.
struct alignas(64) TensorMap {
  u32 magic;
  u32 rank;
  u32 type;                                      // 9 = bf16, 7 = float32 (CUtensorMapDataType)
  u32 swizzle;                                   // 0 none, 3 = 128 bytes (CUtensorMapSwizzle)
  char* base;
  i64 dims[5];
  i64 strides[5];                                // bytes; strides[0] = element
  u16 box[5];
  u16 element;
  u8 unused[128 - 16 - 8 - 80 - 12];
};
static_assert(sizeof(TensorMap) == 128, "size of a tensor map");

static inline void cp_async_16(u32 dst, const void* src, bool valid = true) { emu::cp_async(dst, src, 16, valid ? 16 : 0); }
static inline void cp_async_4(u32 dst, const void* src, bool valid = true) { emu::cp_async(dst, src, 4, valid ? 4 : 0); }
static inline void cp_async_commit() { emu::cp_async_commit(); }
template <int InFlight> static inline void cp_async_wait() { emu::cp_async_finish(InFlight); }

static inline void mbarrier_init(u32 bar, u32 arrivals) { emu::mbarrier_init(bar, arrivals); }
static inline void mbarrier_arrive(u32 bar) { emu::mbarrier_arrive(bar); }
static inline void mbarrier_expect(u32 bar, u32 bytes) { emu::mbarrier_expect(bar, bytes); }
static inline void mbarrier_wait(u32 bar, u32 parity) { emu::mbarrier_wait(bar, parity); }

static inline void fence_proxy_async() { emu::publish(); }
static inline void fence_mbarrier_init() { emu::publish(); }
static inline void tma_prefetch(const TensorMap*) {}

static inline void tma_load_4d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1, int c2, int c3) {
  int c[4] = {c0, c1, c2, c3};
  emu::tma_load(dst, map, bar, c, 4);
}
static inline void tma_load_2d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1) {
  int c[2] = {c0, c1};
  emu::tma_load(dst, map, bar, c, 2);
}
static inline void tma_store_4d(const TensorMap* map, u32 src, int c0, int c1, int c2, int c3) {
  int c[4] = {c0, c1, c2, c3};
  emu::tma_store(map, src, c, 4, false);
}
static inline void tma_store_2d(const TensorMap* map, u32 src, int c0, int c1) {
  int c[2] = {c0, c1};
  emu::tma_store(map, src, c, 2, false);
}
static inline void bulk_load(u32 dst, const void* src, u32 bytes, u32 bar) { emu::bulk_load(dst, src, bytes, bar); }
static inline void bulk_reduce_add_f32(void* dst, u32 src, u32 bytes) { emu::bulk_reduce_f32(dst, src, bytes); }
static inline void bulk_commit() { emu::bulk_commit(); }
template <int InFlight> static inline void bulk_wait() { emu::bulk_finish(InFlight); }
template <int InFlight> static inline void bulk_wait_read() { emu::bulk_finish(InFlight); }

// ------------------------------------------------------------------------------------------------ matrices
static inline void ldmatrix_x4(u32 a, u32 (&r)[4]) { emu::ldmatrix(a, r, 4, false); }
static inline void ldmatrix_x4_trans(u32 a, u32 (&r)[4]) { emu::ldmatrix(a, r, 4, true); }
static inline void ldmatrix_x2(u32 a, u32 (&r)[2]) { emu::ldmatrix(a, r, 2, false); }
static inline void ldmatrix_x2_trans(u32 a, u32 (&r)[2]) { emu::ldmatrix(a, r, 2, true); }
static inline void stmatrix_x4(u32 a, u32 r0, u32 r1, u32 r2, u32 r3) {
  u32 r[4] = {r0, r1, r2, r3};
  emu::stmatrix(a, r, 4, false);
}
static inline void stmatrix_x4_trans(u32 a, u32 r0, u32 r1, u32 r2, u32 r3) {
  u32 r[4] = {r0, r1, r2, r3};
  emu::stmatrix(a, r, 4, true);
}
static inline void mma_m16n8k16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  u32 b[2] = {b0, b1};
  emu::mma(d, a, b);
}

static inline u64 wgmma_descriptor(u32 address, u32 lbo, u32 sbo) {
  return (u64)(address >> 4 & 0x3fff) | (u64)(lbo >> 4 & 0x3fff) << 16 | (u64)(sbo >> 4 & 0x3fff) << 32 | 1ull << 62;
}
static inline void wgmma_fence() { emu::wgmma_fence(); }
static inline void wgmma_commit() { emu::wgmma_commit(); }
template <int InFlight> static inline void wgmma_wait() { emu::wgmma_finish(InFlight); }
template <int N, int TransposeA = 0, int TransposeB = 0>
static inline void wgmma_ss(float (&d)[N / 2], u64 a, u64 b, int accumulate) {
  emu::wgmma_issue(d, N, nullptr, a, b, accumulate != 0, TransposeA, TransposeB);
}
template <int N, int TransposeB = 0> static inline void wgmma_rs(float (&d)[N / 2], const u32 (&a)[4], u64 b, int accumulate) {
  emu::wgmma_issue(d, N, a, 0, b, accumulate != 0, false, TransposeB);
}
template <int Registers> static inline void setmaxnreg_inc() { emu::setmaxnreg(Registers); }
template <int Registers> static inline void setmaxnreg_dec() { emu::setmaxnreg(Registers); }
// Keeps the compiler from moving accesses to accumulators across; costs nothing.
template <int Count> static inline void keep_in_registers(float (&)[Count]) {}
static inline bool elect_one() { return emu::lane() == 0; }
