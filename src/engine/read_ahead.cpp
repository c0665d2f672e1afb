#include "engine/read_ahead.hpp"

#include <algorithm>

namespace drkit::engine {
namespace {

constexpr std::size_t kBlocks = 4;
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

bool is_read(const Entry& entry) {
  return (entry.type == EntryType::regular || entry.type == EntryType::stream) && !entry.problem;
}

}  // namespace

/// Gives what the thread has read of one stream.
class ReadAhead::AheadStream final : public Stream {
 public:
  AheadStream(ReadAhead& owner, Entry entry) : owner_(owner), entry_(std::move(entry)) {}
  const Entry& entry() const override { return entry_; }

  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    if (used_ == block_.size() && rest_.at_end() && !closed_) DRKIT_TRY(load());
    const std::size_t count = std::min(buffer.size(), block_.size() - used_);
    if (count == 0) return std::exchange(rest_, {});
    std::memcpy(buffer.data(), block_.data() + used_, count);
    used_ += count;
    return ReadResult{count, 0};
  }

  Result<void> close(const Context&) override {
    if (close_error_) return *close_error_;
    return {};
  }

 private:
  Result<void> load() {
    owner_.buffers_.give(std::move(block_));
    block_ = {};
    used_ = 0;
    Item item = owner_.pop();
    switch (item.kind) {
      case Item::Kind::data:
        block_ = std::move(item.data);
        rest_ = item.rest;
        return {};
      case Item::Kind::broken:
      case Item::Kind::failed:
        closed_ = true;
        return std::move(*item.error);
      default:
        break;
    }
    closed_ = true;
    close_error_ = std::move(item.error);
    return {};
  }

  ReadAhead& owner_;
  Entry entry_;
  base::Buffer block_;
  std::size_t used_ = 0;
  ReadResult rest_;  ///< comes after the block
  bool closed_ = false;
  std::optional<Error> close_error_;
};

ReadAhead::ReadAhead(const Context& ctx, Source& inner)
    : ctx_(ctx),
      inner_(inner),
      errors_are_partial_(inner.info().entry_errors_are_partial),
      buffers_(kBlocks + 2),
      thread_([this] { run(); }) {}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<std::unique_ptr<Stream>> ReadAhead::next(const Context&) {
  Item item = pop();
  if (item.kind == Item::Kind::failed) return std::move(*item.error);
  if (item.kind == Item::Kind::end) return std::unique_ptr<Stream>();
  return std::unique_ptr<Stream>(std::make_unique<AheadStream>(*this, std::move(item.entry)));
}

void ReadAhead::run() {
  while (true) {
    auto stream = inner_.next(ctx_);
    Item item;
    if (!stream) {
      item.kind = Item::Kind::failed;
      item.error = std::move(stream).error();
    } else if (*stream) {
      item.kind = Item::Kind::entry;
      item.entry = (*stream)->entry();
    }
    const bool more = item.kind == Item::Kind::entry;
    if (!push(std::move(item)) || !more) return;
    if (is_read((*stream)->entry()) && !read_stream(**stream)) return;
  }
}

bool ReadAhead::read_stream(Stream& stream) {
  while (true) {
    Item item;
    item.data = buffers_.take();
    item.data.resize(kBlockBytes);
    const auto got = stream.read(ctx_, item.data.writable());
    if (!got) {
      // A source that is failed by it may not be asked for more.
      item.kind = errors_are_partial_ ? Item::Kind::broken : Item::Kind::failed;
      item.error = got.error();
      return push(std::move(item)) && errors_are_partial_;
    }
    if (got->at_end()) break;
    item.kind = Item::Kind::data;
    item.data.resize(got->data_bytes);
    item.rest = {0, got->hole_bytes, got->same_bytes};
    if (!push(std::move(item))) return false;
  }
  Item closed;
  closed.kind = Item::Kind::closed;
  if (auto result = stream.close(ctx_); !result) closed.error = std::move(result).error();
  return push(std::move(closed));
}

bool ReadAhead::push(Item item) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stop_ || items_.size() < kBlocks; });
  if (stop_) return false;
  items_.push_back(std::move(item));
  changed_.notify_all();
  return true;
}

ReadAhead::Item ReadAhead::pop() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !items_.empty(); });
  Item item = std::move(items_.front());
  // The end and a failure stay: whoever asks again gets the same answer.
  if (item.kind == Item::Kind::end || item.kind == Item::Kind::failed) {
    items_.front() = {item.kind, {}, {}, {}, item.error};
  } else {
    items_.pop_front();
  }
  changed_.notify_all();
  return item;
}

}  // namespace drkit::engine
