#include "format/snapshot.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/byte_io.hpp"
#include "base/hex.hpp"
#include "format/json_text.hpp"

namespace drkit::format {
namespace {

using Json = nlohmann::json;  // sorted keys: one value has one text, and many keys cost no quadratic time

Bytes dump(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const ByteView view = as_bytes(text);
  return Bytes(view.begin(), view.end());
}

Result<Json> parse(ByteView bytes, std::string_view what) {
  const std::string_view text = as_text(bytes);
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded() || !json.is_object()) return corrupt(what, "is no JSON object");
  return json;
}

// Missing fields take their default, so that later minor versions may add some; a wrong type is damage.
template <class T>
void read(const Json& json, const char* key, T& value, bool& ok) {
  const auto found = json.find(key);
  if (found == json.end()) return;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return void(ok = false);
    auto text = text_from_json(found->template get_ref<const std::string&>());
    if (!text) return void(ok = false);
    value = std::move(*text);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!found->is_boolean()) return void(ok = false);
    value = found->template get<bool>();
  } else {
    if (!found->is_number_integer()) return void(ok = false);
    const bool fits = found->is_number_unsigned() ? std::in_range<T>(found->template get<std::uint64_t>())
                                                  : std::in_range<T>(found->template get<std::int64_t>());
    if (!fits) return void(ok = false);
    value = found->template get<T>();
  }
}

void read(const Json& json, const char* key, std::map<std::string, std::string>& value, bool& ok) {
  const auto found = json.find(key);
  if (found == json.end()) return;
  if (!found->is_object()) return void(ok = false);
  for (const auto& [name, item] : found->items()) {
    auto item_name = text_from_json(name);
    auto text = item.is_string() ? text_from_json(item.get_ref<const std::string&>()) : std::nullopt;
    if (!item_name || !text) return void(ok = false);
    value[std::move(*item_name)] = std::move(*text);
  }
}

Json to_json(const std::map<std::string, std::string>& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values) json[text_to_json(name)] = text_to_json(value);
  return json;
}

struct StatField {
  const char* name;
  std::uint64_t BackupStats::*member;
};
constexpr StatField kStatFields[] = {
    {"entries", &BackupStats::entries},
    {"files", &BackupStats::files},
    {"files_unchanged", &BackupStats::files_unchanged},
    {"bytes", &BackupStats::bytes},
    {"bytes_read", &BackupStats::bytes_read},
    {"bytes_new", &BackupStats::bytes_new},
    {"bytes_stored", &BackupStats::bytes_stored},
    {"chunks", &BackupStats::chunks},
    {"chunks_new", &BackupStats::chunks_new},
    {"problems", &BackupStats::problems},
};

Json stats_to_json(const BackupStats& stats) {
  Json json = Json::object();
  for (const StatField& field : kStatFields) json[field.name] = stats.*field.member;
  json["duration_ns"] = stats.duration_ns;
  return json;
}

void read_stats(const Json& json, BackupStats& stats, bool& ok) {
  const auto found = json.find("stats");
  if (found == json.end() || !found->is_object()) return void(ok = false);
  for (const StatField& field : kStatFields) read(*found, field.name, stats.*field.member, ok);
  read(*found, "duration_ns", stats.duration_ns, ok);
}

bool read_predecessors(const Json& json, std::vector<Predecessor>& predecessors) {
  const auto found = json.find("predecessors");
  if (found == json.end()) return true;
  if (!found->is_array()) return false;
  for (const Json& item : *found) {
    if (!item.is_object()) return false;
    Predecessor predecessor;
    std::string digest;
    bool ok = true;
    read(item, "id", predecessor.id, ok);
    read(item, "sha256", digest, ok);
    const auto bytes = base::array_from_hex<32>(digest);
    if (!ok || (!bytes && item.contains("sha256"))) return false;
    if (bytes) predecessor.object_digest = *bytes;
    predecessors.push_back(std::move(predecessor));
  }
  return true;
}

// A path may be any bytes, JSON text may not: it travels in hexadecimal.
Json problem_to_json(const Problem& problem) {
  return Json{{"path_hex", base::to_hex(as_bytes(problem.path))},
              {"code", static_cast<int>(problem.code)},
              {"message", text_to_json(problem.message)}};
}

bool read_problem(const Json& item, Problem& problem) {
  if (!item.is_object()) return false;
  std::string path;
  std::int32_t code = 0;
  bool ok = true;
  read(item, "path_hex", path, ok);
  read(item, "code", code, ok);
  read(item, "message", problem.message, ok);
  const auto bytes = base::from_hex(path);
  if (!ok || !bytes) return false;
  problem.path = std::string(as_text(*bytes));
  problem.code = static_cast<ErrorCode>(code);
  return true;
}

}  // namespace

