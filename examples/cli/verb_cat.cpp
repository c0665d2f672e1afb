// drkit cat: one file of a snapshot to standard output, verified.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct CatArguments {
  std::string repository;
  std::string snapshot;
  std::string path;
};

/// Writes what comes in order; holes become zeros.
class OutputSink final : public Sink {
 public:
  explicit OutputSink(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}

  Result<void> write_at(const Context& ctx, std::uint64_t offset, ByteView bytes) override {
    if (offset < position_) return Error(ErrorCode::internal, "the bytes did not come in order");
    DRKIT_TRY(zeros_up_to(ctx, offset));
    return put(bytes);
  }

  Result<void> close(const Context& ctx) override { return zeros_up_to(ctx, size_bytes_); }

 private:
  Result<void> zeros_up_to(const Context& ctx, std::uint64_t offset) {
    static constexpr std::array<std::byte, 65536> kZeros{};
    while (position_ < offset) {
      DRKIT_TRY(ctx.check_cancelled());
      const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(kZeros.size(), offset - position_));
      DRKIT_TRY(put(ByteView(kZeros).first(length)));
    }
    return {};
  }

  Result<void> put(ByteView bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        return Error(errno == ENOSPC ? ErrorCode::no_space : ErrorCode::io,
                     std::string("cannot write standard output: ") + std::strerror(errno));
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      position_ += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  std::uint64_t size_bytes_;
  std::uint64_t position_ = 0;
};

Result<Entry> find_entry(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                         const std::string& path) {
  std::optional<Entry> found;
  DRKIT_TRY(list_entries(ctx, repository, snapshot, path, [&](const Entry& entry) {
    if (entry.path == path) found = entry;
    return false;
  }));
  if (!found) return Error(ErrorCode::not_found, "the snapshot has no such path").with("path", path);
  return *found;
}

Result<int> run_cat(Session& session, const CatArguments& arguments) {
  if (session.json()) return Error(ErrorCode::invalid_argument, "cat writes the file itself: --json does not fit");
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const Snapshot snapshot, repository.find_snapshot(session.context(), arguments.snapshot));
  DRKIT_ASSIGN(Entry entry, find_entry(session.context(), repository, snapshot, clean_path(arguments.path)));
  if (entry.type == EntryType::hardlink) {
    DRKIT_ASSIGN(entry, find_entry(session.context(), repository, snapshot, entry.link_target));
  }
  if (entry.type != EntryType::regular && entry.type != EntryType::stream) {
    return Error(ErrorCode::invalid_argument, "not a file").with("path", entry.path);
  }
  if (entry.problem) {
    return Error(entry.problem->code, "the snapshot lacks this file: " + entry.problem->message)
        .with("path", entry.path);
  }
  OutputSink sink(entry.size_bytes);
  DRKIT_TRY(read_entry(session.context(), repository, snapshot, entry.path, sink));
  // Whether or not the library closes the sink: a hole at the end must come out, and a second close adds nothing.
  DRKIT_TRY(sink.close(session.context()));
  return kComplete;
}

}  // namespace

void add_cat(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<CatArguments>();
  CLI::App* verb = session.add_verb(app, "cat", "Write one file of a snapshot to standard output",
                                    "drkit cat /srv/backup latest etc/fstab");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("SNAPSHOT", arguments->snapshot, "An id, the start of one, latest, or latest:SOURCE")->required();
  verb->add_option("PATH", arguments->path, "The file's path in the snapshot")->required();
  session.on(verb, [arguments](Session& s) { return run_cat(s, *arguments); });
}

}  // namespace cli
