// OrderedPool: work done by several threads, taken back in the order it was given.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/threads.hpp"

namespace drkit::base {

/// The only place where the straight line becomes parallel. Results come back in order, so what is written does not
/// depend on which thread was faster; whoever pushes keeps to `limit`, so memory is bounded.
/// Thread-safety: push, full, pop and drain belong to one thread.
template <class In, class Out>
class OrderedPool {
 public:
  /// `work(worker, input)`: worker is a number below `threads`, for state that every thread has of its own.
  OrderedPool(unsigned threads, std::size_t limit, std::function<Out(unsigned, In&&)> work)
      : limit_(limit), work_(std::move(work)) {
    threads_.reserve(threads);
    for (unsigned i = 0; i < threads; ++i) {
      std::thread thread;
      if (start_thread(thread, [this, i] { run(i); })) threads_.push_back(std::move(thread));
    }
  }
  ~OrderedPool() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  OrderedPool(const OrderedPool&) = delete;
  OrderedPool& operator=(const OrderedPool&) = delete;

  bool empty() const { return jobs_.empty(); }
  bool full() const { return jobs_.size() >= limit_; }

  void push(In input) {
    auto job = std::make_shared<Job>(std::move(input));
    jobs_.push_back(job);
    if (threads_.empty()) return job->output.emplace(work_(0, std::move(job->input))), void();
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(job));
    }
    wake_.notify_one();
  }
  /// The oldest result when it is ready; waits for it when `wait`. REQUIRES: !empty().
  std::optional<Out> pop(bool wait) {
    std::unique_lock lock(mutex_);
    Job& oldest = *jobs_.front();
    if (wait) done_.wait(lock, [&] { return oldest.output.has_value(); });
    if (!oldest.output) return std::nullopt;
    std::optional<Out> output = std::move(oldest.output);
    lock.unlock();
    jobs_.pop_front();
    return output;
  }

 private:
  struct Job {
    explicit Job(In in) : input(std::move(in)) {}
    In input;
    std::optional<Out> output;
  };

  void run(unsigned worker) {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      const std::shared_ptr<Job> job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      Out output = work_(worker, std::move(job->input));
      lock.lock();
      job->output.emplace(std::move(output));
      done_.notify_one();
    }
  }

  const std::size_t limit_;
  const std::function<Out(unsigned, In&&)> work_;
  std::deque<std::shared_ptr<Job>> jobs_;  // all, oldest first; the owner's alone
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace drkit::base
