// ls, diff and reading as iterators.
#include "look.hpp"

#include <pybind11/stl.h>

#include <algorithm>

#include "pipe.hpp"
#include "values.hpp"

namespace drkit::python {
namespace {

constexpr std::size_t kEntriesAhead = 1000;
constexpr std::size_t kPiecesAhead = 4;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

using EntryPipe = Pipe<Entry>;
using ChangePipe = Pipe<std::pair<Change, Entry>>;
using BytesPipe = Pipe<std::string>;

const char* change_name(Change change) {
  if (change == Change::added) return "added";
  return change == Change::removed ? "removed" : "modified";
}

/// Cuts what comes into pieces of bounded size; the engine gives holes as zeros.
class PieceSink final : public Sink {
 public:
  explicit PieceSink(const BytesPipe::Push& push) : push_(push) {}

  Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
    if (offset != position_) return Error(ErrorCode::internal, "content came out of order");
    position_ += bytes.size();
    for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      const auto piece = bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at));
      if (!push_(std::string(as_text(piece)))) return Error(ErrorCode::cancelled, "the reader was closed");
    }
    return {};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  const BytesPipe::Push& push_;
  std::uint64_t position_ = 0;
};

template <class Type>
py::class_<Type> bind_pipe(py::module_& module, const char* name) {
  return py::class_<Type>(module, name)
      .def("__iter__", [](py::object self) { return self; })
      .def("close", &Type::close, "Stops the call and ends the iteration.");
}

}  // namespace

py::object list_entries_of(const Repository& repository, const Snapshot& snapshot, const std::string& path) {
  return py::cast(std::make_unique<EntryPipe>(
      [repository, snapshot, path](const Context& ctx, const EntryPipe::Push& push) {
        return list_entries(ctx, repository, snapshot, path, [&](const Entry& entry) { return push(entry); });
      },
      kEntriesAhead));
}

py::object diff_of(const Repository& repository, const Snapshot& a, const Snapshot& b) {
  return py::cast(std::make_unique<ChangePipe>(
      [repository, a, b](const Context& ctx, const ChangePipe::Push& push) {
        return diff(ctx, repository, a, b, [&](Change change, const Entry& entry) { return push({change, entry}); });
      },
      kEntriesAhead));
}

py::object read_of(const Repository& repository, const Snapshot& snapshot, const std::string& path) {
  return py::cast(std::make_unique<BytesPipe>(
      [repository, snapshot, path](const Context& ctx, const BytesPipe::Push& push) {
        PieceSink sink(push);
        return read_entry(ctx, repository, snapshot, path, sink);
      },
      kPiecesAhead));
}

void bind_look(py::module_& module) {
  bind_pipe<EntryPipe>(module, "EntryIterator").def("__next__", [](EntryPipe& pipe) {
    auto entry = pipe.next();
    if (!entry) throw py::stop_iteration();
    return std::move(*entry);
  });
  bind_pipe<ChangePipe>(module, "ChangeIterator").def("__next__", [](ChangePipe& pipe) {
    auto change = pipe.next();
    if (!change) throw py::stop_iteration();
    return py::make_tuple(change_name(change->first), std::move(change->second));
  });
  bind_pipe<BytesPipe>(module, "BytesIterator").def("__next__", [](BytesPipe& pipe) {
    auto piece = pipe.next();
    if (!piece) throw py::stop_iteration();
    return py::bytes(*piece);
  });
}

}  // namespace drkit::python
