#include "native/weights/mapped_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace vmolmo {

// The handler may interrupt any thread at any instruction, so it reads what other threads change
// through atomics alone. Entries are never freed and are used again: its walk needs no lock.
struct MappedGuard::Entry {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> lost{false};
  Entry* next = nullptr;
};

namespace {

using Entry = MappedGuard::Entry;

static_assert(std::atomic<uintptr_t>::is_always_lock_free);

std::mutex mutex;
std::atomic<Entry*> entries{nullptr};
struct sigaction previous{};
uintptr_t page_size = 0;

Entry* entry_of(uintptr_t address) {
  for (Entry* entry = entries.load(); entry != nullptr; entry = entry->next) {
    const uintptr_t begin = entry->begin.load();
    if (begin != 0 && address >= begin && address < entry->end.load()) return entry;
  }
  return nullptr;
}

// Zeros in place of everything from the faulting page on: one fault per file instead of one a page.
bool replace(Entry& entry, uintptr_t address) {
  const uintptr_t page = address & ~(page_size - 1);
  entry.lost.store(true);
  return ::mmap(reinterpret_cast<void*>(page), entry.end.load() - page, PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // The instruction runs again, faults again and ends the process.
    ::signal(SIGBUS, SIG_DFL);
  }
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  Entry* entry = entry_of(address);
  if (entry == nullptr || !replace(*entry, address)) pass_on(signal, info, context);
  errno = saved;
}

void install() {
  static const bool installed = [] {
    page_size = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action{};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &previous) == 0;
  }();
  (void)installed;
}

}  // namespace

MappedGuard::MappedGuard(const void* data, size_t size) {
  std::lock_guard lock(mutex);
  install();
  entry_ = entries.load();
  while (entry_ != nullptr && entry_->begin.load() != 0) entry_ = entry_->next;
  if (entry_ == nullptr) {
    entry_ = new Entry;
    entry_->next = entries.load();
    entries.store(entry_);
  }
  const auto begin = reinterpret_cast<uintptr_t>(data);
  entry_->lost.store(false);
  entry_->end.store((begin + size + page_size - 1) & ~(page_size - 1));
  entry_->begin.store(begin);
}

MappedGuard::~MappedGuard() { entry_->begin.store(0); }

bool MappedGuard::lost() const { return entry_->lost.load(); }

}  // namespace vmolmo
