#include "format/json_text.hpp"

#include <doctest/doctest.h>

#include <set>

#include "format/snapshot.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::format;

TEST_CASE("any bytes become text and come back, each in its own text") {
  testing::SeededRandom random(1);
  std::set<std::string> texts;
  std::set<std::string> values = {"",
                                  "name",
                                  "caf\xc3\xa9",
                                  "caf\xe9",
                                  "\xf0\x9f\x92\xbe",
                                  std::string("\0", 1),
                                  std::string("\0"
                                              "61",
                                              3)};
  for (int i = 0; i < 3000; ++i) {
    const Bytes bytes = random.bytes(static_cast<std::size_t>(random.below(6)));
    values.insert(std::string(as_text(bytes)));
  }
  for (const std::string& value : values) {
    const std::string text = text_to_json(value);
    CHECK(texts.insert(text).second);
    const auto back = text_from_json(text);
    REQUIRE(back.has_value());
    CHECK(*back == value);
  }
}

TEST_CASE("what is UTF-8 stays readable; what is overlong, a surrogate, past the end or cut is hexadecimal") {
  for (const char* good : {"plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(text_to_json(good) == good);
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc3", "\xe2\x82", "\xf0\x9f\x92"}) {
    CAPTURE(bad);
    CHECK(text_to_json(bad).front() == '\0');
  }
}

TEST_CASE("text that is longer than needed, or no hexadecimal, is refused") {
  using namespace std::string_literals;
  for (const std::string& text : {"\0"s,
                                  "\0"
                                  "6"s,
                                  "\0"
                                  "61"s,
                                  "\0"
                                  "FF"s,
                                  "\0"
                                  "zz"s}) {
    CHECK_FALSE(text_from_json(text).has_value());
  }
  CHECK(text_from_json("\0"
                       "ff"s) == "\xff");
  CHECK(text_from_json("\0"
                       "00"s) == "\0"s);
}

TEST_CASE("a snapshot keeps names, tags and receipts of any bytes") {
  SnapshotPublic shown;
  shown.value.source_kind = "filesystem";
  shown.value.source_name = "/srv/caf\xe9";
  shown.value.host = "h\xf6st";
  shown.value.tags = {{"k\xff", "v\xfe"}, {"k\xfe", "caf\xc3\xa9"}};
  shown.predecessors = {{std::string(32, 'a'), {}}, {std::string(32, 'b'), Digest{std::byte{1}}}};
  const auto back = decode_snapshot_public(encode_snapshot_public(shown));
  REQUIRE_MESSAGE(back.ok(), back.error().to_string());
  CHECK(back->value.source_name == shown.value.source_name);
  CHECK(back->value.host == shown.value.host);
  CHECK(back->value.tags == shown.value.tags);
  CHECK(back->predecessors == shown.predecessors);
  SnapshotPrivate hidden;
  hidden.receipt = {{"file\xff", "\xfe"}};
  hidden.problems = {{"p\xff", ErrorCode::io, "cannot read caf\xe9"}};
  const auto hidden_back = decode_snapshot_private(encode_snapshot_private(hidden));
  REQUIRE(hidden_back.ok());
  CHECK(hidden_back->receipt == hidden.receipt);
  CHECK(hidden_back->problems == hidden.problems);
}
