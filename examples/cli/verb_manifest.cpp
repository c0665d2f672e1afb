// drkit manifest: the SHA-256 of every file, in the form that `sha256sum -c` reads.
#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct ManifestArguments {
  std::string repository;
  std::string snapshot;
  std::string path;
};

// A name with a backslash or a line ending is escaped, and a backslash before the line says so.
std::string manifest_line(const Entry& entry) {
  std::string name;
  for (const char c : entry.path) {
    if (c == '\\') {
      name += "\\\\";
    } else if (c == '\n') {
      name += "\\n";
    } else if (c == '\r') {
      name += "\\r";
    } else {
      name += c;
    }
  }
  return (name == entry.path ? "" : "\\") + hex(as_text(entry.sha256)) + "  " + name + "\n";
}

bool has_content(const Entry& entry) {
  return (entry.type == EntryType::regular || entry.type == EntryType::stream) && !entry.problem;
}

Json manifest_json(const Entry& entry) {
  Json object;
  object["sha256"] = hex(as_text(entry.sha256));
  put_path(object, entry.path);
  object["size_bytes"] = entry.size_bytes;
  return object;
}

Result<int> run_manifest(Session& session, const ManifestArguments& arguments) {
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const Snapshot snapshot, repository.find_snapshot(session.context(), arguments.snapshot));
  const std::string path = clean_path(arguments.path);
  JsonList list(session, "files");
  std::uint64_t seen = 0;
  Result<void> result = list_entries(session.context(), repository, snapshot, path, [&](const Entry& entry) {
    ++seen;
    if (!has_content(entry)) return true;
    if (session.json()) {
      list.add(manifest_json(entry));
    } else {
      session.print(manifest_line(entry));
    }
    return true;
  });
  if (result && seen == 0 && !path.empty()) {
    result = Error(ErrorCode::not_found, "the snapshot has no such path").with("path", path);
  }
  if (session.json()) return list.close(result);
  if (!result) return std::move(result).error();
  return kComplete;
}

}  // namespace

void add_manifest(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ManifestArguments>();
  CLI::App* verb =
      session.add_verb(app, "manifest", "Print the SHA-256 of every file, for `sha256sum -c`",
                       "drkit manifest /srv/backup latest > SUMS && cd /restored && sha256sum -c --quiet SUMS");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("SNAPSHOT", arguments->snapshot, "An id, the start of one, latest, or latest:SOURCE")->required();
  verb->add_option("PATH", arguments->path, "Only at and below this path");
  session.on(verb, [arguments](Session& s) { return run_manifest(s, *arguments); });
}

}  // namespace cli
