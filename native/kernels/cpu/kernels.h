#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "native/tensor/activation.h"

// The fast CPU kernels, one table per instruction set. Every function is single-threaded, allocates
// nothing and trusts its caller: shapes, strides and buffer sizes are checked by the ops. The table
// is chosen once, at first use.
namespace vmolmo::cpu {

// One query block of flash attention on packed operands. Queries lie in vector lanes: scores are
// computed transposed, [keys][query lanes], so softmax needs no horizontal reductions and the
// probabilities are at once in the layout that the second product wants.
struct AttendBlock {
  const float* q = nullptr;  // first query of the block, rows q_stride apart, [nq, d]
  int64_t q_stride = 0;
  float* out = nullptr;  // [nq, dv], rows out_stride apart
  int64_t out_stride = 0;
  int64_t nq = 0;
  const float* k_panels = nullptr;  // pack_a of [nk, d]
  const float* v_panels = nullptr;  // pack_v of [nk, dv]
  int64_t nk = 0;
  int64_t d = 0;
  int64_t dv = 0;
  float scale = 1.0f;
  bool causal = false;
  int64_t offset = 0;  // position of the block's first query
  // Null, or what is added to the scaled scores: rows of the block's queries, bias_stride apart.
  const float* bias = nullptr;
  int64_t bias_stride = 0;
  // Null, or causal only: the classes of the keys from the block's first query on, up to nk.
  const int32_t* classes = nullptr;
  float* scratch = nullptr;  // attend_scratch(d, dv) floats, 64-byte aligned
};

// Consecutive rows of a quantised weight, in the layout that native/tensor/weight.h specifies.
struct QuantRows {
  const uint8_t* codes = nullptr;  // two's complement bytes (int8) or nibbles
  int64_t row_bytes = 0;
  const float* scales = nullptr;
  int64_t scale_stride = 0;       // scales per row
  int64_t group = 0;              // nibbles: elements per scale
  const float* values = nullptr;  // nibbles: what the 16 codes stand for
};

struct Kernels {
  const char* name;
  int lanes;        // floats per vector
  int mr;           // rows of a GEMM register tile
  int nr;           // columns of a GEMM register tile
  int attend_rows;  // queries one attend() call should get at most

  // Panels for gemm. pack_a: ceil(rows / mr) panels [k][mr]; pack_b: ceil(rows / nr) panels
  // [k][nr]; missing rows are zero. The matrix is row-major [rows, k]; pack_b_bf16 widens bfloat16
  // bits; pack_b_kmajor reads [k, rows].
  void (*pack_a)(const float* x, int64_t ld, int64_t rows, int64_t k, float* out);
  void (*pack_b)(const float* w, int64_t ld, int64_t rows, int64_t k, float* out);
  void (*pack_b_bf16)(const uint16_t* w, int64_t ld, int64_t rows, int64_t k, float* out);
  void (*pack_b_kmajor)(const float* b, int64_t ld, int64_t rows, int64_t k, float* out);
  // pack_b of the columns [k0, k0 + k) of quantised rows, dequantised; k0 is a multiple of 32.
  void (*pack_b_int8)(const QuantRows& w, int64_t rows, int64_t k0, int64_t k, float* out);
  void (*pack_b_nibbles)(const QuantRows& w, int64_t rows, int64_t k0, int64_t k, float* out);
  // c [m, n] = (accumulate ? c : 0) + a b. a_panel: floats from one panel of a to the next.
  void (*gemm)(const float* a, int64_t a_panel, const float* b, int64_t m, int64_t n, int64_t k,
               float* c, int64_t ldc, bool accumulate);
  // c = act(c + bias) + residual on an [m, n] block; bias and residual may be null.
  void (*epilogue)(float* c, int64_t ldc, int64_t m, int64_t n, const float* bias,
                   const float* residual, int64_t ldr, Activation activation);
  // y[i, j] = x[i] . w[j] for i < m, j < rows, straight from row-major weights; made for a handful
  // of rows m. The bits of y[i, j] do not depend on m and rows.
  void (*dot_rows)(const float* x, int64_t ldx, int64_t m, const float* w, int64_t ldw,
                   int64_t rows, int64_t k, float* y, int64_t ldy);
  void (*dot_rows_bf16)(const float* x, int64_t ldx, int64_t m, const uint16_t* w, int64_t ldw,
                        int64_t rows, int64_t k, float* y, int64_t ldy);
  void (*dot_rows_int8)(const float* x, int64_t ldx, int64_t m, const QuantRows& w, int64_t rows,
                        int64_t k, float* y, int64_t ldy);
  void (*dot_rows_nibbles)(const float* x, int64_t ldx, int64_t m, const QuantRows& w, int64_t rows,
                           int64_t k, float* y, int64_t ldy);

  // Values for attend: panels [nk][mr] of columns, the last one padded with zeros.
  void (*pack_v)(const float* v, int64_t stride, int64_t nk, int64_t dv, float* out);
  int64_t (*attend_scratch)(int64_t d, int64_t dv);  // floats
  void (*attend)(const AttendBlock& block);
  // One query against nk keys of any stride. added: null, or nk floats for the scaled scores;
  // scores: nk floats of scratch.
  void (*attend_one)(const float* q, const float* k, int64_t k_stride, const float* v,
                     int64_t v_stride, int64_t nk, int64_t d, int64_t dv, float scale,
                     const float* added, float* scores, float* out);
  // Window attention of one window: q [nq, heads * d], k and v [4, heads * d].
  void (*attend_window)(const float* q, const float* k, const float* v, float* out, int64_t nq,
                        int64_t heads, int64_t d, float scale);

  void (*softmax)(const float* x, float* y, int64_t rows, int64_t n);
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float* y, int64_t rows,
                     int64_t n, float eps);
  void (*rms_norm)(const float* x, const float* weight, float* y, int64_t rows, int64_t n,
                   float eps);
  void (*activate)(const float* x, float* y, int64_t n, Activation activation);
  void (*swiglu)(const float* up, const float* gate, float* y, int64_t n);
  void (*exponential)(const float* x, float* y, int64_t n);

  // One output row of a depthwise convolution, NHWC, stride 1: y [width_out, c]. x is the image's
  // first row; weight [kh][kw][c].
  void (*depthwise_row)(const float* x, int64_t height, int64_t width, int64_t c,
                        const float* weight, int64_t kh, int64_t kw, int64_t padding,
                        const float* bias, int64_t oy, int64_t width_out, float* y);
};

// The table in use: the best one this processor runs, or the one that VIDEOMOLMO_CPU names
// (portable, avx2, avx512, neon). Throws INVALID_ARGUMENT when that one is unknown or unsupported.
const Kernels& kernels();

// Every table that this processor runs, best last.
std::span<const Kernels* const> supported_kernels();

}  // namespace vmolmo::cpu
