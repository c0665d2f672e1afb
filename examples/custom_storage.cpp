// A storage of one's own, outside the library: everything is kept twice, and read from the second place when the first
// one fails. The suite that comes with the library says whether it keeps the promises that a repository rests on.
//   custom_storage [REPOSITORY_A REPOSITORY_B]      without places: in memory
#include <drkit/drkit.hpp>
#include <drkit/spi/conformance.hpp>
#include <drkit/storage.hpp>

#include <iostream>
#include <set>

using namespace drkit;

namespace {

class Mirror final : public Storage {
 public:
  Mirror(StoragePtr first, StoragePtr second) : first_(std::move(first)), second_(std::move(second)) {}

  StorageInfo info() const override {
    StorageInfo info = first_->info();
    info.scheme = "mirror";
    info.name = "mirror of " + info.name + " and " + second_->info().name;
    info.writable = info.writable && second_->info().writable;
    return info;
  }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    Result<ObjectInfo> info = first_->stat(ctx, key);
    return info || final_answer(info.error()) ? info : second_->stat(ctx, key);
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    Result<Bytes> bytes = first_->get(ctx, key, range);
    return bytes || final_answer(bytes.error()) ? bytes : second_->get(ctx, key, range);
  }

  // The first place decides who created an object; the second one only follows, so it may replace.
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(first_->put(ctx, key, bytes, options));
    return second_->put(ctx, key, bytes, {});
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(first_->remove(ctx, key));
    return second_->remove(ctx, key);
  }

  // What either place has, each key once.
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    std::set<std::string> seen;
    bool stopped = false;
    DRKIT_TRY(first_->list(ctx, prefix, [&](const ObjectInfo& object) {
      seen.insert(object.key);
      stopped = !visit(object);
      return !stopped;
    }));
    if (stopped) return {};
    return second_->list(ctx, prefix,
                         [&](const ObjectInfo& object) { return seen.contains(object.key) || visit(object); });
  }

 private:
  // Asking the other place helps against a broken place, not against a wrong question.
  static bool final_answer(const Error& error) {
    return error.code() == ErrorCode::cancelled || error.code() == ErrorCode::invalid_argument;
  }

  StoragePtr first_;
  StoragePtr second_;
};

Result<StoragePtr> open_mirror(const Context& ctx, const std::string& a, const std::string& b) {
  StorageOptions place;
  place.create = true;
  DRKIT_ASSIGN(StoragePtr first, open_storage(ctx, a, place));
  DRKIT_ASSIGN(StoragePtr second, open_storage(ctx, b, place));
  return std::static_pointer_cast<Storage>(std::make_shared<Mirror>(std::move(first), std::move(second)));
}

int run_suite(const Context& ctx) {
  int failures = 0;
  for (const CaseResult& result : run_storage_suite(ctx, [&] { return open_mirror(ctx, "mem:", "mem:"); })) {
    std::cout << (result.failure ? "FAILED  " : "passed  ") << result.name
              << (result.failure ? ": " + *result.failure : "") << "\n";
    failures += result.failure ? 1 : 0;
  }
  return failures == 0 ? 0 : 1;
}

// A repository over it, as over any other storage.
Result<std::string> make_repository(const Context& ctx, const std::string& a, const std::string& b) {
  DRKIT_ASSIGN(StoragePtr storage, open_mirror(ctx, a, b));
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("an example, not a password"));
  DRKIT_ASSIGN(const Repository repository, Repository::create(ctx, std::move(storage), std::move(options)));
  return repository.id();
}

}  // namespace

int main(int count, char** words) {
  const Context ctx;
  if (count != 3) return run_suite(ctx);
  const Result<std::string> id = make_repository(ctx, words[1], words[2]);
  if (!id) std::cerr << id.error().to_string() << "\n";
  if (id) std::cout << *id << "\n";
  return id ? 0 : 1;
}
