# The addon that tests load beside the shipped one (test/parity/addon.ts): the same objects, the functions of
# native/parity that golden sets call, and the model families of test/families, which register themselves.
file(GLOB parity_sources CONFIGURE_DEPENDS native/parity/*.cc test/families/*.cc test/families/*/*.cc)
add_binding(videomolmo_parity_binding ${parity_sources})
add_addon(videomolmo_parity videomolmo_engine videomolmo_binding videomolmo_parity_binding)
set_target_properties(videomolmo_parity PROPERTIES OUTPUT_NAME videomolmo_parity
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/parity)
