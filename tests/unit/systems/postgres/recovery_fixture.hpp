// A repository with snapshots and log that never saw a server: histories, holes and forks as a test writes them down.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <drkit/backup.hpp>
#include <drkit/pitr.hpp>
#include <drkit/storage.hpp>

#include "systems/postgres/wal_names.hpp"
#include "systems/postgres/wal_record.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "testing/fake_clock.hpp"
#include "testing/listed_source.hpp"
#include "testing/memory_repository.hpp"
#include "testing/wal_builder.hpp"

namespace drkit::testing {

inline constexpr std::uint64_t kSystem = 77, kStart = 0x5000000;
inline constexpr std::uint32_t kSegment = 1 << 20;
/// Server time; microseconds since 2000.
inline constexpr std::int64_t kNoon = 820'000'000'000'000;
inline constexpr std::int64_t kMinute = 60'000'000;

/// A ListedSource that says what a cluster's backup says.
class ClusterSource final : public Source {
 public:
  ClusterSource(std::vector<ListedEntry> entries, SourceReceipt receipt)
      : listed_(std::move(entries), false), receipt_(std::move(receipt)) {}
  SourceInfo info() const override { return {"postgres", "cluster", true, false}; }
  Result<void> begin(const Context& ctx) override { return listed_.begin(ctx); }
  Result<std::unique_ptr<Stream>> next(const Context& ctx) override { return listed_.next(ctx); }
  Result<SourceReceipt> finish(const Context&) override { return receipt_; }

 private:
  ListedSource listed_;
  SourceReceipt receipt_;
};

/// Counts how often each key is read whole, and knows how to spoil what is stored.
class CountingStorage final : public Storage {
 public:
  explicit CountingStorage(StoragePtr inner) : inner_(std::move(inner)) {}
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    if (key.starts_with("wal/") && range.length > 4096) ++whole_reads;
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return inner_->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }
  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    return inner_->grow(ctx, key);
  }
  std::atomic<unsigned> whole_reads{0};

 private:
  const StoragePtr inner_;
};

class Warnings final : public LogSink {
 public:
  void log(LogLevel level, std::string_view message) noexcept override {
    if (level == LogLevel::warning) lines.emplace_back(message);
  }
  bool tell(std::string_view part) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  std::vector<std::string> lines;
};

struct Recovery {
  FakeClock clock;
  Warnings warnings;
  Context ctx;
  std::shared_ptr<CountingStorage> storage;
  Repository repository;
  WalArchive archive;

  explicit Recovery(StoragePtr inner = make_memory_storage())
      : storage(std::make_shared<CountingStorage>(std::move(inner))), repository(make()), archive(repository) {}

