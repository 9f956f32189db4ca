#include "videomolmo/tensor.h"

#include <atomic>
#include <numeric>
#include <thread>

#include "native/ops/context.h"
#include "test/native/harness.h"
#include "videomolmo/system.h"

namespace vmolmo::test {
namespace {

Tensor counting(Shape shape) {
  std::vector<float> values(size_t(shape.numel()));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::from(values, shape);
}

TEST_CASE("tensor: views share storage, strides follow") {
  const Tensor x = counting({2, 3, 4});
  const Tensor middle = x.slice(1, 1, 3);
  check(!middle.is_contiguous() && middle[1].data<float>()[0] == 16.0f, "slice");
  check(x.transpose(0, -1).clone(cpu_heap()).to_vector()[1] == 12.0f, "transpose");
  check(x.reshape({4, -1}).dim(1) == 6, "reshape with a free extent");
  x[1].data<float>()[0] = -1.0f;
  check(x.to_vector()[12] == -1.0f, "a row is a view");
}

TEST_CASE("tensor: misuse is an error, not a crash") {
  const Tensor x = counting({2, 3});
  check_throws(Code::kInternal, [&] { x.reshape({4, 2}); });
  check_throws(Code::kInternal, [&] { x.reshape({-1, -1}); });
  check_throws(Code::kInternal, [&] { x.transpose(0, 1).reshape({6}); });
  check_throws(Code::kInternal, [&] { x.slice(0, 1, 3); });
  check_throws(Code::kInternal, [&] { x[2]; });
  check_throws(Code::kInternal, [&] { x.data<int32_t>(); });
  check_throws(Code::kInternal, [&] { Tensor().data<float>(); });
  check_throws(Code::kInternal, [&] { Tensor::from(std::vector<float>{1, 2}, {3}); });
  check_throws(Code::kInternal, [&] { Tensor::empty(cpu_heap(), {-1}); });
}

TEST_CASE("bfloat16 and float16: rounding and widening") {
  check(BFloat16(1.0f).bits == 0x3f80, "one");
  check(BFloat16(1.00390625f).bits == 0x3f80, "a tie rounds to even, down");
  check(BFloat16(1.01171875f).bits == 0x3f82, "a tie rounds to even, up");
  check(BFloat16(-INFINITY).bits == 0xff80, "infinity");
  check(std::isnan(static_cast<float>(BFloat16(NAN))), "NaN stays NaN");
  const uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x7c00};
  const auto wide = Tensor::borrow(halves, {6}, DType::kF16).to_vector();
  const std::vector<float> expected{1.0f, -2.0f, 0x1p-24f, 65504.0f, -0.0f, INFINITY};
  check(wide == expected && std::signbit(wide[4]), "float16");
}

TEST_CASE("memory pool: blocks are reused, aligned, and may outlive the pool") {
  auto pool = make_cpu_pool();
  Tensor first = Tensor::empty(*pool, {100, 100});
  const std::byte* block = first.raw();
  check(reinterpret_cast<uintptr_t>(block) % 64 == 0, "alignment");
  first = Tensor();
  Tensor second = Tensor::empty(*pool, {99, 100});
  check(second.raw() == block, "the freed block was not reused");
  pool.reset();
  second.data<float>()[99 * 100 - 1] = 1.0f;
}

TEST_CASE("thread pool: covers the range once, nests, passes exceptions on") {
  ThreadPool pool(3);
  check(pool.size() == 3, "size");
  for (int64_t count : {0, 1, 7, 1000}) {
    std::vector<std::atomic<int>> seen(size_t(count) + 1);
    pool.parallel_for(count, 3, [&](int64_t begin, int64_t end) {
      pool.parallel_for(end - begin, 1, [&](int64_t b, int64_t e) {
        for (int64_t i = begin + b; i < begin + e; ++i) ++seen[size_t(i)];
      });
    });
    for (int64_t i = 0; i < count; ++i) check(seen[size_t(i)] == 1, "index ", i, " of ", count);
  }
  check_throws(Code::kAborted, [&] {
    pool.parallel_for(100, 1, [](int64_t begin, int64_t end) {
      if (begin <= 50 && 50 < end) fail(Code::kAborted, "stop");
    });
  });
  std::atomic<int64_t> total{0};
  std::thread other([&] {
    for (int i = 0; i < 50; ++i) {
      pool.parallel_for(100, 1, [&](int64_t b, int64_t e) { total += e - b; });
    }
  });
  for (int i = 0; i < 50; ++i) {
    pool.parallel_for(100, 1, [&](int64_t b, int64_t e) { total += e - b; });
  }
  other.join();
  check(total == 10000, "two callers at once: ", total.load());
}

TEST_CASE("context: cancelling reaches check_cancelled, stages add up") {
  Context context(1);
  auto flag = std::make_shared<CancelFlag>();
  context.set_cancel(flag);
  context.check_cancelled();
  flag->raise();
  check_throws(Code::kAborted, [&] { context.check_cancelled(); });
  {
    StageTimer timer(context, "stage");
  }
  check(context.times().count("stage") == 1 && context.times()["stage"] >= 0.0, "stage time");
}

TEST_CASE("cuda status: values, or a reason why there are none") {
  const CudaStatus status = cuda_status();
  check(status.devices.empty() != status.message.empty(), "devices ", status.devices.size(),
        ", message: ", status.message);
  for (const CudaDevice& device : status.devices) {
    check(!device.name.empty() && device.total_bytes > 0, "device ", device.index);
  }
}

}  // namespace
}  // namespace vmolmo::test
