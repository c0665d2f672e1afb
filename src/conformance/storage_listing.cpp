// Cases about listings.
#include <array>
#include <map>
#include <set>

#include "conformance/storage_cases.hpp"

namespace drkit::conformance {
namespace {

using Sizes = std::map<std::string, std::uint64_t>;

Failure collect(const Context& ctx, Storage& storage, std::string_view prefix, Sizes& found) {
  found.clear();
  Failure twice;
  const auto listed = storage.list(ctx, prefix, [&](const ObjectInfo& object) {
    if (!found.emplace(object.key, object.size_bytes).second) twice = "listed twice: " + object.key;
    return true;
  });
  DRKIT_EXPECT(expect_ok(listed, "list of \"" + std::string(prefix) + "\""));
  return twice;
}

std::string shown(const Sizes& sizes) {
  std::string text;
  for (const auto& [key, size] : sizes) text += (text.empty() ? "" : " ") + key + ":" + std::to_string(size);
  return text.size() > 300 ? std::to_string(sizes.size()) + " objects" : "[" + text + "]";
}

Failure expect_listing(const Context& ctx, Storage& storage, std::string_view prefix, const Sizes& expected) {
  Sizes found;
  DRKIT_EXPECT(collect(ctx, storage, prefix, found));
  if (found == expected) return std::nullopt;
  return "list of \"" + std::string(prefix) + "\" gave " + shown(found) + ", expected " + shown(expected);
}

Failure empty_listing(const Context& ctx, Storage& storage) {
  for (const std::string_view prefix : {"", "a", "a/", "a/b/c"}) {
    DRKIT_EXPECT(expect_listing(ctx, storage, prefix, {}));
  }
  return std::nullopt;
}

Failure prefixes(const Context& ctx, Storage& storage) {
  const Sizes all = {{"a", 1}, {"ab/c", 2}, {"ab/cd/e", 3}, {"ab/ce", 4}, {"b/ab", 5}, {"..x/y", 6}};
  for (const auto& [key, size] : all) {
    DRKIT_EXPECT(expect_ok(storage.put(ctx, key, pattern(size, size), {}), "put of " + key));
  }
  for (const std::string prefix : {"", "a", "ab", "ab/", "ab/c", "ab/cd", "ab/cd/", "ab/cd/e", "ab/ce", "ab/cef", "b",
                                   "c", "c/d", ".", "..", "..x/", "a/", "a/b"}) {
    Sizes expected;
    for (const auto& [key, size] : all) {
      if (key.starts_with(prefix)) expected.emplace(key, size);
    }
    DRKIT_EXPECT(expect_listing(ctx, storage, prefix, expected));
  }
  return std::nullopt;
}

Failure malformed_prefixes(const Context& ctx, Storage& storage) {
  for (const std::string prefix : {"/", "/a", "../", "a/../", "a//", "a//b", "A", "a b", "./a"}) {
    const auto listed = storage.list(ctx, prefix, [](const ObjectInfo&) { return true; });
    if (listed.ok() || listed.error().code() != ErrorCode::invalid_argument) {
      return "list takes the malformed prefix \"" + prefix + "\"";
    }
  }
  return std::nullopt;
}

Failure many_objects(const Context& ctx, Storage& storage) {
  constexpr unsigned kObjects = 1500;
  const auto key_of = [](unsigned i) { return "many/" + std::to_string(i % 7) + "/" + std::to_string(i); };
  Sizes all;
  for (unsigned i = 0; i < kObjects; ++i) all.emplace(key_of(i), 1);
  // In threads, for storages whose single puts are slow.
  const auto put_share = [&](unsigned number) -> Failure {
    for (unsigned i = number; i < kObjects; i += kThreads) {
      DRKIT_EXPECT(expect_ok(storage.put(ctx, key_of(i), as_bytes("x"), {}), "put of " + key_of(i)));
    }
    return std::nullopt;
  };
  DRKIT_EXPECT(in_threads(put_share));
  return expect_listing(ctx, storage, "many/", all);
}

Failure visitor_stops(const Context& ctx, Storage& storage) {
  for (const std::string key : {"s/a", "s/b/c", "s/b/d", "s/e"}) {
    DRKIT_EXPECT(expect_ok(storage.put(ctx, key, as_bytes("x"), {}), "put of " + key));
  }
  int visits = 0;
  const auto listed = storage.list(ctx, "s/", [&](const ObjectInfo&) { return ++visits < 2; });
  DRKIT_EXPECT(expect_ok(listed, "list stopped by its visitor"));
  return expect(visits == 2, "the visitor asked to stop after 2 objects and saw " + std::to_string(visits));
}

Failure cancelled_inside(const Context& ctx, Storage& storage) {
  for (const std::string key : {"s/a", "s/b", "s/c"}) {
    DRKIT_EXPECT(expect_ok(storage.put(ctx, key, as_bytes("x"), {}), "put of " + key));
  }
  Context own = ctx;
  own.cancel = CancelToken();
  const auto listed = storage.list(own, "s/", [&](const ObjectInfo&) {
    own.cancel.cancel();
    return true;
  });
  return expect_error(listed, ErrorCode::cancelled, "s/", "a list that was cancelled by its visitor");
}

Failure follows_changes(const Context& ctx, Storage& storage) {
  DRKIT_EXPECT(expect_ok(storage.put(ctx, "l/a", as_bytes("1"), {}), "put"));
  DRKIT_EXPECT(expect_listing(ctx, storage, "l/", {{"l/a", 1}}));
  DRKIT_EXPECT(expect_ok(storage.put(ctx, "l/a", as_bytes("22"), {}), "put"));
  DRKIT_EXPECT(expect_ok(storage.put(ctx, "l/b", as_bytes("1"), {.if_absent = true}), "put"));
  DRKIT_EXPECT(expect_listing(ctx, storage, "l/", {{"l/a", 2}, {"l/b", 1}}));
  DRKIT_EXPECT(expect_ok(storage.remove(ctx, "l/a"), "remove"));
  return expect_listing(ctx, storage, "l/", {{"l/b", 1}});
}

constexpr std::array<StorageCase, 7> kCases = {{
    {"an empty storage lists nothing", empty_listing},
    {"a listing holds exactly what starts with the prefix", prefixes},
    {"malformed prefixes are refused", malformed_prefixes},
    {"1500 objects are all listed, once", many_objects},
    {"a visitor stops the listing", visitor_stops},
    {"a listing answers to cancellation", cancelled_inside},
    {"a listing follows puts and removes at once", follows_changes},
}};

}  // namespace

std::span<const StorageCase> listing_cases() { return kCases; }

}  // namespace drkit::conformance