  static WalBuilder log_of(std::uint32_t timeline = 1) { return {kSystem, timeline, kStart, kSegment}; }
  /// Records up to the end of the segment, one transaction a minute; ends with a whole record exactly at the border.
  static void fill(WalBuilder& log, std::uint32_t& xid, std::int64_t& time, std::byte with = std::byte{5}) {
    const std::uint64_t border = (log.end() / kSegment + 1) * kSegment;
    while (log.end() + 40'000 < border) {
      log.add(10, 0, xid, Bytes(30'000, with));
      log.commit(xid++, time += kMinute);
    }
    log.switch_file();
  }
  void store(const WalBuilder& log, std::uint64_t from, std::uint64_t to, std::uint32_t timeline = 1) const {
    const Bytes bytes = log.padded();
    const std::uint64_t first = log.end() - log.bytes().size();
    for (std::uint64_t at = from; at < to; at += kSegment) {
      const ByteView each = ByteView(bytes).subspan(at - first, kSegment);
      const auto facts = systems::postgres::facts_of_segment(each);
      REQUIRE(facts.ok());
      const auto stored = archive.put(ctx, {WalKind::segment, kSystem, timeline, at, at + kSegment}, each, *facts);
      REQUIRE_MESSAGE(stored.ok(), words(stored));
    }
  }
  void store_history(std::uint32_t timeline, const std::string& text) const {
    REQUIRE(archive.put(ctx, {WalKind::history, kSystem, timeline, 0, 0}, as_bytes(text)).ok());
  }

  struct Made {
    std::uint64_t start = 0, end = 0;
    std::uint32_t timeline = 1;
    bool partial = false;
    bool with_log = true;
    std::string from = "primary";
    std::uint64_t system_id = kSystem;
  };
  /// A snapshot of a cluster that wrote this log; it holds the segments from start to end.
  Snapshot snapshot(const WalBuilder& log, const Made& made) {
    std::vector<ListedEntry> entries{listed("pg_wal")};
    const Bytes bytes = log.padded();
    const std::uint64_t first = log.end() - log.bytes().size();
    for (std::uint64_t at = made.start / kSegment * kSegment; made.with_log && at < made.end; at += kSegment) {
      std::vector<ListedRead> reads;
      for (std::size_t part = 0; part < kSegment; part += 1 << 15) {
        reads.push_back({std::string(as_text(ByteView(bytes).subspan(at - first + part, 1 << 15)))});
      }
      entries.push_back(listed_file(
          "pg_wal/" + systems::postgres::wal_file_name({made.timeline, at / kSegment}, kSegment), std::move(reads)));
    }
    if (made.partial) entries.push_back(unreadable(listed_file("base/1/1259", {})));
    const auto lsn = [](std::uint64_t value) { return systems::postgres::format_lsn(value); };
    ClusterSource source(std::move(entries), {{"system_id", std::to_string(made.system_id)},
                                              {"timeline", std::to_string(made.timeline)},
                                              {"end_timeline", std::to_string(made.timeline)},
                                              {"start_lsn", lsn(made.start)},
                                              {"end_lsn", lsn(made.end)},
                                              {"backup_from", made.from},
                                              {"wal_segment_bytes", std::to_string(kSegment)}});
    REQUIRE(clock.sleep_for(std::chrono::seconds(1), {}).ok());
    BackupOptions options;
    options.parent = "none";
    auto snapshot = backup(ctx, repository, source, options);
    REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
    return std::move(*snapshot);
  }

  std::string key_of(std::uint32_t timeline, std::uint64_t start) const {
    const auto objects = archive.list(ctx, kSystem);
    REQUIRE(objects.ok());
    for (const WalObject& object : *objects) {
      if (object.name.timeline == timeline && object.name.start == start && object.name.kind == WalKind::segment) {
        return object.key;
      }
    }
    FAIL("there is no such object");
    return {};
  }
  /// Leaves so many bytes of it.
  void cut(const std::string& key, std::size_t left) const {
    auto bytes = storage->get(ctx, key, {});
    REQUIRE(bytes.ok());
    REQUIRE(storage->put(ctx, key, ByteView(*bytes).first(left), {}).ok());
  }
  void spoil(const std::string& key) const {
    auto bytes = storage->get(ctx, key, {});
    REQUIRE(bytes.ok());
    (*bytes)[bytes->size() / 2] ^= std::byte{1};
    REQUIRE(storage->put(ctx, key, *bytes, {}).ok());
  }

  Result<PitrPlan> plan(PitrKind kind, const std::function<void(PitrOptions&)>& more = {}) const {
    PitrOptions options;
    options.target.kind = kind;
    if (more) more(options);
    return plan_pitr(ctx, repository, options);
  }
  std::multiset<std::string> problems(bool read = false) const {
    WalVerifyOptions options;
    options.read = read;
    const auto report = verify_wal(ctx, repository, options);
    REQUIRE_MESSAGE(report.ok(), words(report));
    std::multiset<std::string> codes;
    for (const WalProblem& problem : report->problems) codes.insert(problem.code);
    return codes;
  }

 private:
  Repository make() {
    clock.set_wall_ns(systems::postgres::wall_ns_of_server(kNoon));
    ctx.clock = &clock;
    ctx.log = &warnings;
    CreateOptions options;
    options.passwords.push_back(Secret::from_text("pw"));
    options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    auto made = Repository::create(ctx, storage, std::move(options));
    REQUIRE_MESSAGE(made.ok(), words(made));
    return std::move(*made);
  }
};

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
template <class T>
bool has(const Result<T>& result, std::string_view part) {
  return !result.ok() && has(result.error().message(), part);
}

}  // namespace drkit::testing
