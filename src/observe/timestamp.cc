#include "observe/timestamp.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>

namespace sandgate::observe {

char* Timestamp::write(char* out, WallTime time) {
  using namespace std::chrono;
  const auto whole = floor<std::chrono::seconds>(time);
  if (whole.time_since_epoch().count() != second_) {
    second_ = whole.time_since_epoch().count();
    const auto day = floor<days>(whole);
    const year_month_day date(day);
    const hh_mm_ss clock(whole - day);
    text_ = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                        clock.minutes().count(), clock.seconds().count());
  }
  std::memcpy(out, text_.data(), kSize - 5);
  out += kSize - 5;
  const auto millis = duration_cast<milliseconds>(time - whole).count();
  *out++ = '.';
  *out++ = static_cast<char>('0' + millis / 100);
  *out++ = static_cast<char>('0' + millis / 10 % 10);
  *out++ = static_cast<char>('0' + millis % 10);
  *out++ = 'Z';
  return out;
}

void Timestamp::append(std::string& out, WallTime time) {
  char text[kSize];
  write(text, time);
  out.append(text, kSize);
}

}  // namespace sandgate::observe
