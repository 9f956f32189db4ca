#include "test/native/cuda_emulation/execution.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "test/native/cuda_emulation/emulation.h"
#include "test/native/cuda_emulation/fiber.h"

uint3 threadIdx{};
uint3 blockIdx{};
dim3 blockDim;
dim3 gridDim;

extern char __start_vmolmo_shared[] __attribute__((weak));
extern char __stop_vmolmo_shared[] __attribute__((weak));

namespace vmolmo::emulation {
namespace {

constexpr size_t kMaxThreads = 1024;
// What every chip lets a block ask for: sm_86 and sm_89 allow the least, sm_90 227 KiB.
constexpr size_t kMaxShared = size_t{99} << 10;

struct PendingCopy {
  void* to;
  const void* from;
  size_t bytes, zeros;
};

struct Thread {
  enum class State : uint8_t { kUnstarted, kReady, kWaiting, kDone };
  State state = State::kUnstarted;
  Fiber* fiber = nullptr;
  std::vector<PendingCopy> uncommitted;
  std::vector<std::vector<PendingCopy>> groups;
};

struct Warp {
  uint32_t wanted = 0;  // the mask of the collective in progress
  uint32_t arrived = 0;
  const char* kind = nullptr;
  std::byte in[kWarp][64];
  std::byte out[kWarp][64];
};

// Dynamic shared memory that ends at an inaccessible page.
class SharedMemory {
 public:
  SharedMemory() {
    void* memory = mmap(nullptr, kMaxShared + 8192, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    end_ = static_cast<std::byte*>(memory) + (kMaxShared + 4095) / 4096 * 4096;
    mprotect(end_, 4096, PROT_NONE);
  }
  std::byte* begin(size_t bytes) const { return end_ - (bytes + 127) / 128 * 128; }

 private:
  std::byte* end_;
};

// The one block that runs. Blocks of different launches never interleave: launches hold a lock.
class Block {
 public:
  void run(dim3 grid, dim3 block, size_t shared_bytes, const std::string& kernel,
           const std::function<void()>& body);
  void run_threads(const std::function<void()>& body);
  void start_next_threads();
  void wait();
  void sync();
  int sync_or(int predicate);
  void exchange(uint32_t mask, const char* kind, const void* in, size_t in_bytes, void* out,
                size_t out_bytes, Combine combine, const void* extra);
  Thread& current() { return threads_[size_t(current_)]; }
  int thread() const { return current_; }
  std::string where() const;
  void* shared() const { return shared_; }
  bool running() const { return body_ != nullptr; }

