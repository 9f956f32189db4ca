// The emulation itself: what it computes and what it catches.

#include "native/kernels/cuda/launch.cuh"
#include "native/kernels/cuda/ptx.cuh"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

using cuda::launch;

template <typename Kernel, typename... Arguments>
void run(Kernel kernel, unsigned blocks, unsigned threads, size_t shared, Arguments... arguments) {
  launch(kernel, {blocks, threads, shared, nullptr}, arguments...);
}

template <typename Body>
void check_reports(const char* part, const Body& body) {
  try {
    body();
  } catch (const std::logic_error& error) {
    check(std::string(error.what()).find(part) != std::string::npos, "expected a report of \"",
          part, "\"; got: ", error.what());
    return;
  }
  check(false, "expected a report of \"", part, "\"");
}

__global__ void reverse_kernel(const int* in, int* out, int n) {
  int* tile = cuda::dynamic_shared<int>();
  const int i = static_cast<int>(threadIdx.x);
  tile[i] = in[blockIdx.x * n + i];
  __syncthreads();
  out[blockIdx.x * n + i] = tile[n - 1 - i];
}

__global__ void unsynchronised_kernel(int* out) {
  __shared__ int tile[64];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = tile[63 - threadIdx.x];
}

__global__ void lost_thread_kernel() {
  if (threadIdx.x == 5) return;
  __syncthreads();
}

__global__ void lost_lane_kernel(int* out) {
  if (threadIdx.x != 3) out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
}

__global__ void mixed_collectives_kernel(int* out) {
  if (threadIdx.x % 2 == 0) {
    out[0] = __shfl_sync(0xffffffffu, 1, 0);
  } else {
    __syncwarp();
  }
}

TEST_CASE("emulation: shared memory and barriers in every order") {
  std::vector<int> values(3 * 70), expected(values.size());
  for (int i = 0; i < 210; ++i) {
    values[size_t(i)] = i;
    expected[size_t(i)] = i / 70 * 70 + 69 - i % 70;
  }
  const DeviceArray<int> in(values), out(values.size());
  for_each_order([&] {
    run(reverse_kernel, 3, 70, 70 * sizeof(int), in.get(), out.get(), 70);
    check(out.read() == expected, "a block's tile came out wrong");
  });
}

TEST_CASE("emulation: a missing barrier shows") {
  const DeviceArray<int> out(64);
  run(unsynchronised_kernel, 1, 64, 0, out.get());
  check(out.read()[0] == -1, "thread 0 read what thread 63 had not written: ", out.read()[0]);
}

TEST_CASE("emulation: lost threads and lanes are errors") {
  const DeviceArray<int> out(64);
  for_each_order([&] {
    check_reports("barrier", [] { run(lost_thread_kernel, 1, 64, 0); });
    check_reports("lanes", [&] { run(lost_lane_kernel, 1, 32, 0, out.get()); });
    check_reports("meets", [&] { run(mixed_collectives_kernel, 1, 32, 0, out.get()); });
  });
}

__global__ void idle_kernel() {}
__global__ void unaligned_copy_kernel(const float* from) {
  cuda::copy_async_16(cuda::dynamic_shared<float>(), from + 1, false);
}

TEST_CASE("emulation: what a chip refuses is an error") {
  const DeviceArray<float> from(64);
  check_reports("2000 threads", [] { run(idle_kernel, 1, 2000, 0); });
  check_reports("102400 bytes", [] { run(idle_kernel, 1, 32, size_t{100} << 10); });
  check_reports("70000 x 1", [] { launch(idle_kernel, {dim3(1, 70000), 32, 0, nullptr}); });
  check_reports("1 x 70000", [] { launch(idle_kernel, {dim3(1, 1, 70000), 32, 0, nullptr}); });
  check_reports("unaligned", [&] { run(unaligned_copy_kernel, 1, 32, 16, from.get()); });
}

__global__ void collectives_kernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int* row = out + threadIdx.x * 6;
  row[0] = __shfl_xor_sync(cuda::kAllLanes, lane, 5);
  row[1] = __shfl_down_sync(cuda::kAllLanes, lane, 3);
  row[2] = __shfl_up_sync(cuda::kAllLanes, lane, 2, 8);
  row[3] = __shfl_sync(cuda::kAllLanes, lane, 9, 16);
  row[4] = static_cast<int>(__ballot_sync(cuda::kAllLanes, lane % 3 == 0));
  row[5] = __reduce_add_sync(cuda::kAllLanes, lane);
}

