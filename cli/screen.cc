#include "cli/screen.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

namespace sandgate::cli {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr size_t kBarCells = 30;

bool terminal() { return ::isatty(STDERR_FILENO) == 1; }

std::string json_of(const Record& record) {
  std::string text = "{";
  for (const Field& field : record) {
    if (text.size() > 1) text += ",";
    text += quoted(field.name) + ":" + (field.bare ? field.value : quoted(field.value));
  }
  return text + "}";
}

std::string yaml_of(const Record& record, std::string_view first, std::string_view others) {
  std::string text;
  for (const Field& field : record) {
    text += text.empty() ? first : others;
    text += field.name + ": " + (field.bare ? field.value : quoted(field.value)) + "\n";
  }
  return text;
}

void table(const std::vector<Record>& records) {
  if (records.empty()) return;
  std::vector<size_t> widths;
  for (const Field& field : records.front()) widths.push_back(field.name.size());
  for (const Record& record : records) {
    for (size_t i = 0; i < record.size(); ++i) widths[i] = std::max(widths[i], record[i].value.size());
  }
  const auto line = [&widths](const Record& record, bool head) {
    std::string text;
    for (size_t i = 0; i < record.size(); ++i) {
      std::string cell = head ? record[i].name : record[i].value;
      if (head)
        std::transform(cell.begin(), cell.end(), cell.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      if (i + 1 < record.size()) cell.resize(widths[i] + 3, ' ');
      text += cell;
    }
    std::printf("%s\n", text.c_str());
  };
  line(records.front(), true);
  for (const Record& record : records) line(record, false);
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", byte);
      out += code;
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

void print_record(const std::string& format, const Record& record) {
  if (format == "json") {
    std::printf("%s\n", json_of(record).c_str());
  } else if (format == "yaml") {
    std::printf("%s", yaml_of(record, "", "").c_str());
  } else {
    table({record});
  }
}

void print_records(const std::string& format, const std::vector<Record>& records) {
  if (format == "json") {
    std::string text = "[";
    for (const Record& record : records) text += (text.size() > 1 ? "," : "") + json_of(record);
    std::printf("%s]\n", text.c_str());
  } else if (format == "yaml") {
    if (records.empty()) std::printf("[]\n");
    for (const Record& record : records) std::printf("%s", yaml_of(record, "- ", "  ").c_str());
  } else {
    table(records);
  }
}

int report(const Error& error) {
  std::fprintf(stderr, "sandbox: %s\n", error.message.c_str());
  if (error.maybe_executed)
    std::fprintf(stderr, "sandbox: it may have taken effect all the same; look before you repeat it\n");
  if (!error.request_id.empty()) {
    std::fprintf(stderr, "sandbox: request %s, in the logs of router and sandbox\n", error.request_id.c_str());
  }
  return error.code == Errc::timeout ? 124 : error.code == Errc::cancelled ? 130 : 125;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double number = static_cast<double>(bytes);
  size_t unit = 0;
  while (number >= 1024 && unit + 1 < std::size(kUnits)) number /= 1024, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", number, kUnits[unit]);
  return text;
}

Progress::Progress(std::string what, std::uint64_t total, bool quiet)
    : what_(std::move(what)),
      total_(total),
      on_(!quiet && terminal()),
      begin_(std::chrono::steady_clock::now()),
      drawn_(begin_) {}

Progress::~Progress() {
  if (on_ && drawn_ != begin_) draw(true);
}

void Progress::add(std::uint64_t bytes) {
  done_ += bytes;
  const auto now = std::chrono::steady_clock::now();
  if (!on_ || now - drawn_ < kRedraw) return;
  drawn_ = now;
  draw(false);
}

void Progress::draw(bool last) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const auto rate = static_cast<std::uint64_t>(seconds > 0 ? static_cast<double>(done_) / seconds : 0);
  std::string bar;
  if (total_ > 0) {
    const auto full = static_cast<size_t>(static_cast<double>(kBarCells) *
                                          static_cast<double>(std::min(done_, total_)) / static_cast<double>(total_));
    bar = " [" + std::string(full, '#') + std::string(kBarCells - full, '.') + "] " + human_bytes(done_) + " of " +
          human_bytes(total_);
  } else {
    bar = " " + human_bytes(done_);
  }
  std::fprintf(stderr, "\r\033[K%s%s, %s/s%s", what_.c_str(), bar.c_str(), human_bytes(rate).c_str(), last ? "\n" : "");
  std::fflush(stderr);
}

struct Waiting::Thread {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread runner;
};

Waiting::Waiting(std::string what, bool quiet) {
  if (quiet || !terminal()) return;
  thread_ = new Thread;
  thread_->runner = std::thread([thread = thread_, what = std::move(what)] {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_lock lock(thread->mutex);
    while (!thread->changed.wait_for(lock, kRedraw * 5, [thread] { return thread->done; })) {
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      std::fprintf(stderr, "\r\033[K%s, %.0f s", what.c_str(), seconds);
    }
    std::fprintf(stderr, "\r\033[K");
  });
}

Waiting::~Waiting() {
  if (!thread_) return;
  {
    const std::lock_guard lock(thread_->mutex);
    thread_->done = true;
    thread_->changed.notify_all();
  }
  thread_->runner.join();
  delete thread_;
}

}  // namespace sandgate::cli