 private:
  void set_current(int thread);
  [[noreturn]] void fail(const std::string& what) const {
    throw std::logic_error(where() + ": " + what);
  }
  Fiber* idle_fiber();
  void resume(int thread);
  void refill_shared(size_t bytes);
  void report_stuck() const;

  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* entered_ = nullptr;
  std::vector<int> order_;  // unstarted threads, next one last
  std::vector<int> ready_;
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr error_;
  int current_ = 0;
  int done_ = 0;
  int at_barrier_ = 0;
  int barrier_or_ = 0, barrier_result_ = 0;
  std::string kernel_;
  std::mt19937 random_{1};
  SharedMemory memory_;
  std::byte* shared_ = nullptr;
};

std::recursive_mutex& launch_lock() {
  static std::recursive_mutex lock;
  return lock;
}

Block& the_block() {
  static Block block;
  return block;
}

void fiber_entry() {
  for (;;) the_block().start_next_threads();
}

std::string Block::where() const {
  char text[160];
  std::snprintf(text, sizeof text, "block (%u, %u, %u), thread (%u, %u, %u) of ", blockIdx.x,
                blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
  return text + kernel_;
}

void Block::set_current(int thread) {
  current_ = thread;
  const auto t = static_cast<unsigned>(thread);
  threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
}

// Runs on a fiber: threads that finish without waiting need no switch at all.
void Block::start_next_threads() {
  while (!order_.empty() && !error_) {
    const int thread = order_.back();
    order_.pop_back();
    threads_[size_t(thread)].fiber = entered_;
    set_current(thread);
    try {
      (*body_)();
      copy_wait(0);
      threads_[size_t(thread)].state = Thread::State::kDone;
      ++done_;
      if (at_barrier_ > 0) fail("ends while others wait at a barrier");
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  Fiber* self = entered_;
  idle_.push_back(self);
  self->leave();
}

Fiber* Block::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(fiber_entry));
    return fibers_.back().get();
  }
  Fiber* fiber = idle_.back();
  idle_.pop_back();
  return fiber;
}

void Block::wait() {
  Thread& self = current();
  const int thread = current_;
  self.state = Thread::State::kWaiting;
  self.fiber->leave();
  set_current(thread);
}

void Block::resume(int thread) {
  threads_[size_t(thread)].state = Thread::State::kReady;
  ready_.push_back(thread);
}

void Block::sync() { sync_or(0); }

int Block::sync_or(int predicate) {
  if (done_ > 0) fail("waits at a barrier that a thread will never reach, as it has ended");
  if (at_barrier_ == 0) barrier_or_ = 0;
  barrier_or_ |= predicate;
  if (++at_barrier_ < static_cast<int>(threads_.size())) {
    wait();
    return barrier_result_;
  }
  at_barrier_ = 0;
  barrier_result_ = barrier_or_;
  for (int i = 0; i < static_cast<int>(threads_.size()); ++i) {
    if (i != current_) resume(i);
  }
  return barrier_result_;
}

void Block::exchange(uint32_t mask, const char* kind, const void* in, size_t in_bytes, void* out,
                     size_t out_bytes, Combine combine, const void* extra) {
  const int first = current_ / kWarp * kWarp;
  const int own = current_ - first;
  Warp& warp = warps_[size_t(current_ / kWarp)];
  const auto lanes = std::min<int>(kWarp, static_cast<int>(threads_.size()) - first);
  if (lanes < kWarp) mask &= (1u << lanes) - 1u;
  if (!(mask >> own & 1u)) fail(std::string(kind) + " by a lane outside of its own mask");
  if (warp.arrived == 0) {
    warp.wanted = mask;
    warp.kind = kind;
  }
  if (warp.wanted != mask) fail(std::string(kind) + " with different masks in one warp");
  if (std::strcmp(warp.kind, kind) != 0) {
    fail(std::string(kind) + " meets " + warp.kind + " of the same warp");
  }
  std::memcpy(warp.in[own], in, in_bytes);
  warp.arrived |= 1u << own;
  if (warp.arrived != mask) {
    wait();
  } else {
    combine(warp.in, warp.out, mask, extra);
    warp.arrived = 0;
    for (int i = 0; i < lanes; ++i) {
      if (i != own && (mask >> i & 1u)) resume(first + i);
    }
  }
  std::memcpy(out, warp.out[own], out_bytes);
}

void Block::report_stuck() const {
  std::string waiting;
  for (size_t i = 0; i < warps_.size(); ++i) {
    if (warps_[i].arrived == 0) continue;
    char text[96];
    std::snprintf(text, sizeof text, "; warp %zu waits in %s: lanes %08x of %08x arrived", i,
                  warps_[i].kind, warps_[i].arrived, warps_[i].wanted);
    waiting += text;
  }
  fail("no thread can go on: " + std::to_string(at_barrier_) + " of " +
       std::to_string(threads_.size()) + " wait at a barrier, " + std::to_string(done_) +
       " have ended" + waiting);
}

void Block::run_threads(const std::function<void()>& body) {
  body_ = &body;
  error_ = nullptr;
  done_ = at_barrier_ = 0;
  ready_.clear();
  for (Warp& warp : warps_) warp.arrived = 0;
  for (Thread& thread : threads_) {
    thread.state = Thread::State::kUnstarted;
    thread.fiber = nullptr;
    thread.uncommitted.clear();
    thread.groups.clear();
  }
  order_.resize(threads_.size());
  std::iota(order_.rbegin(), order_.rend(), 0);
  const Order order = settings().order;
  if (order == Order::kDescending) std::reverse(order_.begin(), order_.end());
  if (order == Order::kShuffled) std::shuffle(order_.begin(), order_.end(), random_);
  while (!error_ && done_ < static_cast<int>(threads_.size())) {
    if (!order_.empty() && (ready_.empty() || order != Order::kShuffled || random_() % 4 != 0)) {
      entered_ = idle_fiber();
    } else if (!ready_.empty()) {
      size_t pick = order == Order::kDescending ? ready_.size() - 1 : 0;
      if (order == Order::kShuffled) pick = random_() % ready_.size();
      const int thread = ready_[pick];
      if (order == Order::kAscending) {
        ready_.erase(ready_.begin());
      } else {
        ready_[pick] = ready_.back();
        ready_.pop_back();
      }
      entered_ = threads_[size_t(thread)].fiber;
      set_current(thread);
    } else {
      report_stuck();
    }
    entered_->enter();
  }
  body_ = nullptr;
  if (!error_) return;
  // The fibers in the middle of their threads are lost; none of them holds anything.
  idle_.clear();
  fibers_.clear();
  std::rethrow_exception(std::exchange(error_, nullptr));
}

void Block::refill_shared(size_t bytes) {
  shared_ = memory_.begin(bytes);
  std::memset(shared_, 0xff, (bytes + 127) / 128 * 128);
  if (__start_vmolmo_shared) {
    std::memset(__start_vmolmo_shared, 0xff, size_t(__stop_vmolmo_shared - __start_vmolmo_shared));
  }
}

void Block::run(dim3 grid, dim3 block, size_t shared_bytes, const std::string& kernel,
                const std::function<void()>& body) {
  kernel_ = kernel;
  blockDim = block;
  gridDim = grid;
  random_.seed(settings().seed);
  const size_t count = size_t{block.x} * block.y * block.z;
  threads_.assign(count, Thread{});
  warps_.assign((count + kWarp - 1) / kWarp, Warp{});
  std::vector<uint64_t> blocks(size_t{grid.x} * grid.y * grid.z);
  std::iota(blocks.begin(), blocks.end(), uint64_t{0});
  const Order order = settings().order;
  if (order == Order::kDescending) std::reverse(blocks.begin(), blocks.end());
  if (order == Order::kShuffled) std::shuffle(blocks.begin(), blocks.end(), random_);
  for (const uint64_t index : blocks) {
    blockIdx = {static_cast<uint32_t>(index % grid.x),
                static_cast<uint32_t>(index / grid.x % grid.y),
                static_cast<uint32_t>(index / grid.x / grid.y)};
    refill_shared(shared_bytes);
    run_threads(body);
  }
}

// An access outside of every allocation ends the process; this says first where it happened.
void on_fault(int number, siginfo_t* info, void*) {
  if (the_block().running()) {
    char text[512];
    const int length =
        std::snprintf(text, sizeof text, "emulated CUDA: invalid access to %p in %.380s\n",
                      info->si_addr, the_block().where().c_str());
    if (write(2, text, size_t(std::min<int>(length, sizeof text - 1))) < 0) _exit(139);
  }
  signal(number, SIG_DFL);
  raise(number);
}

void install_fault_report() {
  static const bool done = [] {
    constexpr size_t kBytes = 64 << 10;
    static char stack[kBytes];
    stack_t alternate{};
    alternate.ss_sp = stack;
    alternate.ss_size = kBytes;
    sigaltstack(&alternate, nullptr);
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
    return true;
  }();
  (void)done;
}

// What a device would refuse.
void check_launch(dim3 grid, dim3 block, size_t shared_bytes, const std::string& kernel) {
  constexpr uint32_t kMaxLines = 65535;
  const size_t threads = size_t{block.x} * block.y * block.z;
  if (threads <= kMaxThreads && shared_bytes <= kMaxShared && grid.y <= kMaxLines &&
      grid.z <= kMaxLines) {
    return;
  }
  throw std::logic_error(kernel + ": no chip starts a grid of " + std::to_string(grid.x) + " x " +
                         std::to_string(grid.y) + " x " + std::to_string(grid.z) + " blocks of " +
                         std::to_string(threads) + " threads and " + std::to_string(shared_bytes) +
                         " bytes of shared memory");
}

}  // namespace

void run_grid(dim3 grid, dim3 block, size_t shared_bytes, const std::string& kernel,
              const std::function<void()>& body) {
  check_launch(grid, block, shared_bytes, kernel);
  const std::lock_guard lock(launch_lock());
  install_fault_report();
  the_block().run(grid, block, shared_bytes, kernel, body);
}

void* shared_memory() { return the_block().shared(); }
int linear_thread() { return the_block().thread(); }
int lane() { return the_block().thread() % kWarp; }
void sync_block() { the_block().sync(); }
int sync_block_or(int predicate) { return the_block().sync_or(predicate); }

void collective(uint32_t mask, const char* kind, const void* in, size_t in_bytes, void* out,
                size_t out_bytes, Combine combine, const void* extra) {
  the_block().exchange(mask, kind, in, in_bytes, out, out_bytes, combine, extra);
}

void copy_async(void* to, const void* from, size_t bytes, size_t zeros) {
  // Also of an address that is not read.
  for (const void* address : {static_cast<const void*>(to), from}) {
    if (reinterpret_cast<uintptr_t>(address) % (bytes + zeros) != 0)
      throw std::logic_error(the_block().where() + ": an unaligned copy to shared memory");
  }
  // Whoever reads before the wait finds NaN.
  std::memset(to, 0xff, bytes + zeros);
  the_block().current().uncommitted.push_back({to, from, bytes, zeros});
}

void copy_commit() {
  Thread& thread = the_block().current();
  thread.groups.push_back(std::move(thread.uncommitted));
  thread.uncommitted.clear();
}

void copy_wait(int groups_left) {
  auto& groups = the_block().current().groups;
  while (static_cast<int>(groups.size()) > groups_left) {
    for (const PendingCopy& copy : groups.front()) {
      if (copy.bytes > 0) std::memcpy(copy.to, copy.from, copy.bytes);
      std::memset(static_cast<std::byte*>(copy.to) + copy.bytes, 0, copy.zeros);
    }
    groups.erase(groups.begin());
  }
}

}  // namespace vmolmo::emulation
