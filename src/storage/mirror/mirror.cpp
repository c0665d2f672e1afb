// mirror: one storage over several copies, honest about what each of them has.
#include <algorithm>
#include <set>
#include <thread>

#include "storage/key.hpp"
#include "storage/layered.hpp"
#include "storage/mirror/gaps.hpp"
#include "storage/mirror/heal.hpp"
#include "storage/mirror/proof.hpp"

namespace drkit {
namespace {

using storage::begin_call;
using storage::key_error;
using storage::mirror::Proof;
using storage::mirror::proof_of;
using Copies = std::vector<StoragePtr>;
using Answers = std::vector<Result<void>>;

// Everything was asked for, or more than there is.
bool is_whole(ByteRange range, ByteView bytes) { return range.offset == 0 && bytes.size() < range.length; }

// The caller's own faults and wishes: no other copy would answer differently.
bool final_answer(const Error& error) {
  return error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::cancelled;
}

/// The work for every copy from `first` on, all at once.
Answers on_all(const Copies& copies, std::size_t first, const std::function<Result<void>(Storage&)>& work) {
  Answers answers(copies.size());
  std::vector<std::thread> threads;
  for (std::size_t i = first + 1; i < copies.size(); ++i) {
    threads.emplace_back([&, i] { answers[i] = work(*copies[i]); });
  }
  if (first < copies.size()) answers[first] = work(*copies[first]);
  for (std::thread& thread : threads) thread.join();
  return answers;
}

class MirrorStorage final : public Storage, public MirrorControl, public storage::Layered {
 public:
  MirrorStorage(Copies copies, std::size_t quorum) : copies_(std::move(copies)), quorum_(quorum) {}

  StorageInfo info() const override {
    StorageInfo info;
    info.scheme = "mirror";
    info.name = "mirror of";
    info.conditional_create = quorum_ * 2 > copies_.size();
    std::size_t writable = 0;
    for (const StoragePtr& copy : copies_) {
      const StorageInfo one = copy->info();
      info.name += (copy == copies_.front() ? " " : ", ") + one.name;
      info.conditional_create = info.conditional_create && one.conditional_create;
      info.max_object_bytes = std::min(info.max_object_bytes, one.max_object_bytes);
      writable += one.writable ? 1 : 0;
    }
    info.writable = writable >= quorum_;
    return info;
  }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    return first_of<ObjectInfo>(ctx, key, [&](Storage& copy) { return copy.stat(ctx, key); });
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(begin_call(ctx, key));
    bool doubtful = false;
    auto proven = first_of<Bytes>(ctx, key, [&](Storage& copy) -> Result<Bytes> {
      auto bytes = copy.get(ctx, key, range);
      if (!bytes || !is_whole(range, *bytes) || proof_of(key, *bytes) == Proof::good) return bytes;
      doubtful = true;
      return key_error(ErrorCode::corrupt, "nothing proves that the object's bytes are those that were stored", key);
    });
    if (proven || !doubtful || final_answer(proven.error())) return proven;
    // None can be proven: whoever asks has to judge.
    return first_of<Bytes>(ctx, key, [&](Storage& copy) { return copy.get(ctx, key, range); });
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(begin_call(ctx, key));
    const auto work = [&](Storage& copy) { return copy.put(ctx, key, bytes, options); };
    if (!options.if_absent) return settle(ctx, key, bytes, on_all(copies_, 0, work), false);
    // Everybody asks the copies in one order, so the first that answers decides between rivals.
    Answers before;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      before.push_back(work(*copies_[i]));
      const bool decided = before.back().ok() || before.back().error().code() == ErrorCode::already_exists;
      if (!decided && !final_answer(before.back().error())) continue;
      if (!before.back().ok()) return std::move(before.back());
      Answers rest = on_all(copies_, i + 1, work);
      std::move(before.begin(), before.end(), rest.begin());
      return settle(ctx, key, bytes, std::move(rest), true);
    }
    return settle(ctx, key, bytes, std::move(before), true);
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    Answers answers = on_all(copies_, 0, [&](Storage& copy) { return copy.remove(ctx, key); });
    for (Result<void>& answer : answers) DRKIT_TRY(std::move(answer));
    gaps_.forget_key(std::string(key));
    return {};
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(storage::begin_list(ctx, prefix));
    std::set<std::string, std::less<>> shown;
    bool stopped = false;
    std::size_t failed = 0;
    for (const StoragePtr& copy : copies_) {
      auto done = copy->list(ctx, prefix, [&](const ObjectInfo& object) {
        stopped = shown.insert(object.key).second && !visit(object);
        return !stopped;
      });
      if (stopped) return {};
      if (done) continue;
      if (final_answer(done.error()) || ++failed >= quorum_) return done;
      ctx.write_log(LogLevel::warning, "a copy cannot be listed: " + done.error().to_string());
    }
    return {};
  }

  std::vector<MirrorGap> pending() const override { return gaps_.all(); }

  Result<MirrorHealed> heal(const Context& ctx) override {
    MirrorHealed healed;
    for (MirrorGap& gap : gaps_.all()) {
      DRKIT_TRY(ctx.check_cancelled());
      const auto copied = storage::mirror::heal_gap(ctx, copies_, gap);
      if (copied) {
        healed.objects_copied += *copied ? 1 : 0;
        healed.bytes_copied += copied->value_or(0);
        gaps_.closed(gap.key, gap.copy);
      } else if (copied.error().code() == ErrorCode::cancelled) {
        return copied.error();
      } else {
        gap.reason = copied.error().to_string();
        gaps_.explain(gap);
        healed.left.push_back(std::move(gap));
      }
    }
    return healed;
  }

