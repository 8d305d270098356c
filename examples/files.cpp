// Files: small ones as values, large ones as streams, a listing, and a call that somebody else may cancel.
//   files POOL LOCAL_FILE
#include <cstdio>
#include <fstream>
#include <sandgate/client.hpp>

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s POOL LOCAL_FILE\n", argv[0]), 2;
  try {
    auto client = sandgate::Client::open({.connection = sandgate::InCluster{}}).value();
    auto sandbox = client.create(argv[1]).value();
    sandbox.files().write("notes/hello.txt", "hello\n").value();

    std::ifstream file(argv[2], std::ios::binary);
    const sandgate::Reader reader = [&file](std::span<std::byte> room) -> sandgate::Result<std::size_t> {
      file.read(reinterpret_cast<char*>(room.data()), static_cast<std::streamsize>(room.size()));
      return static_cast<std::size_t>(file.gcount());
    };
    std::stop_source cancel;  // cancel.request_stop() from any thread ends the upload
    sandbox.files()
        .write("notes/large.bin", reader, {.timeout = sandgate::Seconds{600}, .stop = cancel.get_token()})
        .value();

    std::uint64_t bytes = 0;
    const sandgate::Writer count = [&bytes](std::span<const std::byte> part) -> sandgate::Result<std::size_t> {
      bytes += part.size();
      return part.size();
    };
    sandbox.files().read_to("notes/large.bin", count).value();
    for (const sandgate::FileEntry& entry : sandbox.files().list("notes").value()) {
      std::printf("%8llu  %s\n", static_cast<unsigned long long>(entry.size), entry.name.c_str());
    }
    std::printf("%llu bytes came back\n", static_cast<unsigned long long>(bytes));
    return 0;
  } catch (const sandgate::Exception& failure) {
    return std::fprintf(stderr, "%s\n", failure.what()), 125;
  }
}
