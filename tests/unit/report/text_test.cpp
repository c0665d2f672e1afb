#include "report/text.hpp"

#include <doctest/doctest.h>

using namespace drkit::report;

TEST_CASE("bytes that are no UTF-8 become escapes, everything else stays") {
  CHECK(to_utf8("plain ä€😀") == "plain ä€😀");
  CHECK(to_utf8("caf\xe9.txt") == "caf\\xe9.txt");
  CHECK(to_utf8("\xc3") == "\\xc3");
  CHECK(to_utf8(std::string_view("a\0b", 3)) == std::string_view("a\0b", 3));
}

TEST_CASE("malformed UTF-8 of every kind is refused") {
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc1\x81", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"}) {
    CHECK_FALSE(is_utf8(bad));
    CHECK(utf8_sequence(bad) == 0);
    CHECK(is_utf8(to_utf8(bad)));
  }
  CHECK(is_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"));
  CHECK(utf8_sequence("") == 0);
}

TEST_CASE("control characters and turned text cannot draw over a terminal or a page") {
  CHECK(visible("a\nb\tc\x1b[31m\x7f") == "a\\x0ab\\x09c\\x1b[31m\\x7f");
  CHECK(visible("gpj.\u202Eexe") == "gpj.\\u202eexe");
  CHECK(visible("\u0085\uFEFF\uFFFF\u200B") == "\\u0085\\ufeff\\uffff\\u200b");
  CHECK(visible("naïve 名前") == "naïve 名前");
}

TEST_CASE("markup is escaped inside and outside attributes") {
  CHECK(escape_markup("<a href=\"x\" id='y'>&") == "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
}

TEST_CASE("figures read well at every size") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1024) == "1.0 KiB");
  CHECK(human_bytes(1048575) == "1.0 MiB");
  CHECK(human_bytes(~0ULL) == "16.0 EiB");
  CHECK(human_count(0) == "0");
  CHECK(human_count(999) == "999");
  CHECK(human_count(1234567) == "1 234 567");
  CHECK(human_duration(1'500'000) == "1.5 ms");
  CHECK(human_duration(1'240'000'000) == "1.24 s");
  CHECK(human_duration(59'970'000'000) == "1 min 00 s");
  CHECK(human_duration(7'500'000'000'000) == "2 h 05 min");
}

TEST_CASE("times are UTC, also before the epoch") {
  CHECK(utc_time(1'700'000'000'000'000'007) == "2023-11-14T22:13:20.000000007Z");
  CHECK(utc_time(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(utc_time_to_second(0) == "1970-01-01T00:00:00Z");
}
