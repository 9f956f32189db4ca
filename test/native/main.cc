#include "test/native/harness.h"

// Prints TAP. An argument selects the cases whose name contains it.
int main(int argc, char** argv) { return vmolmo::test::run_cases(argc > 1 ? argv[1] : "") ? 0 : 1; }
