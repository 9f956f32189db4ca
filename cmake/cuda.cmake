# The CUDA part is built when a CUDA compiler is found, and linked with the static CUDA runtime, so that the
# addon loads on machines without a driver.
if(NOT VMOLMO_CUDA)
  return()
endif()
# Binaries for everybody take every architecture; a checkout takes that of its chip (scripts/build-native.mjs) or
# two, with PTX for others, as every further architecture costs the whole compilation of the kernels again.
set(VMOLMO_CUDA_ARCHITECTURES "80;90a-real" CACHE STRING "CUDA architectures as CMake names them, or \"all\"")
if(VMOLMO_CUDA_ARCHITECTURES STREQUAL "all")
  set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90a-real 100-real 100-virtual)
else()
  set(CMAKE_CUDA_ARCHITECTURES ${VMOLMO_CUDA_ARCHITECTURES})
endif()
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND EXISTS /usr/local/cuda/bin/nvcc)
  set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(STATUS "No CUDA compiler: the addon is built for the CPU only")
  return()
endif()
enable_language(CUDA)
# CMake before 3.25.2 knows no C++20 dialect for CUDA.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
endif()
set(CMAKE_CUDA_STANDARD 20)
file(GLOB cuda_sources CONFIGURE_DEPENDS native/kernels/cuda/*.cu
  native/kernels/cuda/runtime/*.cc)
add_library(videomolmo_cuda STATIC ${cuda_sources})
target_include_directories(videomolmo_cuda PRIVATE include ${CMAKE_CURRENT_SOURCE_DIR}
  ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
set_target_properties(videomolmo_cuda PROPERTIES CUDA_RUNTIME_LIBRARY Static
  CUDA_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
target_compile_definitions(videomolmo_objects PRIVATE VMOLMO_HAVE_CUDA)
target_link_libraries(videomolmo_engine PUBLIC videomolmo_cuda)
