// What people and programs see: tables, JSON, YAML on stdout; progress and errors on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <sandgate/result.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sandgate::cli {

/// A record's fields in order; all values are texts but for numbers and flags, which JSON and YAML show as such.
struct Field {
  std::string name, value;
  bool bare = false;  ///< a number or true/false
};
using Record = std::vector<Field>;

/// One record, as table (one line each), JSON object or YAML map.
void print_record(const std::string& format, const Record& record);
/// Several; the table has a head.
void print_records(const std::string& format, const std::vector<Record>& records);

std::string quoted(std::string_view text);  ///< as JSON

/// "sandbox: …" on stderr, in two or three lines; returns the exit status 125 (124 for a time-out, 130 when cancelled).
int report(const Error& error);

/// A bar on stderr while it lives, when stderr is a terminal: bytes done, of how many, how fast.
class Progress {
 public:
  Progress(std::string what, std::uint64_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void add(std::uint64_t bytes);

 private:
  void draw(bool last);
  std::string what_;
  std::uint64_t total_, done_ = 0;
  bool on_;
  std::chrono::steady_clock::time_point begin_, drawn_;
};

/// "waiting for X … 3 s" on stderr while it lives, when stderr is a terminal.
class Waiting {
 public:
  Waiting(std::string what, bool quiet);
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  struct Thread;
  Thread* thread_ = nullptr;
};

std::string human_bytes(std::uint64_t bytes);

}  // namespace sandgate::cli
