// ReadCrew: several threads read the files of a source; what they give comes back in the source's order.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/file_reader.hpp"
#include "engine/parent.hpp"
#include "engine/progress_meter.hpp"

namespace drkit::engine {

/// What became of one entry. A record with a problem has no content.
struct EntryResult {
  format::Record record;
  FileResult read;
  bool unchanged = false;  ///< taken over from the parent
};

/// Thread-safety: run belongs to one thread; the callback is called by several, one at a time.
class ReadCrew {
 public:
  /// Called for every entry in the source's order.
  using Deliver = std::function<Result<void>(EntryResult&&)>;

  ReadCrew(const Context& ctx, Source& source, const Secret& chunker_key, repo::ChunkWriter& chunks,
           repo::ManifestWriter& manifest, Parent* parent, repo::MemoryDraft* draft, ProgressMeter& meter)
      : ctx_(ctx),
        source_(source),
        info_(source.info()),
        chunker_key_(chunker_key),
        chunks_(chunks),
        manifest_(manifest),
        parent_(parent),
        draft_(draft),
        meter_(meter) {}

  /// Reads the source to its end. Errors: the first of any thread.
  Result<void> run(unsigned threads, const Deliver& deliver);

 private:
  struct Taken {
    std::uint64_t number = 0;
    std::unique_ptr<Stream> stream;
    EntryResult result;
    bool to_read = false;
    std::optional<EarlierFile> earlier;  ///< parts of it are still good
  };
  /// What every thread has of its own.
  struct Readers {
    FileReader whole;
    FilePatcher parts;
  };
  void loop(const Deliver& deliver);
  /// Entries that need no reading, and at most one that does, the last. None at the end of the source.
  Result<std::vector<Taken>> take();
  Result<std::optional<Taken>> take_one();
  Result<void> compare_with_parent(Taken& taken);
  Result<void> read(Readers& readers, Taken& taken);
  Result<void> hand_over(std::vector<Taken>& batch, const Deliver& deliver);
  void fail(Error error, std::unique_ptr<Stream> stream = {});

  const Context& ctx_;
  Source& source_;
  const SourceInfo info_;
  const Secret& chunker_key_;
  repo::ChunkWriter& chunks_;
  repo::ManifestWriter& manifest_;
  Parent* parent_;
  repo::MemoryDraft* draft_;
  ProgressMeter& meter_;

  std::mutex source_mutex_;
  std::uint64_t taken_ = 0;
  bool ended_ = false;

  std::mutex delivery_mutex_;
  std::condition_variable delivered_changed_;
  std::map<std::uint64_t, EntryResult> waiting_;
  std::uint64_t delivered_ = 0;
  std::size_t waiting_extents_ = 0;
  std::optional<Error> failure_;
};

}  // namespace drkit::engine
