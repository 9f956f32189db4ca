#include "native/ops/context.h"

#include <chrono>

namespace vmolmo {
namespace {

double now_ms() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
}

}  // namespace

Context::Context(int threads) : threads_(threads), memory_(make_cpu_pool()) {}

StageTimer::StageTimer(Context& context, std::string stage)
    : context_(context), stage_(std::move(stage)), started_ms_(now_ms()) {}

StageTimer::~StageTimer() { context_.times()[stage_] += now_ms() - started_ms_; }

}  // namespace vmolmo
