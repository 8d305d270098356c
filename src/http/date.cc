#include "http/date.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace sandgate::http {

std::string format_date(int64_t seconds_since_epoch) {
  using namespace std::chrono;
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds moment{seconds{seconds_since_epoch}};
  const sys_days midnight = floor<days>(moment);
  const year_month_day date{midnight};
  const hh_mm_ss time{moment - midnight};
  char text[64];
  const int size =
      std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT", kDays[weekday{midnight}.c_encoding()],
                    static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                    static_cast<int>(date.year()), static_cast<int>(time.hours().count()),
                    static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  return {text, static_cast<size_t>(size)};
}

}  // namespace sandgate::http
