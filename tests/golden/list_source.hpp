// ListSource: a source of entries that are given as values, and what golden files call things.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <drkit/spi/source.hpp>

namespace drkit::golden {

/// Data, then a hole.
struct Piece {
  std::string data;
  std::uint64_t hole_bytes = 0;
};

struct Item {
  Entry entry;
  std::string content = {};
  std::vector<Piece> pieces = {};  ///< instead of content

  std::string whole() const {
    std::string text = content;
    for (const Piece& piece : pieces) text += piece.data + std::string(piece.hole_bytes, '\0');
    return text;
  }
};

inline std::string_view type_name(EntryType type) {
  constexpr std::string_view kNames[] = {"",     "regular", "directory",   "symlink",      "hardlink",
                                         "fifo", "socket",  "char_device", "block_device", "stream"};
  return kNames[static_cast<std::size_t>(type)];
}

class ListStream final : public Stream {
 public:
  explicit ListStream(const Item& item) : entry_(item.entry), pieces_(item.pieces) {
    if (!item.content.empty()) pieces_.push_back({item.content, 0});
    entry_.size_bytes = item.whole().size();
    if (entry_.type != EntryType::regular && entry_.type != EntryType::stream) entry_.size_bytes = 0;
  }
  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    if (next_ == pieces_.size()) return ReadResult{};
    Piece& piece = pieces_[next_];
    if (at_ == piece.data.size()) {
      at_ = 0;
      ++next_;
      if (piece.hole_bytes > 0) return ReadResult{0, piece.hole_bytes};
      return read(ctx, buffer);
    }
    const std::size_t count = std::min(buffer.size(), piece.data.size() - at_);
    std::ranges::copy(as_bytes(piece.data).subspan(at_, count), buffer.begin());
    at_ += count;
    return ReadResult{count, 0};
  }
  Result<void> close(const Context& /*ctx*/) override { return {}; }

 private:
  Entry entry_;
  std::vector<Piece> pieces_;
  std::size_t next_ = 0;
  std::size_t at_ = 0;
};

class ListSource final : public Source {
 public:
  explicit ListSource(const std::vector<Item>& items) : items_(items) {}
  SourceInfo info() const override { return {"golden", "list", true, true}; }
  Result<void> begin(const Context& /*ctx*/) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context& /*ctx*/) override {
    if (next_ == items_.size()) return std::unique_ptr<Stream>();
    return std::unique_ptr<Stream>(std::make_unique<ListStream>(items_[next_++]));
  }
  Result<SourceReceipt> finish(const Context& /*ctx*/) override { return SourceReceipt{{"made_by", "make_golden"}}; }

 private:
  const std::vector<Item>& items_;
  std::size_t next_ = 0;
};

}  // namespace drkit::golden
