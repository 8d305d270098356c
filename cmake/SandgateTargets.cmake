# sandgate_library(NAME [HEAPS] [DEPS lib...] [SYSTEM lib...])
#   The folder's library: every foo.cc beside the CMakeLists.txt belongs to it, every foo_test.cc to its test program
#   NAME_test. DEPS are our folders, SYSTEM are packages. HEAPS: where SANDGATE_HEAPS is on (CMakePresets.json), eight
#   files are compiled as one, for most of a small file's time goes into the headers it includes. The dev preset
#   compiles each file by itself, so that each names what it needs and a change is built in seconds.
# sandgate_program(NAME MAIN file.cc [DEPS ...] [SYSTEM ...])
#   A program; MAIN is the only file it adds.
function(sandgate_library name)
  cmake_parse_arguments(ARG "HEAPS" "" "DEPS;SYSTEM;TEST_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_DEPS PREPEND sg_)
  list(TRANSFORM ARG_TEST_DEPS PREPEND sg_)
  if(sources)
    add_library(sg_${name} STATIC ${sources})
    if(ARG_HEAPS AND SANDGATE_HEAPS)
      set_target_properties(sg_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
      # It speaks of headers, and takes the parts of a heap for some.
      target_compile_options(sg_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
    endif()
    target_link_libraries(sg_${name} PUBLIC sandgate_flags ${ARG_DEPS} ${ARG_SYSTEM})
  else()
    add_library(sg_${name} INTERFACE)
    target_link_libraries(sg_${name} INTERFACE sandgate_flags ${ARG_DEPS} ${ARG_SYSTEM})
  endif()
  if(SANDGATE_TESTS AND tests)
    sandgate_test(${name}_test SOURCES ${tests} DEPS_RAW sg_${name} ${ARG_TEST_DEPS})
  endif()
endfunction()

# One test program a folder: gtest's own main, registered with ctest under its name.
function(sandgate_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;DEPS_RAW;SYSTEM;LABELS" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND sg_)
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS_RAW} ${ARG_DEPS} ${ARG_SYSTEM} sandgate_flags GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  # A bound for what hangs. Simulations hand over from thread to thread a million times, and on a busy machine each time
  # another program may come first.
  set(timeout 300)
  if("simulation" IN_LIST ARG_LABELS)
    set(timeout 1200)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${timeout})
endfunction()

function(sandgate_program name)
  cmake_parse_arguments(ARG "" "MAIN" "DEPS;SYSTEM" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND sg_)
  add_executable(${name} ${ARG_MAIN})
  target_link_libraries(${name} PRIVATE sandgate_flags ${ARG_DEPS} ${ARG_SYSTEM})
endfunction()
