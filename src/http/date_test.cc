#include "http/date.h"

#include <gtest/gtest.h>

namespace sandgate::http {
namespace {

TEST(FormatDate, IsTheFormOfRfc9110) {
  EXPECT_EQ(format_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format_date(951782399), "Mon, 28 Feb 2000 23:59:59 GMT");
  EXPECT_EQ(format_date(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
}

}  // namespace
}  // namespace sandgate::http
