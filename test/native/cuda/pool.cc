// The device's memory and the copies to and from it: what the bookkeeping promises.

#include "native/kernels/cuda/pool.h"

#include <cstring>
#include <deque>

#include "native/kernels/cuda/runtime/free_space.h"
#include "native/kernels/cuda/runtime/staging.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

using cuda::FreeSpace;
using cuda::Range;

emulation::Settings deferred() {
  emulation::Settings wanted = emulation::settings();
  wanted.deferred = true;
  return wanted;
}

std::vector<std::byte> random_bytes(Random& random, int64_t count) {
  std::vector<std::byte> bytes(static_cast<size_t>(count));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.integer(0, 255));
  return bytes;
}

TEST_CASE("cuda free space: ranges never meet, and join again when they come back") {
  constexpr size_t kBytes = 4096;
  std::vector<std::byte> memory(2 * kBytes);  // two segments side by side: they must not join
  Random random(3);
  FreeSpace space;
  for (std::byte* segment : {memory.data(), memory.data() + kBytes})
    space.add({segment, kBytes, segment});
  std::vector<bool> used(memory.size());
  std::deque<Range> held;
  const auto mark = [&](const Range& range, bool on) {
    for (size_t i = 0; i < range.bytes; ++i) {
      auto&& byte = used[static_cast<size_t>(range.begin - memory.data()) + i];
      check(byte != on, "a byte was handed out twice or came back twice");
      byte = on;
    }
  };
  size_t taken = 0;
  for (int step = 0; step < 2000; ++step) {
    if (const auto range = space.take(static_cast<size_t>(random.integer(1, 900)))) {
      const std::byte* end = range->segment + kBytes;
      check(range->begin >= range->segment && range->begin + range->bytes <= end,
            "a range leaves its segment");
      mark(*range, true);
      taken += range->bytes;
      held.push_back(*range);
    }
    while (!held.empty() && random.integer(0, 9) < 5) {
      std::swap(held.front(), held[static_cast<size_t>(random.integer(0, 99)) % held.size()]);
      mark(held.front(), false);
      taken -= held.front().bytes;
      space.add(held.front());
      held.pop_front();
    }
    check(space.bytes() == memory.size() - taken, "the free bytes are counted wrong");
  }
  for (const Range& range : held) space.add(range);
  check(space.largest() == kBytes, "the largest piece has ", space.largest(), " bytes");
  check(!space.take_segment(memory.data(), kBytes - 1), "a segment of another size was found");
  check(space.take_segment(memory.data(), kBytes) && space.bytes() == kBytes,
        "a segment that nobody uses was not found");
}

TEST_CASE("cuda pool: limits hold, and tensors outlive their context") {
  Tensor kept;
  {
    const auto pool = cuda::make_pool(0, size_t{1} << 20);
    for (int round = 0; round < 3; ++round) Tensor::empty(*pool, {100, 100});
    check(pool->use().allocations == 1, "three tensors in turn took memory ",
          pool->use().allocations, " times");
    check(pool->use().idle == pool->use().taken, "bytes are held by no tensor");
    check_throws(Code::kOutOfMemory, [&] { Tensor::empty(*pool, {1024, 1024}); });
    check_throws(Code::kOutOfMemory, [&] { pool->reserve(size_t{2} << 20); });
    check(pool->available() <= size_t{1} << 20, "more is available than the limit");
    kept = Tensor::from(std::vector<float>{1.0f, 2.0f}, {2}).clone(*pool);
  }
  check(kept.to_vector() == std::vector<float>({1.0f, 2.0f}), "the tensor died with its pool");
  emulation::Settings wanted = emulation::settings();
  wanted.total_bytes = size_t(emulation::counters().live_bytes) + 4096;
  const emulation::ScopedSettings scope(wanted);
  const auto pool = cuda::make_pool(0);
  check_throws(Code::kOutOfMemory, [&] { Tensor::empty(*pool, {100, 100}); });
}

TEST_CASE("cuda pool: a limit is one for all sizes, as idle memory is no tensor's own") {
  constexpr int64_t kRows = 64;
  const auto pool = cuda::make_pool(0, size_t{kRows} * 4096);
  for (int64_t rows = 1; rows <= kRows; ++rows) {
    const Tensor x = Tensor::empty(*pool, {rows, 1024});
    if (rows < kRows) Tensor::empty(*pool, {kRows - rows, 1024});
  }
  check(pool->use().peak == size_t{kRows} * 4096, "the peak was ", pool->use().peak);
}

TEST_CASE("cuda pool: after reserve(), tensors of changing sizes take nothing from the driver") {
  const auto pool = cuda::make_pool(0);
  pool->reserve(size_t{3} << 20);
  pool->reserve(size_t{2} << 20);  // is there already
  check(pool->use().allocations == 1, "reserve() took memory that was there");
  Random random(8);
  std::deque<Tensor> held;
  size_t bytes = 0;
  for (int step = 0; step < 1500; ++step) {
    held.push_back(Tensor::empty(*pool, {random.integer(1, 60000)}));
    bytes += held.back().bytes();
    while (bytes > size_t{1} << 20) {
      bytes -= held.front().bytes();
      held.pop_front();
    }
  }
  check(pool->use().allocations == 1, "the driver was asked ", pool->use().allocations, " times");
  held.clear();
  check(pool->use().idle == size_t{3} << 20, "not everything came back: ", pool->use().idle);
}

