#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "videomolmo/system.h"

// cuBLASLt is opened at run time, so that neither building nor loading needs it. The declarations
// below are the part of its C interface that we call (CUDA 12 and later); test/native/cublaslt.cc
// compares them with cublasLt.h where that is installed.
namespace vmolmo {

namespace cublaslt {

using Handle = struct HandleBody*;
using MatmulDesc = struct MatmulDescBody*;
using MatrixLayout = struct MatrixLayoutBody*;
using Preference = struct PreferenceBody*;
using Stream = void*;  // cudaStream_t

enum class Result : int {
  kSuccess = 0,
  kNotInitialized = 1,
  kInvalidValue = 7,
  kNotSupported = 15
};
enum class DataType : int { kF32 = 0, kBF16 = 14 };
enum class Compute : int { k32F = 68 };
enum class Operation : int { kNone = 0, kTranspose = 1 };
enum class DescAttribute : int {
  kTransA = 3,
  kTransB = 4,
  kEpilogue = 7,
  kBiasPointer = 8,
  kBiasDataType = 26,
};
enum class LayoutAttribute : int { kBatchCount = 5, kStridedBatchOffset = 6 };
enum class PreferenceAttribute : int {
  kMaxWorkspaceBytes = 1,
  // Of the operands' addresses; 256 where nobody says otherwise.
  kMinAlignmentA = 5,
  kMinAlignmentB = 6,
  kMinAlignmentC = 7,
  kMinAlignmentD = 8,
};
enum class Epilogue : int { kDefault = 1, kRelu = 2, kBias = 4, kReluBias = 6 };

struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  Result state;
  float waves;
  int reserved[4];
};

struct Api {
  Result (*create)(Handle*);
  Result (*destroy)(Handle);
  Result (*desc_create)(MatmulDesc*, Compute, DataType scale);
  Result (*desc_destroy)(MatmulDesc);
  Result (*desc_set)(MatmulDesc, DescAttribute, const void*, size_t bytes);
  Result (*layout_create)(MatrixLayout*, DataType, uint64_t rows, uint64_t columns, int64_t ld);
  Result (*layout_destroy)(MatrixLayout);
  Result (*layout_set)(MatrixLayout, LayoutAttribute, const void*, size_t bytes);
  Result (*preference_create)(Preference*);
  Result (*preference_destroy)(Preference);
  Result (*preference_set)(Preference, PreferenceAttribute, const void*, size_t bytes);
  Result (*heuristic)(Handle, MatmulDesc, MatrixLayout a, MatrixLayout b, MatrixLayout c,
                      MatrixLayout d, Preference, int wanted, Heuristic*, int* found);
  Result (*matmul)(Handle, MatmulDesc, const void* alpha, const void* a, MatrixLayout,
                   const void* b, MatrixLayout, const void* beta, const void* c, MatrixLayout,
                   void* d, MatrixLayout, const Algorithm*, void* workspace, size_t bytes, Stream);
};

// One opened library. Never closed: its code may be in use until the process ends.
struct Library {
  CublasLtStatus status;
  Api api{};  // complete when status.found
};

// Opens `name`; the first entry point that is missing, or a version before 12, makes it unfound.
Library open(const std::string& name);
// The library of this process, searched once: the file named by VIDEOMOLMO_CUBLASLT and nothing
// else when that is set; otherwise the loader's path, the toolkit that CUDA_HOME or CUDA_PATH
// names, and the usual folders.
const Library& library();

}  // namespace cublaslt

}  // namespace vmolmo
