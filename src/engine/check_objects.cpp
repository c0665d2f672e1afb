// The level `objects`: stored bytes against their names and checksums, without a key.
#include "crypto/sha256.hpp"
#include "crypto/sodium.hpp"
#include "engine/finding_list.hpp"
#include "engine/parallel.hpp"
#include "repo/budget.hpp"
#include "repo/impl.hpp"
#include "repo/layout.hpp"
#include "repo/wal_names.hpp"

namespace drkit {
namespace engine {
namespace {

struct Expectation {
  std::string_view prefix;
  format::Kind kind;
  bool named_by_digest;
  bool envelope;
};
constexpr Expectation kExpectations[] = {
    {repo::kDataPrefix, format::Kind::pack, true, false},
    {repo::kMetaPrefix, format::Kind::pack, true, false},
    {repo::kIndexPrefix, format::Kind::index, true, true},
    {repo::kSnapshotPrefix, format::Kind::snapshot, false, true},
    {repo::kSlotPrefix, format::Kind::key_slot, false, true},
    {repo::kLeasePrefix, format::Kind::lease, false, true},
    {repo::kTombstonePrefix, format::Kind::tombstone, false, true},
    {repo::kCheckpointPrefix, format::Kind::checkpoint, false, true},
    {repo::kWalPrefix, format::Kind::wal, false, true},
    {repo::kConfigKey, format::Kind::config, false, true},
};

const Expectation* expectation_of(std::string_view key) {
  for (const Expectation& expectation : kExpectations) {
    if (key.starts_with(expectation.prefix)) return &expectation;
  }
  return nullptr;
}

void look_at(const std::string& key, ByteView object, FindingList& findings) {
  const Expectation* expected = expectation_of(key);
  if (expected == nullptr) {
    return findings.add({Severity::warning, "object_unknown", key, "no object of a repository has such a name"});
  }
  const std::string digest = base::to_hex(crypto::sha256(object));
  if (expected->named_by_digest && digest != repo::object_name(key)) {
    return findings.add({Severity::damage, "object_damaged", key,
                         "SHA-256 of the stored bytes is " + digest + ", expected the object's name"});
  }
  if (!expected->envelope) return;
  const auto payload = format::unwrap_envelope(expected->kind, object);
  if (!payload) findings.add({Severity::damage, "object_damaged", key, payload.error().message()});
}

// A config that cannot be read forbids nothing: its damage will be a finding.
Result<void> require_checkable(const Context& ctx, Storage& storage) {
  const auto payload = repo::get_object(ctx, storage, repo::kConfigKey, format::Kind::config);
  if (!payload) return {};
  const auto config = format::decode_config(*payload);
  return config ? repo::require_known(config->features.check, "checking it") : Result<void>();
}

}  // namespace

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
    const auto object = storage.get(ctx, objects[i].key, {});
    // A lease may have gone since the listing; anything else that is gone was removed by a prune or forget.
    if (!object && object.error().code() == ErrorCode::not_found) return {};
    if (!object) return object.error();
    bytes += object->size();
    look_at(objects[i].key, *object, findings);
    return {};
  }));
  return CheckRun{"objects", (ctx.clock->steady() - began).count(), objects.size(),
                  std::to_string(bytes.load()) + " stored bytes read"};
}

}  // namespace engine

Result<Report> check_objects(const Context& ctx, Storage& storage, unsigned sample_percent) {
  DRKIT_TRY(crypto::ready());
  Report report;
  report.time_ns = ctx.clock->wall_ns();
  const auto began = ctx.clock->steady();
  const auto config = storage.stat(ctx, repo::kConfigKey);
  if (!config && config.error().code() == ErrorCode::not_found) {
    return Error(ErrorCode::not_found, "no repository here").with("storage", storage.info().name);
  }
  DRKIT_TRY(config);
  DRKIT_TRY(engine::require_checkable(ctx, storage));
  engine::FindingList findings(report);
  DRKIT_ASSIGN(CheckRun run, engine::run_object_check(ctx, storage, "", sample_percent, 2, findings));
  report.runs.push_back(std::move(run));
  report.duration_ns = (ctx.clock->steady() - began).count();
  return report;
}

bool Report::ok() const {
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::damage) return false;
  }
  return findings_left_out == 0;
}

std::string_view check_level_name(CheckLevel level) {
  switch (level) {
    case CheckLevel::objects:
      return "objects";
    case CheckLevel::chunks:
      return "chunks";
    case CheckLevel::files:
      return "files";
    case CheckLevel::boot:
      return "boot";
  }
  return "unknown";
}

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::damage:
      return "damage";
  }
  return "unknown";
}

}  // namespace drkit
