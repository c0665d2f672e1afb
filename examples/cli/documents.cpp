// documents: how --json shows what several verbs share.
#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

std::string_view type_name(drkit::EntryType type) {
  switch (type) {
    case drkit::EntryType::regular:
      return "regular";
    case drkit::EntryType::directory:
      return "directory";
    case drkit::EntryType::symlink:
      return "symlink";
    case drkit::EntryType::hardlink:
      return "hardlink";
    case drkit::EntryType::fifo:
      return "fifo";
    case drkit::EntryType::socket:
      return "socket";
    case drkit::EntryType::char_device:
      return "char_device";
    case drkit::EntryType::block_device:
      return "block_device";
    case drkit::EntryType::stream:
      return "stream";
  }
  return "unknown";
}

void put_bytes(Json& object, const std::string& name, const std::string& bytes) {
  object[name] = to_utf8(bytes);
  if (!is_utf8(bytes)) object[name + "_hex"] = hex(bytes);
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

void put_path(Json& object, const std::string& path) { put_bytes(object, "path", path); }

Json entry_json(const drkit::Entry& entry) {
  Json object;
  put_path(object, entry.path);
  object["type"] = type_name(entry.type);
  object["mode"] = entry.mode;
  object["uid"] = entry.uid;
  object["gid"] = entry.gid;
  object["user"] = to_utf8(entry.user);
  object["group"] = to_utf8(entry.group);
  object["mtime"] = utc_time(entry.mtime_ns);
  object["mtime_ns"] = entry.mtime_ns;
  object["size_bytes"] = entry.size_bytes;
  if (!entry.link_target.empty()) put_bytes(object, "link_target", entry.link_target);
  if (entry.type == drkit::EntryType::regular || entry.type == drkit::EntryType::stream) {
    object["sha256"] = hex(drkit::as_text(entry.sha256));
  }
  if (entry.problem) {
    object["problem"] = {{"code", drkit::error_code_name(entry.problem->code)},
                         {"message", to_utf8(entry.problem->message)}};
  }
  return object;
}

void add_gaps(Json& document, const std::vector<drkit::MirrorGap>& gaps) {
  for (const drkit::MirrorGap& gap : gaps) {
    document["mirror_gaps"].push_back({{"copy", gap.copy + 1}, {"key", gap.key}, {"reason", gap.reason}});
  }
}

Json error_document(const drkit::Error& error) {
  Json document;
  document["status"] = error.code() == drkit::ErrorCode::cancelled ? "interrupted" : "failed";
  document["error"] = Json::parse(drkit::to_json(error));
  return document;
}

std::string clean_path(std::string_view path) {
  while (path.starts_with('/') || path.starts_with("./")) path.remove_prefix(path[0] == '/' ? 1 : 2);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path == "." ? std::string() : std::string(path);
}

JsonList::JsonList(Session& session, std::string_view name) : session_(session) {
  if (!session_.json()) return;
  session_.document_printed();
  session_.print("{\n  " + dump(Json(std::string(name))) + ": [");
}

void JsonList::add(const Json& item) {
  session_.print((first_ ? "\n    " : ",\n    ") + dump(item));
  first_ = false;
}

int JsonList::close(const drkit::Result<void>& result, const Json& more) {
  Json tail = result ? Json{{"status", "complete"}} : error_document(result.error());
  if (result) tail.update(more);
  std::string text = first_ ? "]" : "\n  ]";
  for (const auto& [key, value] : tail.items()) text += ",\n  " + dump(Json(key)) + ": " + dump(value);
  session_.print(text + "\n}\n");
  return result ? kComplete : session_.fail(result.error());
}

}  // namespace cli
