#include "native/kernels/cpu/loops.h"

#define VMOLMO_TARGET portable
#include "native/kernels/cpu/loops/table.inc"
