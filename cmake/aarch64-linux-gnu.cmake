# Toolchain file: Debian's cross compiler for arm64 and its multiarch libraries (apt-get install PACKAGE:arm64), tests
# through qemu-user. Use: cmake --preset dev -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# pkg-config would look into the folders of this machine's architecture.
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
find_program(SANDGATE_QEMU NAMES qemu-aarch64-static qemu-aarch64)
if(SANDGATE_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${SANDGATE_QEMU})
endif()
