// A source whose entries, and what reading each of them gives, a test writes down.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <drkit/spi/source.hpp>

namespace drkit::testing {

/// What one read gives: data, a hole, or both.
struct ListedRead {
  std::string data;
  std::uint64_t hole_bytes = 0;
};

struct ListedEntry {
  Entry entry;
  std::vector<ListedRead> reads;  ///< shorter than 64 KiB each
  std::optional<Error> failure;   ///< comes after them, in place of the end
};

inline ListedEntry listed(std::string path, EntryType type = EntryType::directory, std::string link_target = {}) {
  ListedEntry listed;
  listed.entry.path = std::move(path);
  listed.entry.type = type;
  listed.entry.mode = 0700;
  listed.entry.link_target = std::move(link_target);
  return listed;
}

inline ListedEntry listed_file(std::string path, std::vector<ListedRead> reads) {
  ListedEntry file = listed(std::move(path), EntryType::regular);
  for (const ListedRead& read : reads) file.entry.size_bytes += read.data.size() + read.hole_bytes;
  file.reads = std::move(reads);
  return file;
}

/// The entry as a source names it that could not read it.
inline ListedEntry unreadable(ListedEntry entry) {
  entry.entry.problem = Problem{entry.entry.path, ErrorCode::permission_denied, "no right to read it"};
  return entry;
}

class ListedSource final : public Source {
 public:
  /// ordered: REQUIRES entries in path order.
  ListedSource(std::vector<ListedEntry> entries, bool ordered, bool errors_are_partial = true)
      : entries_(std::move(entries)), ordered_(ordered), partial_(errors_are_partial) {}

  SourceInfo info() const override { return {"listed", "listed", partial_, ordered_}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (next_ == entries_.size()) return std::unique_ptr<Stream>();
    return std::unique_ptr<Stream>(std::make_unique<ListedStream>(entries_[next_++]));
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  class ListedStream final : public Stream {
   public:
    explicit ListedStream(const ListedEntry& listed) : listed_(listed) {}
    const Entry& entry() const override { return listed_.entry; }
    Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
      if (next_ < listed_.reads.size()) {
        const ListedRead& read = listed_.reads[next_++];
        std::memcpy(buffer.data(), read.data.data(), read.data.size());
        return ReadResult{read.data.size(), read.hole_bytes};
      }
      if (listed_.failure) return *listed_.failure;
      return ReadResult{};
    }
    Result<void> close(const Context&) override { return {}; }

   private:
    const ListedEntry& listed_;
    std::size_t next_ = 0;
  };

  const std::vector<ListedEntry> entries_;
  const bool ordered_;
  const bool partial_;
  std::size_t next_ = 0;
};

}  // namespace drkit::testing
