// if_absent: by the server where it can, by looking first where it cannot.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "storage/s3/client.hpp"

namespace drkit::storage::s3 {

/// Keys on which a thread of this process works alone.
class KeyLocks {
 public:
  class Held {
   public:
    Held(KeyLocks& locks, std::string key) : locks_(&locks), key_(std::move(key)) {}
    Held(Held&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), key_(std::move(other.key_)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (locks_ != nullptr) locks_->release(key_);
    }

   private:
    KeyLocks* locks_;
    std::string key_;
  };

  /// Errors: cancelled while waiting.
  Result<Held> take(const Context& ctx, const std::string& key);

 private:
  void release(const std::string& key);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> taken_;
};

/// Finds out whether the server honours `If-None-Match: *`, and remembers it.
/// Thread-safety: every member may be called concurrently.
class ConditionalCreate {
 public:
  enum class Answer : std::uint8_t { unknown, yes, no };

  /// `object` is the whole key of the object that is offered. The references are borrowed.
  ConditionalCreate(const S3Options& options, Client& client, std::string object);

  Answer known() const { return answer_.load(); }
  /// Asks unless the answer is known. Errors: of the requests; the question stays open then.
  Result<Answer> find_out(const Context& ctx);

 private:
  /// True when the server refused, since the object is there.
  Result<Answer> offer(const Context& ctx);

  const S3Options& options_;
  Client& client_;
  const std::string object_;
  std::atomic<Answer> answer_;
  KeyLocks asking_;
};

}  // namespace drkit::storage::s3
