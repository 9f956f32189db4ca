# The CUDA kernels compiled by the C++ compiler against test/native/cuda_emulation, and their tests. Every
# kernel source is included by a file of its own, as one source cannot be CUDA here and C++ there.
set(emulation_dir ${CMAKE_CURRENT_SOURCE_DIR}/test/native/cuda_emulation)
file(GLOB emulation_sources CONFIGURE_DEPENDS ${emulation_dir}/*.cc)
file(GLOB kernel_sources CONFIGURE_DEPENDS native/kernels/cuda/*.cu)
file(GLOB host_sources CONFIGURE_DEPENDS native/kernels/cuda/runtime/*.cc)
foreach(kernel_source ${kernel_sources})
  get_filename_component(name ${kernel_source} NAME_WE)
  set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/cuda_emulation/${name}.cu.cc)
  file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"native/kernels/cuda/${name}.cu\"\n")
  list(APPEND emulation_sources ${wrapper})
endforeach()
add_library(videomolmo_cuda_emulated STATIC ${emulation_sources} ${host_sources})
target_include_directories(videomolmo_cuda_emulated PUBLIC ${emulation_dir} include
  ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(videomolmo_cuda_emulated PUBLIC VMOLMO_CUDA_EMULATION)
# #pragma unroll is nvcc's.
target_compile_options(videomolmo_cuda_emulated PUBLIC -Wall -Wextra -Wno-unknown-pragmas)

# The engine on the emulated device: its objects serve both where it is built with CUDA.
if(TARGET videomolmo_cuda)
  add_library(videomolmo_engine_emulated STATIC $<TARGET_OBJECTS:videomolmo_objects>)
else()
  add_library(videomolmo_engine_emulated STATIC ${engine_sources})
  target_compile_definitions(videomolmo_engine_emulated PRIVATE VMOLMO_HAVE_CUDA)
endif()
target_include_directories(videomolmo_engine_emulated PUBLIC include ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(videomolmo_engine_emulated PUBLIC videomolmo_cuda_emulated Threads::Threads
  ${CMAKE_DL_LIBS})

file(GLOB cuda_tests CONFIGURE_DEPENDS test/native/cuda/*.cc)
add_executable(videomolmo_cuda_tests test/native/main.cc test/native/harness.cc ${cuda_tests})
target_link_libraries(videomolmo_cuda_tests PRIVATE videomolmo_engine_emulated)

# The addon on the emulated device, where VIDEOMOLMO_PREBUILD=build/emulation finds it; tests alone load it, so
# it has native/parity as well.
if(CMAKE_JS_INC)
  add_addon(videomolmo_addon_emulated videomolmo_engine_emulated videomolmo_binding
    videomolmo_parity_binding)
  set_target_properties(videomolmo_addon_emulated PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/emulation/build/Release)
endif()
