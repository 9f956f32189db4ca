# One translation unit per instruction set; each is compiled with its own flags and chosen at run time.
# A file native/kernels/cpu/<name>_avx512.cc gets the AVX-512 flags, <name>_avx2.cc the AVX2 flags, <name>_neon.cc
# is empty on other processors by its own guard.
file(GLOB avx2_sources CONFIGURE_DEPENDS native/kernels/cpu/*_avx2.cc)
file(GLOB avx512_sources CONFIGURE_DEPENDS native/kernels/cpu/*_avx512.cc)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set_source_files_properties(${avx2_sources} PROPERTIES COMPILE_OPTIONS
    "-mavx2;-mfma;-mf16c")
  set_source_files_properties(${avx512_sources} PROPERTIES COMPILE_OPTIONS
    "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mfma;-mprefer-vector-width=512")
endif()
