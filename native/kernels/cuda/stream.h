#pragma once

struct CUstream_st;

namespace vmolmo::cuda {

// cudaStream_t, without CUDA's headers.
using Stream = CUstream_st*;

}  // namespace vmolmo::cuda
