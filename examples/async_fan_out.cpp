// Fifty sandboxes at once, on one thread: created, used and deleted by coroutines. Ctrl-C cancels all of them and
// leaves nothing behind.
//   async_fan_out POOL [COUNT]
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sandgate/client.hpp>
#include <thread>

namespace {

sandgate::Task<sandgate::Result<std::string>> one(sandgate::async::Client client, std::string pool, int number,
                                                  std::stop_token stop) {
  // Options are named before they are used: see docs/client.md, "Coroutines".
  const sandgate::CreateOptions creating{.stop = stop};
  auto sandbox = co_await client.create(pool, creating);
  if (!sandbox) co_return std::move(sandbox).error();

  const std::string command = "echo sandbox " + std::to_string(number);
  const sandgate::RunOptions running{.stop = stop};
  auto result = co_await sandbox->commands().run(command, running);

  const sandgate::CallOptions deleting{};  // clean-up is not cancelled
  auto deleted = co_await sandbox->terminate(deleting);
  if (!result) co_return std::move(result).error();
  if (!deleted) co_return std::move(deleted).error();
  co_return result->out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: %s POOL [COUNT]\n", argv[0]), 2;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::stop_source stop;
  std::thread([signals, stop]() mutable {
    int number = 0;
    sigwait(&signals, &number);
    stop.request_stop();
  }).detach();

  auto client = sandgate::async::Client::open({.connection = sandgate::InCluster{}});
  if (!client) return std::fprintf(stderr, "%s\n", client.error().message.c_str()), 125;
  const int count = argc > 2 ? static_cast<int>(std::strtol(argv[2], nullptr, 10)) : 50;
  std::vector<sandgate::Task<sandgate::Result<std::string>>> tasks;
  for (int i = 0; i < count; ++i) tasks.push_back(one(*client, argv[1], i, stop.get_token()));

  int failed = 0;
  for (auto& result : sandgate::sync_wait(sandgate::when_all(std::move(tasks)))) {
    if (!result && failed++ == 0) std::fprintf(stderr, "%s\n", result.error().message.c_str());
  }
  std::printf("%d of %d done\n", count - failed, count);
  return failed == 0 ? 0 : 1;
}
