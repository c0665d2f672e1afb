#include <pybind11/stl.h>

#include <cstring>

#include "job.hpp"
#include "plugins.hpp"

namespace drkit::python {
namespace {

class PythonStream final : public Stream {
 public:
  PythonStream(Entry entry, py::object reader) : entry_(std::move(entry)), reader_(std::move(reader)) {}

  const Entry& entry() const override { return entry_; }

  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    const Enclosing enclosing(ctx.cancel);
    return call_python("read", [&]() -> Result<ReadResult> {
      if (reader_.get().is_none()) return ReadResult{};
      const std::string bytes = bytes_of(opened().attr("read")(buffer.size()));
      if (bytes.size() > buffer.size()) {
        return Error(ErrorCode::callback_failed, "read gave more bytes than asked for").with("path", entry_.path);
      }
      std::memcpy(buffer.data(), bytes.data(), bytes.size());
      return ReadResult{bytes.size(), 0};
    });
  }

  Result<void> close(const Context& ctx) override {
    const Enclosing enclosing(ctx.cancel);
    return call_python("close", [&]() -> Result<void> {
      if (open_ && py::hasattr(open_->get(), "close")) open_->get().attr("close")();
      return {};
    });
  }

 private:
  /// A callable is called when the content is first needed: an unchanged file is never opened.
  py::handle opened() {
    if (!open_) {
      const py::handle reader = reader_.get();
      const bool opens_later = !py::hasattr(reader, "read") && PyCallable_Check(reader.ptr()) != 0;
      open_.emplace(opens_later ? py::object(reader()) : py::reinterpret_borrow<py::object>(reader));
    }
    return open_->get();
  }

  Entry entry_;
  Held reader_;
  std::optional<Held> open_;
};

class PythonSource final : public Source {
 public:
  explicit PythonSource(py::object object) : object_(std::move(object)) {
    const py::handle source = object_.get();
    info_ = {source.attr("kind").cast<std::string>(), source.attr("name").cast<std::string>(),
             source.attr("entry_errors_are_partial").cast<bool>(), source.attr("ordered").cast<bool>()};
  }

  SourceInfo info() const override { return info_; }

  Result<void> begin(const Context& ctx) override {
    const Enclosing enclosing(ctx.cancel);
    return call_python("begin", [&]() -> Result<void> {
      object_.get().attr("begin")();
      estimated_bytes_ = object_.get().attr("estimated_bytes")().cast<std::uint64_t>();
      entries_.emplace(py::object(py::iter(object_.get().attr("entries")())));
      return {};
    });
  }

  std::uint64_t estimated_bytes() const override { return estimated_bytes_; }

  Result<std::unique_ptr<Stream>> next(const Context& ctx) override {
    DRKIT_TRY(ctx.check_cancelled());
    const Enclosing enclosing(ctx.cancel);
    return call_python("entries", [&]() -> Result<std::unique_ptr<Stream>> {
      if (!entries_) return Error(ErrorCode::precondition_failed, "the source has not begun");
      const auto item = py::reinterpret_steal<py::object>(PyIter_Next(entries_->get().ptr()));
      if (!item) {
        if (PyErr_Occurred() != nullptr) throw py::error_already_set();
        return std::unique_ptr<Stream>();
      }
      return stream_of(item);
    });
  }

  Result<SourceReceipt> finish(const Context& ctx) override {
    const Enclosing enclosing(ctx.cancel);
    return call_python("finish", [&]() -> Result<SourceReceipt> {
      const py::object receipt = object_.get().attr("finish")();
      return receipt.is_none() ? SourceReceipt() : receipt.cast<SourceReceipt>();
    });
  }

 private:
  /// An Entry, or an Entry and what is read for its content.
  static Result<std::unique_ptr<Stream>> stream_of(const py::object& item) {
    if (py::isinstance<Entry>(item)) {
      return std::unique_ptr<Stream>(std::make_unique<PythonStream>(item.cast<Entry>(), py::none()));
    }
    const auto pair = item.cast<std::pair<Entry, py::object>>();
    return std::unique_ptr<Stream>(std::make_unique<PythonStream>(pair.first, pair.second));
  }

  Held object_;
  SourceInfo info_;
  std::uint64_t estimated_bytes_ = 0;
  std::optional<Held> entries_;
};

}  // namespace

std::unique_ptr<Source> source_of_python(py::object object) {
  return std::make_unique<PythonSource>(std::move(object));
}

}  // namespace drkit::python
