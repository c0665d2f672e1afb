// FileReader: one stream, chunk by chunk, into the repository.
#pragma once

#include <functional>
#include <memory>

#include <drkit/spi/source.hpp>

#include "base/buffer.hpp"
#include "chunk/chunker.hpp"
#include "crypto/sha256.hpp"
#include "engine/extent_list.hpp"
#include "format/manifest.hpp"
#include "repo/manifest_writer.hpp"

namespace drkit::engine {

/// What reading one stream gave.
struct FileResult {
  format::Content content;
  Sha256Digest sha256{};
  std::uint64_t size_bytes = 0;
  std::uint64_t bytes_read = 0;  ///< without holes
  std::uint64_t bytes_new = 0;
  std::uint64_t chunks = 0;
  std::uint64_t chunks_new = 0;
};

/// Called now and then with the bytes read since the last call.
using ReadProgress = std::function<void(std::uint64_t bytes)>;

/// Reuses its buffers from file to file. Thread-safety: one thread.
class FileReader {
 public:
  FileReader(const Secret& chunker_key, repo::ChunkWriter& chunks, repo::ManifestWriter& manifest);

  /// Stream::read -> Chunker -> SHA-256 and chunk id -> ChunkWriter::add. Errors: the stream's come with
  /// `source_failed` set, all others end the backup.
  Result<FileResult> read(const Context& ctx, Stream& stream, const ReadProgress& progress, bool& source_failed);
  /// Of the files read from now on every chunk is given to it as well; null: to nobody.
  void remember_in(repo::MemoryDraft* draft) { draft_ = draft; }

 private:
  Result<ReadResult> fill(const Context& ctx, Stream& stream, bool& source_failed);
  chunk::Chunker& choose_chunker(const Entry& entry, bool at_end);
  Result<void> cut_chunks(chunk::Chunker& chunker, bool at_end);
  Result<void> take_chunk(std::size_t size);
  Result<bool> store_chunk(const crypto::ChunkId& id, std::size_t size);
  Result<void> take_hole(const Context& ctx, std::uint64_t size, const ReadProgress& progress);

  std::unique_ptr<chunk::Chunker> content_chunker_;
  std::unique_ptr<chunk::Chunker> fixed_chunker_;
  repo::ChunkWriter& chunks_;
  base::Buffer window_;
  std::size_t consumed_ = 0;  ///< of the window
  crypto::ChunkedSha256 hash_;
  ExtentList extents_;
  FileResult result_;
  repo::MemoryDraft* draft_ = nullptr;
};

}  // namespace drkit::engine
