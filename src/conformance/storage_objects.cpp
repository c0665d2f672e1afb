// Cases about single objects: put, get, stat, remove.
#include <algorithm>
#include <array>

#include "conformance/storage_cases.hpp"

namespace drkit::conformance {
namespace {

constexpr std::string_view kKey = "data/ab/object";

Failure absent(const Context& ctx, Storage& storage) {
  DRKIT_EXPECT(expect_error(storage.get(ctx, kKey, {}), ErrorCode::not_found, kKey, "get of an absent key"));
  DRKIT_EXPECT(expect_error(storage.stat(ctx, kKey), ErrorCode::not_found, kKey, "stat of an absent key"));
  DRKIT_EXPECT(expect_ok(storage.put(ctx, "data/ab/object2", as_bytes("x"), {}), "put"));
  return expect_error(storage.get(ctx, kKey, {}), ErrorCode::not_found, kKey, "get beside a longer key");
}

Failure empty_object(const Context& ctx, Storage& storage) {
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, {}, {}), "put of no bytes"));
  const auto info = storage.stat(ctx, kKey);
  DRKIT_EXPECT(expect_ok(info, "stat"));
  DRKIT_EXPECT(expect(info->size_bytes == 0, "stat of an empty object has a size"));
  return expect_object(ctx, storage, kKey, {});
}

Failure small_object(const Context& ctx, Storage& storage) {
  const Bytes bytes = pattern(12'345, 1);
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, bytes, {}), "put"));
  const auto info = storage.stat(ctx, kKey);
  DRKIT_EXPECT(expect_ok(info, "stat"));
  DRKIT_EXPECT(expect(info->key == kKey, "stat answers another key: " + info->key));
  DRKIT_EXPECT(expect(info->size_bytes == bytes.size(), "stat answers another size than was put"));
  return expect_object(ctx, storage, kKey, bytes);
}

Failure large_object(const Context& ctx, Storage& storage) {
  const Bytes bytes = pattern((std::size_t{33} << 20) + 1, 2);
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, bytes, {.if_absent = true}), "put of 33 MiB"));
  return expect_object(ctx, storage, kKey, bytes);
}

Failure overwrite(const Context& ctx, Storage& storage) {
  const Bytes longer = pattern(5000, 3);
  const Bytes shorter = pattern(100, 4);
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, longer, {}), "put"));
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, shorter, {}), "put over an object"));
  return expect_object(ctx, storage, kKey, shorter);
}

Failure only_if_absent(const Context& ctx, Storage& storage) {
  const Bytes first = pattern(100, 5);
  const Bytes second = pattern(100, 6);
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, first, {.if_absent = true}), "put of an absent key"));
  const auto again = storage.put(ctx, kKey, second, {.if_absent = true});
  DRKIT_EXPECT(expect_error(again, ErrorCode::already_exists, kKey, "put with if_absent of a present key"));
  DRKIT_EXPECT(expect_object(ctx, storage, kKey, first));
  const auto equal = storage.put(ctx, kKey, first, {.if_absent = true});
  return expect_error(equal, ErrorCode::already_exists, kKey, "put with if_absent of equal bytes");
}

Failure ranges(const Context& ctx, Storage& storage) {
  const Bytes bytes = pattern(1000, 7);
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, bytes, {}), "put"));
  constexpr std::uint64_t kAll = ByteRange().length;
  constexpr std::array<ByteRange, 9> kRanges = {
      {{0, 1}, {0, 10}, {500, 100}, {999, 1}, {990, 10}, {990, 11}, {990, kAll}, {1000, kAll}, {500, 0}}};
  for (const ByteRange range : kRanges) {
    const std::string what = "get of bytes " + std::to_string(range.offset) + "+" + std::to_string(range.length);
    const auto got = storage.get(ctx, kKey, range);
    DRKIT_EXPECT(expect_ok(got, what));
    const auto part = ByteView(bytes).subspan(range.offset, std::min<std::uint64_t>(range.length, 1000 - range.offset));
    DRKIT_EXPECT(expect(std::equal(got->begin(), got->end(), part.begin(), part.end()), what + " gave other bytes"));
  }
  const auto past = storage.get(ctx, kKey, {1001, 1});
  return expect_error(past, ErrorCode::invalid_argument, kKey, "get past the end");
}

