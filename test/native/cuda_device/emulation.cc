#include "test/native/cuda_emulation/emulation.h"

#include "test/native/harness.h"

// On a real device there is no emulation to set up or to ask: cases that need it are skipped.
namespace vmolmo::emulation {

Settings& settings() { throw test::Skipped("needs the emulated device"); }
Counters counters() { throw test::Skipped("needs the emulated device"); }

}  // namespace vmolmo::emulation
