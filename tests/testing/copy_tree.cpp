#include "testing/copy_tree.hpp"

#include <algorithm>

namespace drkit::testing {
namespace {

constexpr std::size_t kBuffer = 256 * 1024;

// As the engine does: with a delta, what is at the place is read and only what differs is written.
Result<void> write_part(const Context& ctx, Sink& sink, bool delta, std::uint64_t offset, ByteView bytes) {
  if (delta) {
    Bytes now(bytes.size());
    DRKIT_ASSIGN(const std::size_t got, sink.read_at(ctx, offset, now));
    if (got == bytes.size() && std::equal(bytes.begin(), bytes.end(), now.begin())) return {};
  }
  return sink.write_at(ctx, offset, bytes);
}

Result<void> copy_content(const Context& ctx, Stream& stream, Sink* sink, bool delta) {
  Bytes buffer(kBuffer);
  std::uint64_t offset = 0;
  while (true) {
    DRKIT_ASSIGN(const ReadResult part, stream.read(ctx, buffer));
    if (part.at_end()) break;
    if (sink != nullptr && part.data_bytes > 0) {
      DRKIT_TRY(write_part(ctx, *sink, delta, offset, ByteView(buffer).first(part.data_bytes)));
    }
    offset += part.data_bytes + part.hole_bytes;
  }
  DRKIT_TRY(stream.close(ctx));
  return sink != nullptr ? sink->close(ctx) : Result<void>();
}

bool has_content(const Entry& entry) {
  return (entry.type == EntryType::regular || entry.type == EntryType::stream) && !entry.problem;
}

}  // namespace

Result<CopyReport> copy_tree(const Context& ctx, Source& source, RestoreTarget* target, const RestoreSettings& settings,
                             const EntryHook& hook) {
  CopyReport report;
  if (target != nullptr) DRKIT_TRY(target->begin(ctx, settings));
  DRKIT_TRY(source.begin(ctx));
  while (true) {
    DRKIT_ASSIGN(const std::unique_ptr<Stream> stream, source.next(ctx));
    if (!stream) break;
    const Entry& entry = stream->entry();
    if (hook) hook(entry);
    report.entries.push_back(entry);
    if (entry.problem) report.problems.push_back(*entry.problem);
    if (!has_content(entry)) {
      // A directory that could not be listed is still a directory.
      const bool makeable = !entry.problem || entry.type == EntryType::directory;
      if (target != nullptr && makeable) DRKIT_TRY(target->make(ctx, entry));
      continue;
    }
    std::unique_ptr<Sink> sink;
    if (target != nullptr) {
      DRKIT_ASSIGN(sink, target->open(ctx, entry));
    }
    if (auto copied = copy_content(ctx, *stream, sink.get(), settings.delta); !copied.ok()) {
      report.problems.push_back({entry.path, copied.error().code(), copied.error().message()});
    }
  }
  DRKIT_ASSIGN(const SourceReceipt receipt, source.finish(ctx));
  if (target != nullptr) DRKIT_TRY(target->finish(ctx));
  return report;
}

}  // namespace drkit::testing
