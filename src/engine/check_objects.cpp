// The level `objects`: stored bytes against their names and checksums, without a key.
#include "crypto/sha256.hpp"
#include "crypto/sodium.hpp"
#include "engine/finding_list.hpp"
#include "engine/parallel.hpp"
#include "repo/budget.hpp"
#include "repo/impl.hpp"
#include "repo/layout.hpp"
#include "repo/wal_names.hpp"
#include "repo/wal_tail.hpp"

namespace drkit {
namespace engine {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{32} << 20;

struct Expectation {
  std::string_view prefix;
  format::Kind kind;
  bool named_by_digest;
};
constexpr Expectation kExpectations[] = {
    {repo::kDataPrefix, format::Kind::pack, true},
    {repo::kMetaPrefix, format::Kind::pack, true},
    {repo::kIndexPrefix, format::Kind::index, true},
    {repo::kSnapshotPrefix, format::Kind::snapshot, false},
    {repo::kSlotPrefix, format::Kind::key_slot, false},
    {repo::kLeasePrefix, format::Kind::lease, false},
    {repo::kTombstonePrefix, format::Kind::tombstone, false},
    {repo::kCheckpointPrefix, format::Kind::checkpoint, false},
    {repo::kWalPrefix, format::Kind::wal, false},
    {repo::kConfigKey, format::Kind::config, false},
};

const Expectation* expectation_of(std::string_view key) {
  for (const Expectation& expectation : kExpectations) {
    if (key.starts_with(expectation.prefix)) return &expectation;
  }
  return nullptr;
}

std::uint64_t limit_of(const Expectation& expected) {
  if (expected.kind == format::Kind::pack) return format::kMaxPackBytes;
  return expected.kind == format::Kind::wal ? format::kMaxWalTailBytes : format::max_object_bytes(expected.kind);
}

Finding damage_of(const std::string& key, const std::string& problem) {
  return {Severity::damage, "object_damaged", key, problem};
}

/// A pack may be larger than the memory of whoever checks it.
Result<std::uint64_t> check_pack(const Context& ctx, Storage& storage, const std::string& key, FindingList& findings) {
  crypto::Sha256 hash;
  std::uint64_t at = 0;
  for (std::size_t got = kReadBytes; got == kReadBytes && at <= format::kMaxPackBytes; at += got) {
    DRKIT_TRY(ctx.check_cancelled());
    const auto bytes = storage.get(ctx, key, {at, kReadBytes});
    // At its very end there is nothing left to read.
    if (!bytes && at > 0 && bytes.error().code() == ErrorCode::invalid_argument) break;
    DRKIT_TRY(bytes);
    hash.update(*bytes);
    got = bytes->size();
  }
  const std::string digest = base::to_hex(hash.finish());
  if (digest != repo::object_name(key)) {
    findings.add(damage_of(key, "SHA-256 of the stored bytes is " + digest + ", expected the object's name"));
  }
  return at;
}

bool is_tail(const Expectation& expected, ByteView object) {
  const Bytes head = format::encode_wal_tail_head();
  return expected.kind == format::Kind::wal && object.size() >= head.size() &&
         std::equal(head.begin(), head.end(), object.begin());
}

// Whoever adds to it may be at work, or may have been killed while they were: that is no damage, though it could hide
// one.
Result<void> check_tail(const Context& ctx, Storage& storage, const std::string& key, FindingList& findings) {
  const auto tail = repo::read_tail(ctx, storage, key);
  const ErrorCode code = tail ? ErrorCode::ok : tail.error().code();
  // Its segment took its place.
  if (code == ErrorCode::not_found) return {};
  if (code == ErrorCode::corrupt) {
    findings.add(damage_of(key, tail.error().message()));
    return {};
  }
  DRKIT_TRY(tail);
  if (tail->found.more_after) findings.add(damage_of(key, "a piece in the middle of it is damaged"));
  if (tail->found.more_after || tail->found.clean_end) return {};
  findings.add({Severity::warning, "log_tail_unfinished", key,
                "what follows its last whole piece was cut off while it was added, or is damaged"});
  return {};
}

Result<std::uint64_t> check_small(const Context& ctx, Storage& storage, const std::string& key,
                                  const Expectation& expected, FindingList& findings) {
  const std::uint64_t limit = limit_of(expected);
  DRKIT_ASSIGN(const Bytes object, storage.get(ctx, key, {0, limit + 1}));
  if (object.size() > limit) {
    findings.add(damage_of(key, "is larger than its kind allows"));
    return object.size();
  }
  if (is_tail(expected, object)) {
    DRKIT_TRY(check_tail(ctx, storage, key, findings));
    return object.size();
  }
  const std::string digest = base::to_hex(crypto::sha256(object));
  if (expected.named_by_digest && digest != repo::object_name(key)) {
    findings.add(damage_of(key, "SHA-256 of the stored bytes is " + digest + ", expected the object's name"));
  } else if (const auto payload = format::unwrap_envelope(expected.kind, object); !payload) {
    findings.add(damage_of(key, payload.error().message()));
  }
  return object.size();
}

// A config that cannot be read forbids nothing: its damage will be a finding.
Result<std::string> find_repository_id(const Context& ctx, Storage& storage) {
  const auto payload = repo::get_object(ctx, storage, repo::kConfigKey, format::Kind::config);
  if (!payload) return std::string();
  const auto config = format::decode_config(*payload);
  if (!config) return std::string();
  DRKIT_TRY(repo::require_known(config->features.check, "checking it"));
  return base::to_hex(config->repository);
}

}  // namespace

Result<void> require_sample(unsigned percent) {
  if (percent >= 1 && percent <= 100) return {};
  return Error(ErrorCode::invalid_argument, "a sample is 1 to 100 percent").with("option", "sample_percent");
}

bool sampled(std::string_view name, unsigned percent) {
  if (percent >= 100) return true;
  const auto digest = crypto::sha256(as_bytes(name));
  return (std::to_integer<unsigned>(digest[0]) * 256 + std::to_integer<unsigned>(digest[1])) % 100 < percent;
}

Result<CheckRun> run_object_check(const Context& ctx, Storage& storage, std::string_view prefix, unsigned percent,
                                  unsigned threads, FindingList& findings) {
  const auto began = ctx.clock->steady();
  std::vector<ObjectInfo> objects;
  DRKIT_TRY(storage.list(ctx, prefix, [&](const ObjectInfo& info) {
    if (sampled(info.key, percent)) objects.push_back(info);
    return true;
  }));
  std::atomic<std::uint64_t> bytes{0};
  DRKIT_TRY(run_in_parallel(ctx, threads, objects.size(), [&](std::size_t i) -> Result<void> {
    const std::string& key = objects[i].key;
    const Expectation* expected = expectation_of(key);
    if (expected == nullptr) {
      findings.add({Severity::warning, "object_unknown", key, "no object of a repository has such a name"});
      return {};
    }
    const auto read = expected->kind == format::Kind::pack ? check_pack(ctx, storage, key, findings)
                                                           : check_small(ctx, storage, key, *expected, findings);
    // A lease may have gone since the listing; anything else that is gone was removed by a prune or forget.
    if (!read && read.error().code() == ErrorCode::not_found) return {};
    if (!read) return read.error();
    bytes += *read;
    return {};
  }));
  return CheckRun{"objects", (ctx.clock->steady() - began).count(), objects.size(),
                  std::to_string(bytes.load()) + " stored bytes read"};
}

}  // namespace engine

