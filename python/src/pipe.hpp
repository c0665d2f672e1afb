// Pipe: what a visiting call of the library gives, as a Python iterator in bounded memory.
#pragma once

#include <chrono>
#include <deque>

#include "job.hpp"

namespace drkit::python {

/// Owns a thread while the iteration is unfinished; dropping the iterator stops the call and joins the thread.
template <class Item>
class Pipe {
 public:
  /// Called by the library for each item; false: stop.
  using Push = std::function<bool(Item)>;
  using Call = std::function<Result<void>(const Context&, const Push&)>;

  explicit Pipe(Call call, std::size_t capacity) : capacity_(capacity) {
    worker_ = std::thread([this, call = std::move(call)] { work(call); });
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() { close(); }

  /// The next item, or nothing at the end. Raises what the call answered. REQUIRES: the GIL.
  std::optional<Item> next() {
    for (;;) {
      if (auto item = take(); item) return item;
      if (auto raised = poll_signals(); raised) {
        close();
        throw std::move(*raised);
      }
      if (const auto* enclosing = enclosing_cancel(); enclosing != nullptr && enclosing->cancelled()) close();
      if (finished()) return end();
    }
  }

  void close() {
    const py::gil_scoped_release released;
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      context_.cancel.cancel();
      changed_.notify_all();
    }
    if (worker_.joinable()) worker_.join();
    items_.clear();
  }

 private:
  void work(const Call& call) {
    std::exception_ptr thrown;
    std::optional<Error> error;
    try {
      auto result = call(context_, [this](Item item) { return push(std::move(item)); });
      if (!result.ok()) error.emplace(std::move(result).error());
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    done_ = true;
    thrown_ = thrown;
    error_ = std::move(error);
    changed_.notify_all();
  }

  bool push(Item item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || items_.size() < capacity_; });
    if (stop_) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  /// Waits a moment for an item.
  std::optional<Item> take() {
    const py::gil_scoped_release released;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(50), [this] { return done_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  bool finished() {
    const std::lock_guard lock(mutex_);
    return done_ && items_.empty();
  }

  std::optional<Item> end() {
    if (thrown_ != nullptr) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (error_ && !stop_) {
      const Error error = std::move(*error_);
      error_.reset();
      raise(error);
    }
    if (error_ && enclosing_cancel() != nullptr) raise(*error_);
    return std::nullopt;
  }

  const std::size_t capacity_;
  Context context_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool stop_ = false;
  bool done_ = false;
  std::exception_ptr thrown_;
  std::optional<Error> error_;
  std::thread worker_;
};

}  // namespace drkit::python
