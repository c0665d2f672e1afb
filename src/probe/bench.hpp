// bench: a storage under probe, its prefix, and everything that was put there.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <drkit/probe.hpp>

namespace drkit::probe {

/// Thread-safety: every member may be called concurrently.
class Bench {
 public:
  Bench(const Context& context, Storage& storage_of, const ProbeOptions& options_of, std::string prefix_of)
      : ctx(context), storage(storage_of), options(options_of), prefix(std::move(prefix_of)) {}

  const Context& ctx;
  Storage& storage;
  const ProbeOptions& options;
  const std::string prefix;  ///< with its slash

  Result<void> put(const std::string& name, ByteView bytes, PutOptions how = {}) {
    {
      const std::lock_guard lock(mutex_);
      names_.insert(name);
    }
    return storage.put(ctx, prefix + name, bytes, how);
  }
  Result<Bytes> get(const std::string& name, ByteRange range = {}) { return storage.get(ctx, prefix + name, range); }
  /// What a listing shows of a part of the prefix.
  Result<std::vector<ObjectInfo>> list(const std::string& part = {});

  /// Removes everything, whether or not the caller still waits. Answers how many objects are left.
  std::size_t clean();

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

/// Errors that say nothing about the storage's ways: it could not be asked.
bool could_not_ask(const Error& error);

/// Runs the work in that many threads at once.
void in_threads(unsigned count, const std::function<void(unsigned number)>& work);

/// Bytes that look random, the same for the same seed.
Bytes pattern(std::size_t size, std::uint64_t seed);

inline ProbeItem good(std::string explanation) { return {{}, ProbeVerdict::ok, std::move(explanation), 0, {}}; }
inline ProbeItem degraded(std::string explanation) {
  return {{}, ProbeVerdict::degraded, std::move(explanation), 0, {}};
}
inline ProbeItem bad(std::string explanation) { return {{}, ProbeVerdict::unsafe, std::move(explanation), 0, {}}; }

/// An error that is the storage's way of doing something, as an item; one that is not is passed on.
Result<ProbeItem> judged(const Error& error, std::string_view what, ProbeVerdict verdict = ProbeVerdict::unsafe);

struct Case {
  std::string_view id;
  Result<ProbeItem> (*run)(Bench& bench);
};
/// What a repository rests on.
std::vector<Case> semantics();
/// How far away it is.
std::vector<Case> measurements();

}  // namespace drkit::probe