Result<Report> check_objects(const Context& ctx, Storage& storage, unsigned sample_percent) {
  DRKIT_TRY(crypto::ready());
  DRKIT_TRY(engine::require_sample(sample_percent));
  Report report;
  report.time_ns = ctx.clock->wall_ns();
  report.storage = storage.info().name;
  report.sample_percent = sample_percent;
  const auto began = ctx.clock->steady();
  const auto config = storage.stat(ctx, repo::kConfigKey);
  if (!config && config.error().code() == ErrorCode::not_found) {
    return Error(ErrorCode::not_found, "no repository here").with("storage", storage.info().name);
  }
  DRKIT_TRY(config);
  DRKIT_ASSIGN(report.repository_id, engine::find_repository_id(ctx, storage));
  engine::FindingList findings(report);
  DRKIT_ASSIGN(CheckRun run, engine::run_copies_check(ctx, storage, "", sample_percent, 2, findings));
  report.runs.push_back(std::move(run));
  DRKIT_TRY(engine::run_presence_check(ctx, storage, findings));
  report.not_looked_at = {
      "objects that are missing: without a key nobody can tell which ones the index and the snapshots need",
      "whether anything opens, and whether a snapshot is partial: that takes a key, too"};
  report.duration_ns = (ctx.clock->steady() - began).count();
  return report;
}

}  // namespace drkit
