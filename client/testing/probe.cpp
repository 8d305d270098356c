// A program that the tests of cli/cluster_test.py steer: one client that lives on while things happen around it.
// Usage: client-probe MODE, then a command a line on standard input; each is answered by one line, "ok ..." or
// "error CODE MESSAGE". MODE: in-cluster, tunnel, kubectl, sandboxd-tunnel, sandboxd-in-cluster.
//
//   create NAME POOL      run NAME COMMAND      write NAME PATH TEXT    read NAME PATH
//   list NAME PATH        exists NAME PATH      remove NAME PATH        terminate NAME
//   fan POOL COUNT STOP_MS     COUNT sandboxes by coroutines on one thread, told to stop after STOP_MS (0: not at all),
//   by a
//                              client of their own that is gone when the answer comes
//   threads NAME COUNT CALLS   COUNT threads use one handle at once
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <sandgate/client.hpp>
#include <sstream>
#include <thread>

namespace {

using namespace sandgate;

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string said(const Error& error) {
  return "error " + std::string(to_string(error.code)) + " " + one_line(error.message);
}

template <class T, class Show>
std::string said(const Result<T>& result, Show show) {
  return result ? "ok " + show(*result) : said(result.error());
}

int number(const std::string& text) { return static_cast<int>(std::strtol(text.c_str(), nullptr, 10)); }

std::string said(const Result<void>& result) { return result ? "ok" : said(result.error()); }

Connection connection_of(const std::string& mode) {
  if (mode == "tunnel") return LocalTunnel{};
  if (mode == "kubectl") return LocalTunnel{.by = TunnelBy::kubectl};
  if (mode == "sandboxd-tunnel") return SandboxdTunnel{.rest_port = 8888};
  if (mode == "sandboxd-in-cluster") return SandboxdInCluster{.address = SandboxdAddress::pod_ip, .rest_port = 8888};
  return InCluster{};
}

Task<Result<void>> one_of_many(async::Client client, std::string pool, std::stop_token stop) {
  const CreateOptions creating{.stop = stop};
  auto sandbox = co_await client.create(pool, creating);
  if (!sandbox) co_return std::move(sandbox).error();
  const RunOptions running{.stop = stop};
  auto result = co_await sandbox->commands().run("echo used", running);
  auto deleted = co_await sandbox->terminate();
  if (!deleted) co_return std::move(deleted).error();
  if (!result) co_return std::move(result).error();
  if (result->out != "used\n") co_return Error{.code = Errc::protocol, .message = "the command said " + result->out};
  co_return Result<void>();
}

std::string fan(const std::string& mode, const std::string& pool, int count, int stop_ms) {
  std::map<std::string, int> outcomes;
  std::string first_error;
  {
    auto client = async::Client::open({.connection = connection_of(mode)}).value();
    std::stop_source stop;
    std::mutex mutex;
    std::condition_variable_any ended;
    // Ends at once when all is done before its moment.
    std::jthread stopper([&](std::stop_token over) {
      std::unique_lock lock(mutex);
      if (stop_ms > 0 && !ended.wait_for(lock, over, Millis(stop_ms), [] { return false; }) && !over.stop_requested())
        stop.request_stop();
    });
    std::vector<Task<Result<void>>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(one_of_many(client, pool, stop.get_token()));
    for (const Result<void>& result : sync_wait(when_all(std::move(tasks)))) {
      ++outcomes[result ? "done" : std::string(to_string(result.error().code))];
      if (!result && result.error().code != Errc::cancelled && first_error.empty())
        first_error = result.error().message;
    }
  }
  std::string text = "ok";
  for (const auto& [what, number] : outcomes) text += " " + what + "=" + std::to_string(number);
  return first_error.empty() ? text : "error many " + text + ": " + one_line(first_error);
}

std::string threads(Sandbox& sandbox, int count, int calls) {
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < count; ++i) {
      all.emplace_back([&sandbox, &wrong, calls, i] {
        for (int call = 0; call < calls; ++call) {
          const std::string name = "t" + std::to_string(i);
          const std::string text = name + "." + std::to_string(call);
          const bool wrote = sandbox.files().write(name, std::as_bytes(std::span(text))).has_value();
          const auto read = sandbox.files().read(name);
          const auto ran = sandbox.commands().run("cat " + name);
          if (!wrote || !read || read->size() != text.size() || !ran || ran->out != text) ++wrong;
        }
      });
    }
  }
  return wrong == 0 ? "ok" : "error threads " + std::to_string(wrong.load()) + " calls were wrong";
}

std::string act(Client& client, std::map<std::string, Sandbox>& sandboxes, const std::string& mode,
                std::istringstream& line) {
  std::string verb, name, first;
  line >> verb >> name >> first;
  std::string rest;
  std::getline(line >> std::ws, rest);
  if (verb == "fan") return fan(mode, name, number(first), number(rest));
  if (verb == "create") {
    Result<Sandbox> made = client.create(first);
    if (!made) return said(made.error());
    sandboxes.erase(name);
    return "ok " + sandboxes.emplace(name, std::move(*made)).first->second.name();
  }
  const auto found = sandboxes.find(name);
  if (found == sandboxes.end()) return "error usage no sandbox " + name;
  Sandbox& sandbox = found->second;
  if (verb == "run") {
    const std::string command = first + (rest.empty() ? "" : " " + rest);
    return said(sandbox.commands().run(command), [](const ExecutionResult& ran) { return one_line(ran.out); });
  }
  if (verb == "write") return said(sandbox.files().write(first, std::as_bytes(std::span(rest))));
  if (verb == "read") {
    return said(sandbox.files().read(first), [](const Bytes& bytes) {
      return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
  }
  if (verb == "list") {
    return said(sandbox.files().list(first), [](const std::vector<FileEntry>& entries) {
      std::string text;
      for (const FileEntry& entry : entries)
        text += entry.name + ":" + std::to_string(entry.size) + ":" + entry.mode.value_or("-") + " ";
      return one_line(text);
    });
  }
  if (verb == "exists") {
    return said(sandbox.files().exists(first), [](bool there) { return std::string(there ? "yes" : "no"); });
  }
  if (verb == "remove") return said(sandbox.files().remove(first, {.recursive = rest == "recursive"}));
  if (verb == "threads") return threads(sandbox, number(first), number(rest));
  if (verb == "terminate") return said(sandbox.terminate());
  return "error usage no verb " + verb;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: client-probe MODE\n", 2;
  const std::string mode = argv[1];
  try {
    Client client = Client::open({.connection = connection_of(mode)}).value();
    std::map<std::string, Sandbox> sandboxes;
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line);
      std::cout << act(client, sandboxes, mode, words) << std::endl;
    }
    return 0;
  } catch (const Exception& failure) {
    return std::cerr << failure.what() << "\n", 1;
  }
}