TEST_CASE("cuda pool: what a captured graph uses is nobody else's while the graph lives") {
  const auto pool = cuda::make_pool(0);
  pool->reserve(size_t{1} << 20);
  const size_t idle = pool->use().idle;
  pool->begin_capture();
  for (int i = 0; i < 5; ++i) Tensor::empty(*pool, {1000});
  check(pool->use().idle == idle - 4096, "a capture does not use its own memory again");
  check_throws(Code::kInternal, [&] { Tensor::empty(*pool, {int64_t{1} << 20}); });
  check_throws(Code::kInternal, [&] { Tensor::from(std::vector<float>{1.0f}, {1}).clone(*pool); });
  std::shared_ptr<void> graph = pool->end_capture();
  std::vector<Tensor> others;
  while (pool->use().idle > 0) others.push_back(Tensor::empty(*pool, {128}));
  const int64_t allocations = pool->use().allocations;
  graph.reset();
  check(pool->use().idle == 4096, "the graph's memory did not come back");
  Tensor::empty(*pool, {1024});
  check(pool->use().allocations == allocations, "the graph's memory is not one piece");
  pool->begin_capture();
  const Tensor left = Tensor::empty(*pool, {10});
  check(!pool->end_capture(), "a graph whose tensor is alive was taken");
}

// Uploads many arrays, spoils each as soon as the call returns, and reads them back at the end.
void check_copies(cuda::Pool& pool, int64_t largest) {
  Random random(21);
  std::vector<std::vector<std::byte>> expected;
  std::vector<Tensor> tensors;
  for (int i = 0; i < 120; ++i) {
    const int64_t most = i % 20 == 0 ? largest : 5000;
    std::vector<std::byte> bytes = random_bytes(random, random.integer(1, most));
    tensors.push_back(Tensor::empty(pool, {static_cast<int64_t>(bytes.size())}, DType::kU8));
    expected.push_back(bytes);
    pool.upload(tensors.back().raw(), bytes.data(), bytes.size());
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    std::vector<std::byte> actual(expected[i].size());
    pool.download(actual.data(), tensors[i].raw(), actual.size());
    check(actual == expected[i], "array ", i, " of ", actual.size(), " bytes came back different");
  }
}

TEST_CASE("cuda staging: copies run later, and the host's memory is free at once") {
  const emulation::ScopedSettings scope(deferred());
  const auto pool = cuda::make_pool(0);
  check(pool->use().pinned > 0, "there is no pinned memory");
  const auto before = emulation::counters();
  check_copies(*pool, int64_t{20} << 20);
  const auto after = emulation::counters();
  check(after.synchronisations == before.synchronisations, "a copy waited for the whole stream");
  check(after.pinned_allocations == before.pinned_allocations, "a copy pinned memory");
}

TEST_CASE("cuda staging: a small ring is used again only when its copies have run") {
  const emulation::ScopedSettings scope(deferred());
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  {
    cuda::Staging staging(stream, 4096);
    Random random(4);
    const DeviceArray<std::byte> device(1 << 20);
    std::vector<std::byte> expected(1 << 20);
    size_t at = 0;
    while (at < expected.size()) {
      const auto count =
          std::min<size_t>(expected.size() - at, static_cast<size_t>(random.integer(1, 9000)));
      const auto bytes = random_bytes(random, static_cast<int64_t>(count));
      std::copy(bytes.begin(), bytes.end(), expected.begin() + static_cast<int64_t>(at));
      staging.upload(device.get() + at, bytes.data(), count);
      at += count;
    }
    std::vector<std::byte> actual(expected.size());
    staging.download(actual.data(), device.get(), 100001);
    staging.download(actual.data() + 100001, device.get() + 100001, actual.size() - 100001);
    check(actual == expected, "bytes came back different");
  }
  cudaStreamDestroy(stream);
}

TEST_CASE("cuda staging: a download waits for nothing behind it") {
  const emulation::ScopedSettings scope(deferred());
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  {
    cuda::Staging staging(stream, 4096);
    const DeviceArray<std::byte> device(8);
    const std::vector<std::byte> bytes(8, std::byte{7});
    std::vector<std::byte> actual(8);
    staging.upload(device.get(), bytes.data(), 8);
    check(cudaStreamQuery(stream) == cudaErrorNotReady, "the upload did not run on the stream");
    staging.download(actual.data(), device.get(), 8);
    check(actual == bytes, "bytes came back different");
    const auto waits = emulation::counters().event_waits;
    staging.upload(device.get(), bytes.data(), 8);
    check(emulation::counters().event_waits == waits, "an upload waited");
  }
  cudaStreamDestroy(stream);
}

TEST_CASE("cuda staging: without pinned memory copies go on") {
  emulation::Settings wanted = deferred();
  wanted.pinnable_bytes = 0;
  const emulation::ScopedSettings scope(wanted);
  const auto pool = cuda::make_pool(0);
  check(pool->use().pinned == 0, "pinned memory was not refused");
  check_copies(*pool, 100000);
}

}  // namespace
}  // namespace vmolmo::test
