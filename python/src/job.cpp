#include "job.hpp"

#include <chrono>

namespace drkit::python {
namespace {

constexpr std::chrono::milliseconds kPoll{50};

thread_local const CancelToken* t_enclosing = nullptr;

/// ProgressEvent with texts of its own: Python may keep it.
struct KeptEvent {
  std::string phase, item;
  std::uint64_t items_done, items_total, bytes_done, bytes_total, bytes_stored;
};

py::object text_of(const std::string& text) {
  return py::reinterpret_steal<py::object>(
      PyUnicode_DecodeFSDefaultAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
}

std::string describe(const KeptEvent& event) {
  std::string text = event.phase + ": " + std::to_string(event.items_done);
  if (event.items_total != 0) text += " of " + std::to_string(event.items_total);
  text += " entries, " + std::to_string(event.bytes_done);
  if (event.bytes_total != 0) text += " of " + std::to_string(event.bytes_total);
  return text + " bytes, " + std::to_string(event.bytes_stored) + " stored";
}

}  // namespace

const CancelToken* enclosing_cancel() { return t_enclosing; }
Enclosing::Enclosing(const CancelToken& cancel) : before_(t_enclosing) { t_enclosing = &cancel; }
Enclosing::~Enclosing() { t_enclosing = before_; }

std::optional<py::error_already_set> poll_signals() {
  if (PyErr_CheckSignals() == 0) return std::nullopt;
  return py::error_already_set();
}

Job::Job(py::object progress, py::object log) : progress_(std::move(progress)), log_(std::move(log)) {
  if (!progress_.is_none()) context_.progress = this;
  if (!log_.is_none()) context_.log = this;
}

void Job::keep(py::error_already_set& exception) {
  if (!hook_error_) hook_error_.emplace(std::move(exception));
  context_.cancel.cancel();
}

bool Job::on_event(const ProgressEvent& event) noexcept {
  const py::gil_scoped_acquire gil;
  try {
    KeptEvent kept{std::string(event.phase), std::string(event.item), event.items_done,  event.items_total,
                   event.bytes_done,         event.bytes_total,       event.bytes_stored};
    return !progress_(std::move(kept)).is(py::bool_(false));
  } catch (py::error_already_set& exception) {
    keep(exception);
  } catch (...) {
    context_.cancel.cancel();
  }
  return false;
}

void Job::log(LogLevel level, std::string_view message) noexcept {
  static constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
  const py::gil_scoped_acquire gil;
  try {
    log_(kNames[static_cast<std::size_t>(level)], text_of(std::string(message)));
  } catch (py::error_already_set& exception) {
    keep(exception);
  } catch (...) {
    context_.cancel.cancel();
  }
}

void Job::tell_done() {
  const std::lock_guard lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

void Job::wait(std::thread& worker) {
  const CancelToken* enclosing = enclosing_cancel();
  for (bool done = false; !done;) {
    {
      const py::gil_scoped_release released;
      std::unique_lock lock(mutex_);
      done = changed_.wait_for(lock, kPoll, [this] { return done_; });
    }
    if (enclosing != nullptr && enclosing->cancelled()) context_.cancel.cancel();
    if (auto raised = poll_signals(); raised) {
      context_.cancel.cancel();
      if (!interrupt_) interrupt_.emplace(std::move(*raised));
    }
  }
  const py::gil_scoped_release released;
  worker.join();
}

void Job::raise_pending() {
  if (interrupt_) throw std::move(*interrupt_);
  if (hook_error_) throw std::move(*hook_error_);
}

void bind_progress(py::module_& module) {
  py::class_<KeptEvent>(module, "ProgressEvent", "A moment of a running operation. Zero totals mean unknown.")
      .def_property_readonly(
          "phase", [](const KeptEvent& event) { return text_of(event.phase); },
          "\"backup\", \"restore\", \"check\", ...")
      .def_property_readonly(
          "item", [](const KeptEvent& event) { return text_of(event.item); }, "Path or object now worked on.")
      .def_readonly("items_done", &KeptEvent::items_done, "Units: entries.")
      .def_readonly("items_total", &KeptEvent::items_total, "Units: entries.")
      .def_readonly("bytes_done", &KeptEvent::bytes_done, "Units: plain bytes.")
      .def_readonly("bytes_total", &KeptEvent::bytes_total, "Units: plain bytes.")
      .def_readonly("bytes_stored", &KeptEvent::bytes_stored, "Units: bytes put to the storage so far.")
      .def("__repr__", [](const KeptEvent& event) { return "<ProgressEvent " + describe(event) + ">"; })
      .def("__str__", &describe);
}

}  // namespace drkit::python
