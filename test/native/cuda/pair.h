#pragma once

#include "test/native/cuda/support.h"

namespace vmolmo::test {

// The CPU and the emulated device side by side.
struct Pair {
  Context cpu{1};
  Context gpu = context_with_exact_ends();
  Random random{77};

  Tensor normal(Shape shape, float scale = 1.0f) {
    return Tensor::from(random.normal(shape.numel(), scale), shape);
  }
  Tensor up(const Tensor& x) { return gpu.to_device(x); }
  Tensor bytes(Shape shape, int64_t low, int64_t high) {
    Tensor x = Tensor::empty(cpu_heap(), shape, DType::kU8);
    for (int64_t i = 0; i < x.numel(); ++i)
      x.data<uint8_t>()[i] = static_cast<uint8_t>(random.integer(low, high));
    return x;
  }
  // Runs the op in every order and compares. body(context, move) makes the result; move() brings
  // an input to the context's device.
  template <typename Body>
  void compare(const char* name, double tolerance, const Body& body) {
    const Tensor expected = body(cpu, [](const Tensor& x) { return x; });
    for_each_order([&] {
      const Tensor actual =
          gpu.to_host(body(gpu, [&](const Tensor& x) { return gpu.to_device(x); }));
      check(actual.shape() == expected.shape() && actual.dtype() == expected.dtype(), name,
            ": got ", actual.dtype(), " ", actual.shape(), ", expected ", expected.shape());
      if (expected.dtype() == DType::kU8) {
        for (int64_t i = 0; i < expected.numel(); ++i) {
          check(actual.data<uint8_t>()[i] == expected.data<uint8_t>()[i], name, ": byte ", i,
                " differs");
        }
        return;
      }
      check_close(actual.to_vector(), expected.to_vector(), tolerance, name, " ", expected.shape());
    });
  }
};

}  // namespace vmolmo::test