Failure remove_twice(const Context& ctx, Storage& storage) {
  DRKIT_EXPECT(expect_ok(storage.remove(ctx, kKey), "remove of an absent key"));
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, as_bytes("x"), {}), "put"));
  DRKIT_EXPECT(expect_ok(storage.put(ctx, "data/ab/other", as_bytes("y"), {}), "put"));
  DRKIT_EXPECT(expect_ok(storage.remove(ctx, kKey), "remove"));
  DRKIT_EXPECT(expect_error(storage.stat(ctx, kKey), ErrorCode::not_found, kKey, "stat of a removed key"));
  DRKIT_EXPECT(expect_ok(storage.remove(ctx, kKey), "second remove"));
  DRKIT_EXPECT(expect_object(ctx, storage, "data/ab/other", as_bytes("y")));
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, as_bytes("z"), {.if_absent = true}), "put after remove"));
  return expect_object(ctx, storage, kKey, as_bytes("z"));
}

// Behind what was added there may be zeros, and nothing else.
Failure expect_grown(const Context& ctx, Storage& storage, ByteView bytes) {
  const auto got = storage.get(ctx, kKey, {});
  DRKIT_EXPECT(expect_ok(got, "get of an object that grows"));
  const bool begins = got->size() >= bytes.size() && std::equal(bytes.begin(), bytes.end(), got->begin());
  DRKIT_EXPECT(expect(begins, "what was added to an object is not what is read"));
  const ByteView rest = ByteView(*got).subspan(bytes.size());
  const bool zeros = std::all_of(rest.begin(), rest.end(), [](std::byte each) { return each == std::byte{0}; });
  return expect(zeros, "something stands behind what was added to an object");
}

Failure grows(const Context& ctx, Storage& storage) {
  auto growing = storage.grow(ctx, kKey);
  if (!growing && growing.error().code() == ErrorCode::unsupported) {
    DRKIT_EXPECT(expect_error(growing, ErrorCode::unsupported, kKey, "grow"));
    return expect_error(storage.stat(ctx, kKey), ErrorCode::not_found, kKey, "stat after a refused grow");
  }
  DRKIT_EXPECT(expect_ok(growing, "grow"));
  Bytes all;
  for (std::size_t size = 1; size < 400'000; size *= 3) {
    const Bytes part = pattern(size, size);
    DRKIT_EXPECT(expect_ok((*growing)->append(ctx, part), "append"));
    all.insert(all.end(), part.begin(), part.end());
    DRKIT_EXPECT(expect_grown(ctx, storage, all));
  }
  DRKIT_EXPECT(expect_error(storage.grow(ctx, kKey), ErrorCode::already_exists, kKey, "grow of an object"));
  DRKIT_EXPECT(expect_error(storage.put(ctx, kKey, as_bytes("x"), {.if_absent = true}), ErrorCode::already_exists, kKey,
                            "put with if_absent"));
  *growing = nullptr;
  DRKIT_EXPECT(expect_grown(ctx, storage, all));
  DRKIT_EXPECT(expect_ok(storage.remove(ctx, kKey), "remove"));
  return expect_error(storage.stat(ctx, kKey), ErrorCode::not_found, kKey, "stat of a removed key");
}

Failure cancelled(const Context& ctx, Storage& storage) {
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, as_bytes("old"), {}), "put"));
  Context stopped = ctx;
  stopped.cancel = CancelToken();
  stopped.cancel.cancel();
  constexpr auto kCode = ErrorCode::cancelled;
  DRKIT_EXPECT(expect_error(storage.put(stopped, kKey, as_bytes("new"), {}), kCode, kKey, "cancelled put"));
  DRKIT_EXPECT(expect_error(storage.put(stopped, "new/key", as_bytes("new"), {}), kCode, "new/key", "cancelled put"));
  DRKIT_EXPECT(expect_error(storage.remove(stopped, kKey), kCode, kKey, "cancelled remove"));
  DRKIT_EXPECT(expect_error(storage.get(stopped, kKey, {}), kCode, kKey, "cancelled get"));
  DRKIT_EXPECT(expect_error(storage.stat(stopped, kKey), kCode, kKey, "cancelled stat"));
  const auto listed = storage.list(stopped, "data/", [](const ObjectInfo&) { return true; });
  DRKIT_EXPECT(expect_error(listed, kCode, "data/", "cancelled list"));
  DRKIT_EXPECT(expect_object(ctx, storage, kKey, as_bytes("old")));
  return expect_error(storage.stat(ctx, "new/key"), ErrorCode::not_found, "new/key", "stat after a cancelled put");
}