TEST_CASE("emulation: warp collectives") {
  const DeviceArray<int> out(64 * 6);
  run(collectives_kernel, 1, 64, 0, out.get());
  const auto all = out.read();
  int ballot = 0;
  for (int i = 0; i < 32; i += 3) ballot |= static_cast<int>(1u << i);
  for (int t = 0; t < 64; ++t) {
    const int lane = t % 32;
    const int expected[6] = {lane ^ 5,
                             lane + 3 < 32 ? lane + 3 : lane,
                             lane % 8 >= 2 ? lane - 2 : lane,
                             lane / 16 * 16 + 9,
                             ballot,
                             496};
    for (int i = 0; i < 6; ++i) {
      check(all[size_t(t * 6 + i)] == expected[i], "collective ", i, " of thread ", t, ": ",
            all[size_t(t * 6 + i)], ", expected ", expected[i]);
    }
  }
}

// d = a b^T for a [16, 16], b [8, 16] through cp.async, ldmatrix and the tensor-core product.
__global__ void product_kernel(const __nv_bfloat16* a, const __nv_bfloat16* b, float* d) {
  auto* tile_a = cuda::dynamic_shared<__nv_bfloat16>();
  __nv_bfloat16* tile_b = tile_a + 256;
  const int lane = static_cast<int>(threadIdx.x);
  cuda::copy_async_16(tile_a + lane * 8, a + lane * 8, true);
  if (lane < 16) cuda::copy_async_16(tile_b + lane * 8, b + lane * 8, true);
  cuda::copy_async_commit();
  cuda::copy_async_wait<0>();
  __syncthreads();
  uint32_t fa[4], fb[2];
  cuda::load_matrix_x4(fa, tile_a + lane % 16 * 16 + lane / 16 * 8);
  cuda::load_matrix_x2(fb, tile_b + lane % 8 * 16 + lane / 8 % 2 * 8);
  float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  cuda::mma_m16n8k16(sum, fa, fb, sum);
  for (int i = 0; i < 4; ++i) {
    d[(lane / 4 + (i >= 2 ? 8 : 0)) * 8 + lane % 4 * 2 + i % 2] = sum[i];
  }
}

TEST_CASE("emulation: asynchronous copies, ldmatrix and mma") {
  Random random(5);
  const auto a = random.normal(256), b = random.normal(128);
  std::vector<__nv_bfloat16> na(a.begin(), a.end()), nb(b.begin(), b.end());
  std::vector<float> expected(128);
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      for (int k = 0; k < 16; ++k) {
        expected[size_t(i * 8 + j)] +=
            float(na[size_t(i * 16 + k)]) * float(nb[size_t(j * 16 + k)]);
      }
    }
  }
  const DeviceArray<__nv_bfloat16> da(na), db(nb);
  const DeviceArray<float> d(128);
  for_each_order([&] {
    run(product_kernel, 1, 32, 384 * sizeof(__nv_bfloat16), da.get(), db.get(), d.get());
    check_close(d.read(), expected, 1e-6, "mma");
  });
}

__global__ void fill_kernel(float* out, float value) { out[threadIdx.x] = value; }

TEST_CASE("emulation: deferred streams, capture and replay") {
  emulation::Settings wanted = emulation::settings();
  wanted.deferred = true;
  const emulation::ScopedSettings scope(wanted);
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  const DeviceArray<float> out(4);
  float host[4] = {};
  launch(fill_kernel, {1, 4, 0, stream}, out.get(), 2.0f);
  cudaMemcpyAsync(host, out.get(), sizeof host, cudaMemcpyDeviceToHost, stream);
  check(host[0] == 0.0f, "deferred work ran at once");
  cudaStreamSynchronize(stream);
  check(host[3] == 2.0f, "deferred work did not run");

  cudaGraph_t graph;
  cudaGraphExec_t exec;
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  launch(fill_kernel, {1, 4, 0, stream}, out.get(), 5.0f);
  check(cudaStreamEndCapture(stream, &graph) == cudaSuccess, "capture failed");
  check(out.read()[0] == 2.0f, "captured work ran");
  cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphLaunch(exec, stream);
  check(out.read()[0] == 5.0f, "the graph did not run");

  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  check(cudaStreamSynchronize(stream) == cudaErrorStreamCaptureUnsupported,
        "a synchronisation inside a capture passed");
  check(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated,
        "a broken capture was accepted");
  cudaGetLastError();
  cudaGraphExecDestroy(exec);
  cudaStreamDestroy(stream);
}

}  // namespace
}  // namespace vmolmo::test
