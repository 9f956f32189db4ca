# Two translation units per instruction set; each is compiled with the set's flags and chosen at run time:
# native/kernels/cpu/kernels_avx512.cc and loops_avx512.cc get the AVX-512 flags, for instance; those of other
# processors are empty by their own guard. Kernels may round a product and a sum once (contraction); loops may
# not, so that they give the same bits in every set.
set(kernel_flags "-O3;-ffp-contract=fast;-fno-math-errno;-fno-trapping-math")
set(loop_flags "-O3;-ffp-contract=off;-fno-math-errno;-fno-trapping-math")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(flags_avx2 ";-mavx2;-mfma")
  # GCC 12 warns about its own AVX-512 header.
  set(flags_avx512 ";-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mfma;-mprefer-vector-width=512;-Wno-uninitialized;-Wno-maybe-uninitialized")
endif()
# Loops wait for memory, which narrower vectors reach sooner: add and multiply of 16 MiB take 1.25 times as long
# with 512 bits.
set(loop_width_avx512 ";-mprefer-vector-width=256")
foreach(instruction_set portable avx2 avx512 neon)
  set_source_files_properties(native/kernels/cpu/kernels_${instruction_set}.cc PROPERTIES COMPILE_OPTIONS
    "${kernel_flags}${flags_${instruction_set}}" SKIP_PRECOMPILE_HEADERS ON)
  set_source_files_properties(native/kernels/cpu/loops_${instruction_set}.cc PROPERTIES COMPILE_OPTIONS
    "${loop_flags}${flags_${instruction_set}}${loop_width_${instruction_set}}"
    SKIP_PRECOMPILE_HEADERS ON)
endforeach()
