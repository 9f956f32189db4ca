#include "native/ops/kernel_choice.h"

#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

using ops::AttentionKernel;
using ops::LinearKernel;
using ops::RowPath;

ops::LinearShape linear(int64_t m, RowPath path = RowPath::kAuto) {
  ops::LinearShape s;
  s.m = m, s.n = 3584, s.k = 3584;
  s.dtype = DType::kBF16;
  s.path = path;
  s.products = Products::kTensorCores;
  s.gemv = s.library = true;
  return s;
}

}  // namespace

TEST_CASE("cuda kernel choice: linear layers by rows, weight and promise") {
  check(choose_linear(linear(1)) == LinearKernel::kGemv, "one row");
  check(choose_linear(linear(30)) == LinearKernel::kTensor, "thirty rows");
  check(choose_linear(linear(577)) == LinearKernel::kLibrary, "many rows");
  check(choose_linear(linear(30, RowPath::kStream)) == LinearKernel::kGemv, "streamed rows");
  check(choose_linear(linear(1, RowPath::kBlock)) == LinearKernel::kTensor, "one row of a block");
  check(choose_linear(linear(577, RowPath::kBlock)) == LinearKernel::kTensor, "a block's rows");
  ops::LinearShape s = linear(577);
  s.dtype = DType::kF32;
  check(choose_linear(s) == LinearKernel::kSimple, "an f32 weight");
  s = linear(577);
  s.products = Products::kExact;
  check(choose_linear(s) == LinearKernel::kSimple, "exact products");
  s = linear(577);
  s.format = Weight::Format::kInt4;
  check(choose_linear(s) == LinearKernel::kTensor, "a quantised weight");
  s = linear(30);
  s.n = 8;
  check(choose_linear(s) == LinearKernel::kSimple, "eight columns");
  s = linear(4, RowPath::kStream);
  s.gemv = false;
  check(choose_linear(s) == LinearKernel::kSimple, "streamed rows that gemv does not take");
}

TEST_CASE("cuda kernel choice: attention by queries, heads and promise") {
  ops::AttentionShape s;
  s.nq = 1, s.nk = 1500, s.heads = 28, s.kv_heads = 4, s.d = s.dv = 128;
  s.products = Products::kTensorCores, s.split = true;
  check(choose_attention(s) == AttentionKernel::kSplit, "one query");
  s.nq = 1500;
  check(choose_attention(s) == AttentionKernel::kTensor, "a prompt");
  s.path = RowPath::kStream;
  check(choose_attention(s) == AttentionKernel::kSplit, "streamed queries");
  s.path = RowPath::kAuto, s.products = Products::kExact;
  check(choose_attention(s) == AttentionKernel::kSimple, "exact products");
  s.products = Products::kTensorCores, s.d = 300;
  check(choose_attention(s) == AttentionKernel::kSimple, "heads of 300");
  s.d = 256, s.dv = 64, s.heads = s.kv_heads = 1, s.nq = 2, s.nk = 9;
  check(choose_attention(s) == AttentionKernel::kSimple, "few scores of unlike sizes");
}

}  // namespace vmolmo::test
