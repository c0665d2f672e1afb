// Puts or gets objects and says how fast: storage_objects put|get ADDRESS COUNT SIZE_BYTES THREADS
// Keys come as for the command line: from the standard places of AWS.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#include <drkit/drkit.hpp>

using namespace drkit;

namespace {

struct Work {
  StoragePtr storage;
  unsigned count;
  Bytes bytes;
  unsigned threads;
};

std::string key_of(unsigned number) { return "bench/" + std::to_string(number); }

// Seconds for all of them; a failure ends the program, since a figure without it would lie.
double timed(const Work& work, const std::function<Result<void>(unsigned)>& one) {
  const auto start = std::chrono::steady_clock::now();
  std::atomic<unsigned> next{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < work.threads; ++t) {
    threads.emplace_back([&] {
      for (unsigned i = next++; i < work.count; i = next++) {
        if (auto done = one(i); !done) {
          std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
          std::_Exit(1);
        }
      }
    });
  }
  threads.clear();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void report(const char* what, const Work& work, double seconds) {
  const double mib = static_cast<double>(work.bytes.size()) * work.count / (1 << 20);
  std::printf("%s %.2f s %.0f MiB/s %.0f objects/s\n", what, seconds, mib / seconds, work.count / seconds);
}

}  // namespace

int main(int count, char** words) {
  const std::string_view what = count == 6 ? words[1] : "";
  if (what != "put" && what != "get") {
    std::fprintf(stderr, "usage: storage_objects put|get ADDRESS COUNT SIZE_BYTES THREADS\n");
    return 2;
  }
  const Context ctx;
  auto storage = open_storage(ctx, words[2]);
  if (!storage) {
    std::fprintf(stderr, "%s\n", storage.error().to_string().c_str());
    return 1;
  }
  Work work{*storage, static_cast<unsigned>(std::atoi(words[3])), Bytes(std::strtoull(words[4], nullptr, 10)),
            static_cast<unsigned>(std::atoi(words[5]))};
  std::uint32_t state = 1;
  for (std::byte& byte : work.bytes) byte = static_cast<std::byte>((state = state * 1664525U + 1013904223U) >> 24);
  if (what == "put") {
    report("put", work, timed(work, [&](unsigned i) { return work.storage->put(ctx, key_of(i), work.bytes, {}); }));
    return 0;
  }
  report("get", work, timed(work, [&](unsigned i) -> Result<void> {
           DRKIT_ASSIGN(const Bytes got, work.storage->get(ctx, key_of(i), {}));
           if (got == work.bytes) return {};
           return Error(ErrorCode::corrupt, "other bytes came back");
         }));
  return 0;
}
