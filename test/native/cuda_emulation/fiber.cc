#include "test/native/cuda_emulation/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace {
constexpr size_t kStackBytes = size_t{128} << 10;
}

#if defined(__x86_64__)

extern "C" void vmolmo_switch_stack(void** save, void* load);
// Saves the callee-saved registers on the old stack and restores those of the new one.
asm(R"(
.text
.globl vmolmo_switch_stack
.type vmolmo_switch_stack, @function
vmolmo_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size vmolmo_switch_stack, .-vmolmo_switch_stack
)");

#else
#include <ucontext.h>

// place and caller are contexts here; they live as long as the process.
static void vmolmo_switch_stack(void** save, void* load) {
  if (!*save) *save = new ucontext_t;
  swapcontext(static_cast<ucontext_t*>(*save), static_cast<ucontext_t*>(load));
}
#endif

namespace vmolmo::emulation {

Fiber::Fiber(void (*entry)()) {
  void* memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<std::byte*>(memory);
  mprotect(stack_, 4096, PROT_NONE);
#if defined(__x86_64__)
  // Six registers, then the return address; at `entry` the stack is 8 off a multiple of 16.
  auto* top = reinterpret_cast<void**>(stack_ + kStackBytes) - 1;
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  place_ = top;
#else
  auto* context = new ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = stack_;
  context->uc_stack.ss_size = kStackBytes;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  place_ = context;
#endif
}

Fiber::~Fiber() { munmap(stack_, kStackBytes); }

void Fiber::enter() { vmolmo_switch_stack(&caller_, place_); }

void Fiber::leave() { vmolmo_switch_stack(&place_, caller_); }

}  // namespace vmolmo::emulation
