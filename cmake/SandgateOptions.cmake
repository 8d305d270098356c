# Compiler settings that hold for every target, and the switches the presets set.
option(SANDGATE_TESTS "Build unit, integration and simulation tests" ON)
option(SANDGATE_FUZZ "Build the libFuzzer harnesses (clang only)" OFF)
option(SANDGATE_MICROBENCH "Build the google-benchmark programs" OFF)
option(SANDGATE_PLANTED_BUGS "Compile in the bugs the simulation must catch; never in a product build" OFF)
set(SANDGATE_SANITIZE "" CACHE STRING "Comma list for -fsanitize=, for example address,undefined")

# A compiler cache is used where there is one, never needed.
find_program(SANDGATE_CCACHE ccache)
if(SANDGATE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SANDGATE_CCACHE})
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(sandgate_flags INTERFACE)
target_compile_options(sandgate_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wnon-virtual-dtor -Werror
  -fno-omit-frame-pointer -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports overlap in std::string operator+ that is not there (GCC bug 105651).
  target_compile_options(sandgate_flags INTERFACE -Wno-restrict)
  # At -O2 it takes the inside of an empty std::optional for something that is read (GCC bug 80635).
  target_compile_options(sandgate_flags INTERFACE -Wno-maybe-uninitialized)
endif()
target_include_directories(sandgate_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(sandgate_flags INTERFACE SANDGATE_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(sandgate_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(SANDGATE_PLANTED_BUGS)
  target_compile_definitions(sandgate_flags INTERFACE SANDGATE_PLANTED_BUGS=1)
endif()
if(SANDGATE_SANITIZE)
  target_compile_options(sandgate_flags INTERFACE -fsanitize=${SANDGATE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sandgate_flags INTERFACE -fsanitize=${SANDGATE_SANITIZE})
endif()