Bytes encode_snapshot_public(const SnapshotPublic& snapshot) {
  const Snapshot& value = snapshot.value;
  Json json;
  json["fenced"] = snapshot.fenced;
  json["time_ns"] = value.time_ns;
  json["status"] = value.status == Status::complete ? "complete" : "partial";
  json["source_kind"] = text_to_json(value.source_kind);
  json["source_name"] = text_to_json(value.source_name);
  json["host"] = text_to_json(value.host);
  json["tags"] = to_json(value.tags);
  json["stats"] = stats_to_json(value.stats);
  json["predecessors"] = Json::array();
  for (const Predecessor& predecessor : snapshot.predecessors) {
    Json item{{"id", predecessor.id}};
    if (predecessor.object_digest != Digest{}) item["sha256"] = base::to_hex(predecessor.object_digest);
    json["predecessors"].push_back(std::move(item));
  }
  return dump(json);
}

Result<SnapshotPublic> decode_snapshot_public(ByteView bytes) {
  DRKIT_ASSIGN(const Json json, parse(bytes, "snapshot"));
  SnapshotPublic snapshot;
  Snapshot& value = snapshot.value;
  bool ok = true;
  std::string status;
  read(json, "fenced", snapshot.fenced, ok);
  read(json, "time_ns", value.time_ns, ok);
  read(json, "status", status, ok);
  read(json, "source_kind", value.source_kind, ok);
  read(json, "source_name", value.source_name, ok);
  read(json, "host", value.host, ok);
  read(json, "tags", value.tags, ok);
  read_stats(json, value.stats, ok);
  if (!ok || !read_predecessors(json, snapshot.predecessors)) return corrupt("snapshot", "its public part is damaged");
  // Anything but "complete" must never look like success.
  value.status = status == "complete" ? Status::complete : Status::partial;
  return snapshot;
}

Bytes encode_snapshot_private(const SnapshotPrivate& snapshot) {
  Json json;
  json["manifest_root"] = base::to_hex(snapshot.manifest_root);
  json["manifest_level"] = snapshot.manifest_level;
  json["receipt"] = to_json(snapshot.receipt);
  json["problems"] = Json::array();
  for (const Problem& problem : snapshot.problems) json["problems"].push_back(problem_to_json(problem));
  return dump(json);
}

Result<SnapshotPrivate> decode_snapshot_private(ByteView bytes) {
  DRKIT_ASSIGN(const Json json, parse(bytes, "snapshot"));
  SnapshotPrivate snapshot;
  bool ok = true;
  std::string root;
  read(json, "manifest_root", root, ok);
  read(json, "manifest_level", snapshot.manifest_level, ok);
  read(json, "receipt", snapshot.receipt, ok);
  const auto id = base::array_from_hex<32>(root);
  if (!ok || !id) return corrupt("snapshot", "its private part is damaged");
  snapshot.manifest_root = *id;
  if (const auto problems = json.find("problems"); problems != json.end() && problems->is_array()) {
    for (const Json& item : *problems) {
      Problem problem;
      if (!read_problem(item, problem)) return corrupt("snapshot", "its list of problems is damaged");
      snapshot.problems.push_back(std::move(problem));
    }
  }
  return snapshot;
}

Bytes encode_snapshot(const SnapshotObject& snapshot) {
  base::ByteWriter out;
  out.blob(snapshot.sealed_public);
  out.u32(snapshot.content_key.generation);
  out.raw(snapshot.content_key.sealed);
  out.blob(snapshot.sealed_private);
  return out.take();
}

Result<SnapshotObject> decode_snapshot(ByteView payload) {
  base::ByteReader in(payload);
  SnapshotObject snapshot;
  const ByteView public_part = in.blob();
  snapshot.content_key.generation = in.u32();
  snapshot.content_key.sealed = in.array<kSealedKeyBytes>();
  const ByteView private_part = in.blob();
  if (!in.done()) return corrupt("snapshot", "is damaged");
  snapshot.sealed_public.assign(public_part.begin(), public_part.end());
  snapshot.sealed_private.assign(private_part.begin(), private_part.end());
  return snapshot;
}

Bytes encode_lease(const LeaseText& lease) {
  return dump(Json{{"host", text_to_json(lease.host)},
                   {"process", lease.process},
                   {"time_ns", lease.time_ns},
                   {"program", lease.program}});
}

Bytes encode_tombstone(std::int64_t time_ns, const std::optional<Digest>& object_digest) {
  Json json{{"time_ns", time_ns}};
  if (object_digest) json["sha256"] = base::to_hex(*object_digest);
  return dump(json);
}

}  // namespace drkit::format
