// FilePatcher: a file of which only parts changed since an earlier snapshot.
#pragma once

#include <deque>
#include <vector>

#include <drkit/spi/source.hpp>

#include "base/buffer.hpp"
#include "engine/extent_list.hpp"
#include "engine/file_reader.hpp"

namespace drkit::engine {

/// An extent and where in its file it lies.
struct PlacedExtent {
  std::uint64_t offset = 0;
  format::Extent extent;
};

/// The content of an earlier snapshot's file: its extents in order. What lies between them is a hole.
struct EarlierFile {
  std::vector<PlacedExtent> extents;
  std::uint64_t size_bytes = 0;
};

/// Changed bytes of the whole file, wherever they lie, are packed together into new chunks; what is the same refers to
/// the chunks that hold it already. The result is as complete as that of a FileReader, but for the SHA-256, which is
/// not known, since nobody saw the whole file. Thread-safety: one thread.
class FilePatcher {
 public:
  FilePatcher(repo::ChunkWriter& chunks, repo::ManifestWriter& manifest);
  /// Errors: as FileReader::read; internal when the stream calls bytes the same that the earlier file has not.
  Result<FileResult> read(const Context& ctx, Stream& stream, const EarlierFile& earlier, const ReadProgress& progress,
                          bool& source_failed);

 private:
  struct Run {
    enum class Kind : std::uint8_t { data, same, hole } kind = Kind::data;
    std::uint64_t offset = 0;  ///< in the file
    std::uint64_t bytes = 0;
  };
  Result<void> take(const ReadResult& got);
  void push(Run::Kind kind, std::uint64_t bytes);
  Result<void> store(std::size_t size);
  Result<void> refer(const Run& run);
  Result<void> settle_leading();

  repo::ChunkWriter& chunks_;
  base::Buffer window_;   ///< changed bytes that are not stored yet
  std::deque<Run> runs_;  ///< of the file, since the last stored byte
  ExtentList extents_;
  const EarlierFile* earlier_ = nullptr;
  std::size_t next_extent_ = 0;  ///< of the earlier file
  FileResult result_;
};

}  // namespace drkit::engine
