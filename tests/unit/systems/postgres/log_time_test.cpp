#include <doctest/doctest.h>

#include "systems/postgres/log_time.hpp"

using namespace drkit::systems::postgres;

TEST_CASE("times of the server's log are read in any zone") {
  CHECK(time_of_log("2000-01-01 00:00:00+00") == 946'684'800'000'000'000);
  CHECK(time_of_log("2000-01-01 02:00:00.5+02") == 946'684'800'500'000'000);
  CHECK(time_of_log("1999-12-31 18:30:00.000001-05:30") == 946'684'800'000'001'000);
  CHECK(time_of_log("1969-12-31 23:59:59.999999+00") == -1000);
  for (const char* bad : {"", "2000-01-01", "2000-01-01 00:00:00", "2000-01-01 00:00:00 CET", "soon"}) {
    CAPTURE(bad);
    CHECK_FALSE(time_of_log(bad).has_value());
  }
}
