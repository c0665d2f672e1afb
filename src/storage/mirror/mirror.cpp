// mirror: one storage over several copies, honest about what each of them has.
#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <thread>

#include "storage/key.hpp"
#include "storage/mirror/apart.hpp"
#include "storage/mirror/comparison.hpp"
#include "storage/mirror/healer.hpp"

namespace drkit {
namespace {

using storage::begin_call;
using storage::key_error;
using storage::mirror::Copies;
using storage::mirror::disproved;
using storage::mirror::Gap;
using storage::mirror::GapKind;
using storage::mirror::proves_itself;
using Answers = std::vector<Result<void>>;

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

class MirrorStorage final : public Storage, public MirrorControl {
 public:
  MirrorStorage(Copies copies, std::size_t quorum) : copies_(std::move(copies)), quorum_(quorum) {
    for (const StoragePtr& copy : copies_) apart_.push_back(dynamic_cast<const storage::mirror::Apart*>(copy.get()));
  }

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
    std::vector<Failed> failed;
    for (const std::size_t copy : reading_order(key)) {
      auto info = copies_[copy]->stat(ctx, key);
      if (info) {
        for (const Failed& one : failed) note_failed_read(ctx, key, one.copy, one.error);
        return info;
      }
      if (final_answer(info.error())) return info;
      failed.push_back({copy, std::move(info).error()});
    }
    return no_copy<ObjectInfo>(std::move(failed));
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(begin_call(ctx, key));
    std::optional<Bytes> found;
    std::optional<Bytes> unproven;
    std::vector<Failed> failed;
    for (const std::size_t copy : reading_order(key)) {
      auto bytes = copies_[copy]->get(ctx, key, range);
      if (!bytes && bytes.error().code() == ErrorCode::cancelled) return bytes;
      if (!bytes) {
        failed.push_back({copy, std::move(bytes).error()});
        continue;
      }
      const bool whole = range.offset == 0 && bytes->size() < range.length;
      if (!whole || proves_itself(key, *bytes)) {
        found = std::move(*bytes);
        break;
      }
      // Two copies agree: nothing was promised.
      if (unproven && *unproven == *bytes && !disproved(key, *bytes)) {
        std::erase_if(failed, [&](const Failed& one) { return one.unproven; });
        found = std::move(*bytes);
        break;
      }
      if (!unproven) unproven = std::move(*bytes);
      failed.push_back({copy, key_error(ErrorCode::corrupt, "other bytes than another copy has", key), true});
    }
    // Without a better copy what there is must do; whoever reads it knows what it should be.
    if (!found && unproven) {
      const bool differ =
          std::count_if(failed.begin(), failed.end(), [](const Failed& one) { return one.unproven; }) > 1;
      if (!differ && !disproved(key, *unproven)) std::erase_if(failed, [](const Failed& one) { return one.unproven; });
      found = std::move(unproven);
    }
    if (!found) return no_copy<Bytes>(std::move(failed));
    for (const Failed& one : failed) note_failed_read(ctx, key, one.copy, one.error);
    return std::move(*found);
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(begin_call(ctx, key));
    DRKIT_TRY(require_quorum());
    const auto work = [&](Storage& copy) { return copy.put(ctx, key, bytes, options); };
    if (!options.if_absent) return settle(ctx, key, bytes, on_all(copies_, 0, work), false);
    // Everybody asks the copies in one order, so the first that answers decides between rivals.
    Answers before;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      before.push_back(work(*copies_[i]));
      const bool decided = before.back().ok() || before.back().error().code() == ErrorCode::already_exists;
      if (!decided && !final_answer(before.back().error())) continue;
      if (!before.back().ok()) {
        const bool exists = before.back().error().code() == ErrorCode::already_exists;
        return exists ? stand_by(ctx, key, i, std::move(before.back()).error()) : std::move(before.back());
      }
      Answers rest = on_all(copies_, i + 1, work);
      std::move(before.begin(), before.end(), rest.begin());
      return settle(ctx, key, bytes, std::move(rest), true);
    }
    return settle(ctx, key, bytes, std::move(before), true);
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    Answers answers = on_all(copies_, 0, [&](Storage& copy) { return copy.remove(ctx, key); });
    const auto failed = std::find_if(answers.begin(), answers.end(), [](const auto& answer) { return !answer.ok(); });
    gaps_.forget_key(std::string(key));
    if (failed == answers.end()) return {};
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].ok() || noted_apart(ctx, i)) continue;
      gaps_.note(ctx, key, i, GapKind::leftover, "it could not be removed: " + answers[i].error().to_string());
    }
    return std::move(*failed);
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(storage::begin_list(ctx, prefix));
    std::set<std::string, std::less<>> shown;
    bool stopped = false;
    std::size_t failed = 0;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      if (apart_[i] != nullptr) continue;
      auto done = copies_[i]->list(ctx, prefix, [&](const ObjectInfo& object) {
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

  std::vector<MirrorGap> pending() const override {
    std::vector<MirrorGap> shown;
    for (Gap& gap : gaps_.all()) shown.push_back(std::move(gap.shown));
    return shown;
  }

  Result<MirrorHealed> heal(const Context& ctx) override {
    const storage::mirror::Healer healer(copies_, gaps_);
    MirrorHealed healed;
    for (Gap& gap : gaps_.all()) {
      DRKIT_TRY(ctx.check_cancelled());
      auto copied = healer.heal(ctx, gap);
      if (copied) {
        healed.objects_copied += *copied ? 1 : 0;
        healed.bytes_copied += copied->value_or(0);
        gaps_.closed(gap.shown.key, gap.shown.copy);
      } else if (copied.error().code() == ErrorCode::cancelled) {
        return std::move(copied).error();
      } else {
        if (gap.kind != GapKind::away) gap.shown.reason = copied.error().to_string();
        healed.left.push_back(std::move(gap.shown));
      }
    }
    return healed;
  }

  Result<bool> examine(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    bool right = false;
    std::vector<std::size_t> wrong;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      const auto proof = storage::mirror::prove(ctx, *copies_[i], key);
      if (!proof && proof.error().code() == ErrorCode::cancelled) return proof.error();
      if (!proof) note_failed_read(ctx, key, i, proof.error());
      if (proof && !proof->right) wrong.push_back(i);
      right = right || (proof && proof->right);
    }
    for (const std::size_t i : wrong) {
      if (right && !gaps_.has(std::string(key), i)) gaps_.note(ctx, key, i, GapKind::damaged, "its bytes are damaged");
    }
    return right;
  }

  Result<void> compare(const Context& ctx) override {
    storage::mirror::Comparison comparison(copies_.size());
    std::vector<bool> listed(copies_.size());
    std::optional<Error> failed;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      const auto answer = list_for_comparison(ctx, i, comparison);
      if (!answer && answer.error().code() == ErrorCode::cancelled) return answer;
      listed[i] = answer.ok();
      if (!answer && !failed) failed = answer.error();
    }
    comparison.note_gaps(ctx, listed, gaps_);
    if (failed) return std::move(*failed);
    return {};
  }

  std::vector<StoragePtr> below() const override { return copies_; }

 private:
  Result<void> list_for_comparison(const Context& ctx, std::size_t copy, storage::mirror::Comparison& comparison) {
    if (noted_apart(ctx, copy)) return apart_[copy]->why();
    auto answer = copies_[copy]->list(ctx, "", [&](const ObjectInfo& object) {
      comparison.found(object, copy);
      return true;
    });
    gaps_.closed("", copy);
    if (!answer && answer.error().code() != ErrorCode::cancelled) {
      gaps_.note(ctx, "", copy, GapKind::away, answer.error().to_string());
    }
    return answer;
  }

  // Whoever is told "exists" relies on the object: as many copies as the quorum must have it.
  Result<void> stand_by(const Context& ctx, std::string_view key, std::size_t first, Error exists) {
    std::size_t having = 1;
    std::vector<std::size_t> lacking;
    for (std::size_t i = 0; i < copies_.size() && having < quorum_; ++i) {
      if (i == first) continue;
      const auto there = copies_[i]->stat(ctx, key);
      if (there) ++having;
      if (!there && there.error().code() == ErrorCode::not_found) lacking.push_back(i);
    }
    if (having >= quorum_) return exists;
    DRKIT_ASSIGN(const Bytes bytes, copies_[first]->get(ctx, key, {}));
    std::optional<Error> why;
    for (const std::size_t i : lacking) {
      auto put = copies_[i]->put(ctx, key, bytes, {.if_absent = true});
      if (put || put.error().code() == ErrorCode::already_exists) {
        ++having;
      } else {
        why = std::move(put).error();
      }
    }
    if (having >= quorum_) return exists;
    if (why) return std::move(*why).with("copies", std::to_string(having) + " of " + std::to_string(copies_.size()));
    return key_error(ErrorCode::unavailable,
                     "the object exists on fewer copies than the quorum, and the others are away", key);
  }

  // Before anything is written to the others.
  Result<void> require_quorum() const {
    const auto is_apart = [](const auto* one) { return one != nullptr; };
    const auto apart = static_cast<std::size_t>(std::count_if(apart_.begin(), apart_.end(), is_apart));
    if (copies_.size() - apart >= quorum_) return {};
    return (*std::find_if(apart_.begin(), apart_.end(), is_apart))->why();
  }

  // One gap for all that it lacks.
  bool noted_apart(const Context& ctx, std::size_t copy) {
    if (apart_[copy] == nullptr) return false;
    if (!gaps_.has("", copy)) gaps_.note(ctx, "", copy, GapKind::away, apart_[copy]->why().to_string(), LogLevel::info);
    return true;
  }

  // The copies that are known to lack the object, or to have it wrong, come last.
  std::vector<std::size_t> reading_order(std::string_view key) const {
    std::vector<std::size_t> order(copies_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::erase_if(order, [&](std::size_t copy) { return apart_[copy] != nullptr; });
    const std::string name(key);
    std::stable_partition(order.begin(), order.end(), [&](std::size_t copy) { return !gaps_.has(name, copy); });
    return order;
  }

  struct Failed {
    std::size_t copy;
    Error error;
    bool unproven = false;
  };

  // Absent for certain once so many copies lack it that no quorum can have it; otherwise nobody knows.
  template <class T>
  Result<T> no_copy(std::vector<Failed> failed) const {
    const auto absent = [](const Failed& one) { return one.error.code() == ErrorCode::not_found; };
    const auto lacking = static_cast<std::size_t>(std::count_if(failed.begin(), failed.end(), absent));
    const bool certain = copies_.size() - lacking < quorum_;
    for (Failed& one : failed) {
      if (absent(one) == certain) return std::move(one.error);
    }
    return std::move(failed.front().error);
  }

  void note_failed_read(const Context& ctx, std::string_view key, std::size_t copy, const Error& error) {
    if (apart_[copy] != nullptr) return;
    // A range that another copy has lies behind the end of this one.
    const bool damaged = error.code() == ErrorCode::corrupt || error.code() == ErrorCode::invalid_argument;
    if (damaged || error.code() == ErrorCode::not_found) {
      if (gaps_.has(std::string(key), copy)) return;
      gaps_.note(ctx, key, copy, damaged ? GapKind::damaged : GapKind::missing, error.message());
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
      if (noted_apart(ctx, i)) continue;
      // What is there instead, a rival's object or the one before, is not what the quorum has.
      const bool other = !created || answers[i].error().code() == ErrorCode::already_exists;
      gaps_.note(ctx, key, i, other ? GapKind::outdated : GapKind::missing, answers[i].error().to_string());
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
  std::vector<const storage::mirror::Apart*> apart_;  // by copy; null: takes part
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