  Result<void> compare(const Context& ctx) override {
    std::map<std::string, std::vector<std::uint64_t>> sizes;  // by copy, plus one; 0: not there
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      DRKIT_TRY(copies_[i]->list(ctx, "", [&](const ObjectInfo& object) {
        auto& row = sizes[object.key];
        row.resize(copies_.size());
        row[i] = object.size_bytes + 1;
        return true;
      }));
    }
    for (const auto& [key, row] : sizes) {
      const auto other_size = [most = *std::max_element(row.begin(), row.end())](std::uint64_t one) {
        return one != 0 && one != most;
      };
      // Which size is right shows when it is healed.
      const bool differ = std::any_of(row.begin(), row.end(), other_size);
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i] == 0) gaps_.note(ctx, {key, i, "it is not there", false});
        if (row[i] != 0 && differ) gaps_.note(ctx, {key, i, "its size differs from copy to copy", true});
      }
    }
    return {};
  }

  std::vector<StoragePtr> below() const override { return copies_; }

 private:
  // Asks one copy after the other. What some lack and another has is noted.
  template <class T>
  Result<T> first_of(const Context& ctx, std::string_view key, const std::function<Result<T>(Storage&)>& ask) {
    std::vector<Result<T>> answers;
    for (const StoragePtr& copy : copies_) {
      answers.push_back(ask(*copy));
      if (!answers.back().ok() && final_answer(answers.back().error())) return std::move(answers.back());
      if (!answers.back().ok()) continue;
      for (std::size_t i = 0; i + 1 < answers.size(); ++i) note_failed_read(ctx, key, i, answers[i].error());
      return std::move(answers.back());
    }
    return no_copy(std::move(answers));
  }

  // Absent for certain once so many copies lack it that no quorum can have it; otherwise nobody knows.
  template <class T>
  Result<T> no_copy(std::vector<Result<T>> answers) const {
    const auto absent = [](const Result<T>& answer) { return answer.error().code() == ErrorCode::not_found; };
    const auto lacking = static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), absent));
    const bool certain = copies_.size() - lacking < quorum_;
    for (Result<T>& answer : answers) {
      if (absent(answer) == certain) return std::move(answer);
    }
    return std::move(answers.front());
  }

  void note_failed_read(const Context& ctx, std::string_view key, std::size_t copy, const Error& error) {
    const bool damaged = error.code() == ErrorCode::corrupt;
    if (damaged || error.code() == ErrorCode::not_found) {
      gaps_.note(ctx, {std::string(key), copy, error.message(), damaged});
    } else {
      ctx.write_log(LogLevel::warning, "a copy cannot be read: " + error.to_string());
    }
  }

  // What a put came to. Rivals that a copy knew already are accepted when they brought the same bytes.
  Result<void> settle(const Context& ctx, std::string_view key, ByteView bytes, Answers answers, bool created) {
    std::size_t took = 0;
    std::vector<bool> mine;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      mine.push_back(created && answers[i].ok());
      if (!answers[i].ok() && created && answers[i].error().code() == ErrorCode::already_exists) {
        const auto there = copies_[i]->get(ctx, key, {});
        if (there && std::equal(there->begin(), there->end(), bytes.begin(), bytes.end())) answers[i] = {};
      }
      took += answers[i].ok() ? 1 : 0;
    }
    if (took < quorum_) return undo(ctx, key, std::move(answers), mine);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].ok()) {
        gaps_.closed(std::string(key), i);
        continue;
      }
      const bool other = answers[i].error().code() == ErrorCode::already_exists;
      gaps_.note(ctx, {std::string(key), i, answers[i].error().to_string(), other});
    }
    return {};
  }

  // Too few took it: what this call created is taken back, whether or not the caller still waits.
  Result<void> undo(const Context& ctx, std::string_view key, Answers answers, const std::vector<bool>& mine) {
    Context own = ctx;
    own.cancel = CancelToken();
    std::optional<Error> worst;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i].ok()) {
        const bool first_or_exists = !worst || answers[i].error().code() == ErrorCode::already_exists;
        if (first_or_exists) worst = answers[i].error();
        continue;
      }
      if (!mine[i]) continue;
      if (auto removed = copies_[i]->remove(own, key); !removed) {
        ctx.write_log(LogLevel::error, "a put that failed could not be taken back: " + removed.error().to_string());
      }
    }
    const auto took = std::count_if(answers.begin(), answers.end(), [](const auto& one) { return one.ok(); });
    return std::move(*worst).with("copies", std::to_string(took) + " of " + std::to_string(copies_.size()));
  }

  const Copies copies_;
  const std::size_t quorum_;
  storage::mirror::Gaps gaps_;
};

}  // namespace

Result<Mirror> mirror(std::vector<StoragePtr> copies, MirrorOptions options) {
  if (copies.empty()) return Error(ErrorCode::invalid_argument, "a mirror needs copies");
  if (std::any_of(copies.begin(), copies.end(), [](const StoragePtr& copy) { return copy == nullptr; })) {
    return Error(ErrorCode::invalid_argument, "a copy of the mirror is null");
  }
  if (options.quorum > copies.size())
    return Error(ErrorCode::invalid_argument, "the quorum is above the copies' number");
  const std::size_t quorum = options.quorum == 0 ? copies.size() : options.quorum;
  auto made = std::make_shared<MirrorStorage>(std::move(copies), quorum);
  return Mirror{made, made};
}

}  // namespace drkit
