#include "native/kernels/cuda/stack.h"

#include <algorithm>

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;
// Per launch; arguments may take 4 KiB.
constexpr size_t kParts = 64;

struct Parts {
  const void* from[kParts];
};
struct Blocks {
  PlacedBlock at[kParts];
};
static_assert(sizeof(Blocks) <= 3840);

// Part blockIdx.y.
template <typename Word>
__global__ void stack_kernel(const Parts parts, Word* to, int64_t words) {
  const Word* from = static_cast<const Word*>(parts.from[blockIdx.y]);
  to += blockIdx.y * words;
  for (int64_t i = first_item(); i < words; i += item_step()) to[i] = from[i];
}

// Block blockIdx.y.
__global__ void place_kernel(const Blocks blocks, float* values, float* placed) {
  const PlacedBlock& block = blocks.at[blockIdx.y];
  for (int64_t i = first_item(); i < block.count; i += item_step()) {
    const float value = block.narrow
                            ? __bfloat162float(static_cast<const __nv_bfloat16*>(block.values)[i])
                            : static_cast<const float*>(block.values)[i];
    values[block.offset + i] = value;
    placed[block.offset + i] = value + (block.positions ? block.positions[i % block.period] : 0.0f);
  }
}

template <typename Word>
void stack_words(Stream stream, std::span<const void* const> parts, size_t bytes, void* to) {
  const auto words = static_cast<int64_t>(bytes / sizeof(Word));
  for (size_t begin = 0; begin < parts.size(); begin += kParts) {
    const size_t count = std::min(kParts, parts.size() - begin);
    Parts some{};
    std::copy_n(parts.begin() + static_cast<std::ptrdiff_t>(begin), count, some.from);
    const dim3 grid(grid_for(words, kThreads), static_cast<unsigned>(count));
    launch(stack_kernel<Word>, {grid, kThreads, 0, stream}, some,
           static_cast<Word*>(to) + static_cast<int64_t>(begin) * words, words);
  }
}

}  // namespace

void stack(Stream stream, std::span<const void* const> parts, size_t bytes, void* to) {
  uintptr_t together = bytes | reinterpret_cast<uintptr_t>(to);
  for (const void* part : parts) together |= reinterpret_cast<uintptr_t>(part);
  if (together % sizeof(uint4) == 0) return stack_words<uint4>(stream, parts, bytes, to);
  if (together % sizeof(uint32_t) == 0) return stack_words<uint32_t>(stream, parts, bytes, to);
  stack_words<uint8_t>(stream, parts, bytes, to);
}

void place_blocks(Stream stream, std::span<const PlacedBlock> blocks, float* values,
                  float* placed) {
  for (size_t begin = 0; begin < blocks.size(); begin += kParts) {
    const size_t count = std::min(kParts, blocks.size() - begin);
    Blocks some{};
    int64_t largest = 0;
    for (size_t i = 0; i < count; ++i) {
      some.at[i] = blocks[begin + i];
      largest = std::max(largest, some.at[i].count);
    }
    const dim3 grid(grid_for(largest, kThreads), static_cast<unsigned>(count));
    launch(place_kernel, {grid, kThreads, 0, stream}, some, values, placed);
  }
}

}  // namespace vmolmo::cuda
