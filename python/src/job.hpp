// Job: one blocking call. The library works on a thread of its own, while the calling thread keeps answering signals.
#pragma once

#include <pybind11/pybind11.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include <drkit/context.hpp>

#include "errors.hpp"

namespace drkit::python {

/// Cancelled when the operation that the calling thread serves, as a plug-in's callback, is cancelled.
const CancelToken* enclosing_cancel();

/// Marks this thread as working for an operation, so that calls made by plug-ins can be stopped with it.
class Enclosing {
 public:
  explicit Enclosing(const CancelToken& cancel);
  ~Enclosing();
  Enclosing(const Enclosing&) = delete;
  Enclosing& operator=(const Enclosing&) = delete;

 private:
  const CancelToken* before_;
};

/// Thread-safety: made, run and destroyed by one thread that holds the GIL; the hooks run on the library's threads.
class Job final : private Progress, private LogSink {
 public:
  Job() : Job(py::none(), py::none()) {}
  /// Both callables may be None.
  Job(py::object progress, py::object log);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// Runs `body` (Context -> Result<T>) without the GIL. Raises, in this order: what a signal handler raised, what a
  /// hook raised, the error of the call. Returns the value, and only after the operation has stopped.
  template <class Body>
  auto run(Body&& body) {
    using Answer = decltype(body(context_));
    std::optional<Answer> answer;
    std::exception_ptr thrown;
    std::thread worker([&] {
      const Enclosing enclosing(context_.cancel);
      try {
        answer.emplace(body(context_));
      } catch (...) {
        thrown = std::current_exception();
      }
      tell_done();
    });
    wait(worker);
    raise_pending();
    if (thrown != nullptr) std::rethrow_exception(thrown);
    if (!answer->ok()) raise(answer->error());
    if constexpr (!std::is_same_v<Answer, Result<void>>) return std::move(**answer);
  }

 private:
  bool on_event(const ProgressEvent& event) noexcept override;
  void log(LogLevel level, std::string_view message) noexcept override;
  void tell_done();
  void wait(std::thread& worker);
  void raise_pending();
  void keep(py::error_already_set& exception);

  py::object progress_;
  py::object log_;
  Context context_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::optional<py::error_already_set> interrupt_;   ///< raised by a signal handler
  std::optional<py::error_already_set> hook_error_;  ///< raised by a hook; guarded by the GIL
};

/// Runs pending signal handlers; gives what they raised. REQUIRES: the GIL.
std::optional<py::error_already_set> poll_signals();

void bind_progress(py::module_& module);

}  // namespace drkit::python
