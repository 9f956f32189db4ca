// The entry points of cuBLASLt on host memory: strict about what it is given, so that a wrong
// descriptor fails in a test instead of on a GPU. Matrices are column-major.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "native/base/cublaslt.h"

using namespace vmolmo::cublaslt;

namespace vmolmo::cublaslt {
struct HandleBody {
  int alive = 1;
};
struct MatmulDescBody {
  Operation a = Operation::kNone, b = Operation::kNone;
  Epilogue epilogue = Epilogue::kDefault;
  const void* bias = nullptr;
  int bias_type = -1;
};
struct MatrixLayoutBody {
  DataType type;
  uint64_t rows, columns;
  int64_t ld;
};
struct PreferenceBody {
  uint64_t workspace = 0;
  uint32_t alignments[4] = {256, 256, 256, 256};
};
}  // namespace vmolmo::cublaslt

namespace {

double load(const void* data, DataType type, int64_t at) {
  if (type == DataType::kF32) return static_cast<const float*>(data)[at];
  const uint32_t bits = uint32_t(static_cast<const uint16_t*>(data)[at]) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

void store(void* data, DataType type, int64_t at, double value) {
  const auto narrow = static_cast<float>(value);
  if (type == DataType::kF32) {
    static_cast<float*>(data)[at] = narrow;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &narrow, 4);
  bits += 0x7fff + (bits >> 16 & 1);
  static_cast<uint16_t*>(data)[at] = static_cast<uint16_t>(bits >> 16);
}

bool shapes_agree(MatmulDesc desc, MatrixLayout a, MatrixLayout b, MatrixLayout c, MatrixLayout d) {
  return desc->a == Operation::kTranspose && desc->b == Operation::kNone && a->rows == b->rows &&
         d->rows == a->columns && d->columns == b->columns && c->rows == d->rows &&
         c->columns == d->columns && a->type == b->type && c->type == d->type &&
         a->ld >= int64_t(a->rows) && b->ld >= int64_t(b->rows) && c->ld >= int64_t(c->rows) &&
         d->ld >= int64_t(d->rows) &&
         (desc->epilogue == Epilogue::kDefault || desc->bias_type == int(d->type));
}

}  // namespace

extern "C" {

size_t cublasLtGetVersion() {
  const char* version = std::getenv("FAKE_CUBLASLT_VERSION");
  return version ? std::strtoul(version, nullptr, 10) : 130100;
}
Result cublasLtCreate(Handle* handle) {
  *handle = new HandleBody;
  return Result::kSuccess;
}
Result cublasLtDestroy(Handle handle) {
  delete handle;
  return Result::kSuccess;
}
Result cublasLtMatmulDescCreate(MatmulDesc* desc, Compute compute, DataType scale) {
  if (compute != Compute::k32F || scale != DataType::kF32) return Result::kInvalidValue;
  *desc = new MatmulDescBody;
  return Result::kSuccess;
}
Result cublasLtMatmulDescDestroy(MatmulDesc desc) {
  delete desc;
  return Result::kSuccess;
}
Result cublasLtMatmulDescSetAttribute(MatmulDesc desc, DescAttribute attribute, const void* value,
                                      size_t bytes) {
  void* target = nullptr;
  size_t expected = 4;
  if (attribute == DescAttribute::kTransA) target = &desc->a;
  if (attribute == DescAttribute::kTransB) target = &desc->b;
  if (attribute == DescAttribute::kEpilogue) target = &desc->epilogue;
  if (attribute == DescAttribute::kBiasDataType) target = &desc->bias_type;
  if (attribute == DescAttribute::kBiasPointer) {
    target = &desc->bias;
    expected = 8;
  }
  if (!target || bytes != expected) return Result::kInvalidValue;
  std::memcpy(target, value, bytes);
  return Result::kSuccess;
}
Result cublasLtMatrixLayoutCreate(MatrixLayout* layout, DataType type, uint64_t rows,
                                  uint64_t columns, int64_t ld) {
  *layout = new MatrixLayoutBody{type, rows, columns, ld};
  return Result::kSuccess;
}
Result cublasLtMatrixLayoutDestroy(MatrixLayout layout) {
  delete layout;
  return Result::kSuccess;
}
Result cublasLtMatrixLayoutSetAttribute(MatrixLayout, LayoutAttribute, const void*, size_t) {
  return Result::kNotSupported;
}
Result cublasLtMatmulPreferenceCreate(Preference* preference) {
  *preference = new PreferenceBody;
  return Result::kSuccess;
}
Result cublasLtMatmulPreferenceDestroy(Preference preference) {
  delete preference;
  return Result::kSuccess;
}
Result cublasLtMatmulPreferenceSetAttribute(Preference preference, PreferenceAttribute attribute,
                                            const void* value, size_t bytes) {
  const int alignment = int(attribute) - int(PreferenceAttribute::kMinAlignmentA);
  if (alignment >= 0 && alignment < 4 && bytes == 4) {
    std::memcpy(&preference->alignments[alignment], value, bytes);
    return Result::kSuccess;
  }
  if (attribute != PreferenceAttribute::kMaxWorkspaceBytes || bytes != 8)
    return Result::kInvalidValue;
  std::memcpy(&preference->workspace, value, bytes);
  return Result::kSuccess;
}
// No algorithm for inputs that the real library refuses too: bf16 rows that are not multiples of 16
// bytes stand for them.
Result cublasLtMatmulAlgoGetHeuristic(Handle, MatmulDesc desc, MatrixLayout a, MatrixLayout b,
                                      MatrixLayout c, MatrixLayout d, Preference preference,
                                      int wanted, Heuristic* results, int* found) {
  *found = 0;
  if (wanted < 1 || !shapes_agree(desc, a, b, c, d)) return Result::kInvalidValue;
  if (a->type == DataType::kBF16 && a->ld % 8 != 0) return Result::kNotSupported;
  results[0] = {};
  results[0].algorithm.data[0] = 0x1a;
  // The algorithm takes what was promised for granted.
  for (int i = 0; i < 4; ++i) results[0].algorithm.data[1 + i] = preference->alignments[i];
  *found = 1;
  return Result::kSuccess;
}
Result cublasLtMatmul(Handle handle, MatmulDesc desc, const void* alpha, const void* a,
                      MatrixLayout la, const void* b, MatrixLayout lb, const void* beta,
                      const void* c, MatrixLayout lc, void* d, MatrixLayout ld,
                      const Algorithm* algorithm, void*, size_t, Stream) {
  if (!handle->alive || algorithm->data[0] != 0x1a || !shapes_agree(desc, la, lb, lc, ld))
    return Result::kInvalidValue;
  const void* operands[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i) {
    if (reinterpret_cast<uintptr_t>(operands[i]) % algorithm->data[1 + i] != 0)
      return Result::kInvalidValue;
  }
  const double scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  for (int64_t column = 0; column < int64_t(ld->columns); ++column) {
    for (int64_t row = 0; row < int64_t(ld->rows); ++row) {
      double sum = 0.0;
      for (int64_t i = 0; i < int64_t(la->rows); ++i)
        sum += load(a, la->type, row * la->ld + i) * load(b, lb->type, column * lb->ld + i);
      double value = scale * sum;
      if (keep != 0.0) value += keep * load(c, lc->type, column * lc->ld + row);
      if (desc->epilogue == Epilogue::kBias) value += load(desc->bias, ld->type, row);
      store(d, ld->type, column * ld->ld + row, value);
    }
  }
  return Result::kSuccess;
}

}  // extern "C"
