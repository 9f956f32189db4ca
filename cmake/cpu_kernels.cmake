# One translation unit per instruction set; each is compiled with its own flags and chosen at run time.
# native/kernels/cpu/kernels_avx512.cc gets the AVX-512 flags, kernels_avx2.cc the AVX2 flags; kernels_neon.cc
# is empty on other processors by its own guard.
set(kernel_flags "-O3;-ffp-contract=fast;-fno-math-errno;-fno-trapping-math")
file(GLOB kernel_sources CONFIGURE_DEPENDS native/kernels/cpu/kernels_*.cc)
set_source_files_properties(${kernel_sources} PROPERTIES COMPILE_OPTIONS "${kernel_flags}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set_source_files_properties(native/kernels/cpu/kernels_avx2.cc PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};-mavx2;-mfma")
  set_source_files_properties(native/kernels/cpu/kernels_avx512.cc PROPERTIES COMPILE_OPTIONS
    # GCC 12 warns about its own AVX-512 header.
    "${kernel_flags};-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mfma;-mprefer-vector-width=512;-Wno-uninitialized;-Wno-maybe-uninitialized")
endif()