Failure odd_keys(const Context& ctx, Storage& storage) {
  const std::array<std::string, 11> keys = {"a",
                                            "0",
                                            "--",
                                            "_",
                                            ".hidden",
                                            "a.b-c_d",
                                            "...",
                                            "..a/b..",
                                            "-/-/-",
                                            "d/e/e/p/e/r/t/h/a/n/u/s/u/a/l",
                                            std::string(100, 'x') + "/" + std::string(99, 'y')};
  for (const std::string& key : keys) {
    DRKIT_EXPECT(expect_ok(storage.put(ctx, key, as_bytes(key), {}), "put of " + key));
  }
  for (const std::string& key : keys) DRKIT_EXPECT(expect_object(ctx, storage, key, as_bytes(key)));
  return std::nullopt;
}

Failure illegal_keys(const Context& ctx, Storage& storage) {
  using namespace std::string_literals;
  const std::array<std::string, 17> keys = {"",
                                            "/",
                                            "/a",
                                            "a/",
                                            "a//b",
                                            ".",
                                            "..",
                                            "../a",
                                            "a/..",
                                            "a/./b",
                                            "a b",
                                            "Aa",
                                            "a\\b",
                                            "a\0b"s,
                                            "a\nb",
                                            "\xc3\xa4",
                                            std::string(201, 'a')};
  constexpr auto kCode = ErrorCode::invalid_argument;
  for (const std::string& key : keys) {
    const auto put = storage.put(ctx, key, as_bytes("x"), {});
    if (put.ok() || put.error().code() != kCode) return "put takes the malformed key \"" + key + "\"";
    const auto got = storage.get(ctx, key, {});
    if (got.ok() || got.error().code() != kCode) return "get takes the malformed key \"" + key + "\"";
    const auto info = storage.stat(ctx, key);
    if (info.ok() || info.error().code() != kCode) return "stat takes the malformed key \"" + key + "\"";
    const auto removed = storage.remove(ctx, key);
    if (removed.ok() || removed.error().code() != kCode) return "remove takes the malformed key \"" + key + "\"";
  }
  return std::nullopt;
}

// Addresses show where, never with what right: whatever looks like user:password@ or a secret's name is refused.
Failure no_secret(const Context&, Storage& storage) {
  const StorageInfo info = storage.info();
  DRKIT_EXPECT(expect(!info.scheme.empty(), "info has no scheme"));
  DRKIT_EXPECT(expect(!info.name.empty(), "info has no name"));
  const std::size_t at = info.name.find('@');
  const std::size_t start = info.name.find("//");
  const bool password = at != std::string::npos && start != std::string::npos && info.name.find(':', start) < at;
  DRKIT_EXPECT(expect(!password, "info's name holds user:password@"));
  for (const std::string_view word : {"password=", "secret=", "token=", "secret_key=", "signature="}) {
    DRKIT_EXPECT(expect(info.name.find(word) == std::string::npos, "info's name holds " + std::string(word)));
  }
  DRKIT_EXPECT(expect(info.writable, "a fresh storage says that it is not writable"));
  return expect(info.max_object_bytes >= (std::uint64_t{64} << 20), "objects of 64 MiB must fit");
}

constexpr std::array<StorageCase, 13> kCases = {{
    {"an absent key is not_found", absent},
    {"an empty object is an object", empty_object},
    {"an object is read as it was put", small_object},
    {"an object of 33 MiB is read as it was put", large_object},
    {"put replaces the whole object", overwrite},
    {"put with if_absent never replaces", only_if_absent},
    {"ranges are clipped to the object's end", ranges},
    {"remove twice is success", remove_twice},
    {"an object grows in place, or none can", grows},
    {"a cancelled call changes nothing", cancelled},
    {"odd but legal keys are kept", odd_keys},
    {"malformed keys are refused", illegal_keys},
    {"info is complete and holds no secret", no_secret},
}};

}  // namespace

std::span<const StorageCase> object_cases() { return kCases; }

}  // namespace drkit::conformance
