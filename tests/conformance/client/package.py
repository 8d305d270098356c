"""The Debian package of the client, as a foreign program sees it: what is in it, and that programs can be built with it by
CMake and by pkg-config."""

import os
import shutil
import subprocess

PROGRAM = r"""
#include <cstdio>
#include <sandgate/client.hpp>
int main() {
  auto client = sandgate::Client::open({.connection = sandgate::Direct{.api_url = "ftp://x"}});
  if (client) return 1;
  std::printf("%s %s\n", std::string(sandgate::version()).c_str(), client.error().message.c_str());
  return client.error().code == sandgate::Errc::invalid_argument ? 0 : 1;
}
"""
LISTS = """cmake_minimum_required(VERSION 3.25)
project(foreign LANGUAGES CXX)
find_package(SandgateClient 0.1 REQUIRED)
add_executable(foreign foreign.cpp)
target_link_libraries(foreign PRIVATE Sandgate::client)
"""
# Headers of the libraries we use must not be needed by who uses us.
FORBIDDEN = ("curl/", "nlohmann/", "simdjson", "yaml-cpp/", "fmt/", "openssl/", "tl/")
LIMIT_S = 240


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False, **more)
    if done.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(words[:4]), (done.stdout + done.stderr)[-1500:]))
    return done.stdout


class Package:
    """The package of a build directory, unpacked."""

    def __init__(self, build_dir, work_dir):
        self.work_dir = os.path.join(work_dir, "package")
        shutil.rmtree(self.work_dir, ignore_errors=True)
        os.makedirs(self.work_dir)
        run("cpack", "-G", "DEB", "--config", os.path.join(build_dir, "CPackConfig.cmake"), "-B", self.work_dir,
            "-D", "CPACK_OUTPUT_FILE_PREFIX=" + self.work_dir, cwd=build_dir)
        names = [name for name in os.listdir(self.work_dir) if name.endswith(".deb")]
        if len(names) != 1:
            raise AssertionError("one package was expected: %r" % os.listdir(self.work_dir))
        self.file = os.path.join(self.work_dir, names[0])
        self.root = os.path.join(self.work_dir, "root")
        run("dpkg-deb", "-x", self.file, self.root)
        self.usr = os.path.join(self.root, "usr")

    def library_dir(self):
        for folder, _, files in os.walk(self.usr):
            if "libsandgate-client.so" in files:
                return folder
        raise AssertionError("no libsandgate-client.so in the package")


def check_contents(package):
    files = run("dpkg-deb", "-c", package.file)
    for wanted in ("bin/sandbox", "include/sandgate/client.hpp", "libsandgate-client.a", "libsandgate-client.so",
                   "SandgateClientConfig.cmake", "SandgateClientConfigVersion.cmake", "sandgate-client.pc", "man1/sandbox.1"):
        assert wanted in files, "%s is missing in\n%s" % (wanted, files)
    depends = run("dpkg-deb", "-f", package.file, "Depends")
    assert "libcurl4" in depends and "libssl3" in depends, depends


def check_headers(package):
    folder = os.path.join(package.usr, "include", "sandgate")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as header:
            for line in header:
                assert not (line.startswith("#include") and any(word in line for word in FORBIDDEN)), (name, line)


def _source(package, folder):
    path = os.path.join(package.work_dir, folder)
    os.makedirs(path)
    for name, text in (("foreign.cpp", PROGRAM), ("CMakeLists.txt", LISTS)):
        with open(os.path.join(path, name), "w") as out:
            out.write(text)
    return path


def _works(program, package):
    said = run(program, env=dict(os.environ, LD_LIBRARY_PATH=package.library_dir()))
    assert "api_url" in said, said


def check_cmake(package):
    path = _source(package, "by-cmake")
    run("cmake", "-S", path, "-B", path + "/build", "-G", "Ninja", "-DCMAKE_PREFIX_PATH=" + package.usr)
    run("cmake", "--build", path + "/build")
    _works(path + "/build/foreign", package)


def check_pkg_config(package):
    path = _source(package, "by-pkg-config")
    library_dir = package.library_dir()
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(library_dir, "pkgconfig"),
               PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1", PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
    words = run("pkg-config", "--cflags", "--libs", "sandgate-client", env=env).split()
    run("c++", "-std=c++20", path + "/foreign.cpp", "-o", path + "/foreign", *words)
    _works(path + "/foreign", package)


CHECKS = (("what the package holds", check_contents), ("no foreign type in its headers", check_headers),
          ("a program by find_package", check_cmake), ("a program by pkg-config", check_pkg_config))
