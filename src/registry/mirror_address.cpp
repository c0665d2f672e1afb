#include "registry/mirror_address.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <drkit/mirror.hpp>

#include "repo/layout.hpp"
#include "storage/mirror/apart.hpp"

namespace drkit {
namespace registry {
namespace {

Error bad(const char* why) { return Error(ErrorCode::invalid_argument, why); }

// In the place of a copy that did not open, or has nothing: every call says why.
class Absent : public Storage {
 public:
  Absent(std::string name, Error why) : name_(std::move(name)), why_(std::move(why)) {}

  StorageInfo info() const override {
    StorageInfo info;
    info.scheme = "absent";
    info.name = name_;
    info.conditional_create = true;  // it takes nothing, so it spoils nothing
    info.writable = false;
    return info;
  }
  Result<ObjectInfo> stat(const Context&, std::string_view) override { return Error(why_); }
  Result<Bytes> get(const Context&, std::string_view, ByteRange) override { return Error(why_); }
  Result<void> put(const Context&, std::string_view, ByteView, PutOptions) override { return Error(why_); }
  Result<void> remove(const Context&, std::string_view) override { return Error(why_); }
  Result<void> list(const Context&, std::string_view, const ListVisitor&) override { return Error(why_); }

 protected:
  const std::string name_;
  const Error why_;
};

// The same where another copy has the repository: reads and listings do without it.
class PassedOver final : public Absent, public storage::mirror::Apart {
 public:
  using Absent::Absent;
  const Error& why() const override { return why_; }
};

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t bar = text.find('|'); bar != std::string_view::npos; bar = text.find('|')) {
    parts.push_back(text.substr(0, bar));
    text.remove_prefix(bar + 1);
  }
  parts.push_back(text);
  return parts;
}

Result<unsigned> quorum_of(std::string_view text, std::size_t copies) {
  unsigned quorum = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quorum);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && quorum >= 1 && quorum <= copies) return quorum;
  return bad("quorum is a number from 1 to that of the copies");
}

// Everything but what the network or a place that is away may do is the caller's to mend.
bool may_be_away(const Error& error) {
  return error.retryable() || error.code() == ErrorCode::not_found || error.code() == ErrorCode::io ||
         error.code() == ErrorCode::precondition_failed;
}

// One copy while the mirror is opened.
struct Copy {
  std::size_t number = 0;  ///< as people count
  std::string name;        ///< its address without options
  StoragePtr storage;      ///< null: it did not open
  std::optional<Error> away;
  bool has_repository = false;
  bool has_nothing = false;  ///< the place is empty, or not there
};

// The configuration is what makes a place a repository; a copy that lost it and kept anything else is healed as always.
Result<void> look_inside(const Context& ctx, Copy& copy) {
  const auto config = copy.storage->stat(ctx, repo::kConfigKey);
  copy.has_repository = config.ok();
  if (config) return {};
  if (config.error().code() != ErrorCode::not_found) return config.error();
  bool empty = true;
  DRKIT_TRY(copy.storage->list(ctx, "", [&](const ObjectInfo&) { return empty = false; }));
  copy.has_nothing = empty;
  return {};
}

Result<Copy> open_copy(const Context& ctx, std::string_view address, std::size_t number,
                       const StorageOptions& options) {
  if (address.starts_with("mirror:")) return bad("a mirror is no copy of a mirror");
  Copy copy;
  copy.number = number;
  copy.name = address.substr(0, address.find('?'));
  auto opened = open_storage(ctx, address, options);
  auto looked = opened ? Result<void>() : Result<void>(opened.error());
  if (opened) {
    copy.storage = std::move(*opened);
    looked = look_inside(ctx, copy);
  }
  if (looked) return copy;
  if (!may_be_away(looked.error())) return std::move(looked).error();
  copy.has_nothing = looked.error().code() == ErrorCode::not_found;
  copy.away = std::move(looked).error();
  return copy;
}

std::string called(const Copy& copy) { return "copy " + std::to_string(copy.number) + " of the mirror"; }

// What takes the copy's place, after the one warning about it.
StoragePtr stand_in(const Context& ctx, const Copy& copy, bool repository) {
  if (!repository) {
    ctx.write_log(LogLevel::warning, called(copy) + " is away: " + copy.name + ": " + copy.away->to_string());
    return std::make_shared<Absent>(copy.name, *copy.away);
  }
  if (copy.has_nothing) {
    ctx.write_log(LogLevel::warning,
                  called(copy) + " has no repository, what is read comes from the others: " + copy.name);
    return std::make_shared<PassedOver>(
        copy.name,
        Error(ErrorCode::precondition_failed, called(copy) + " has no repository: settle the mirror to fill it from "
                                                             "the others, or use the address of another copy")
            .with("storage", copy.name));
  }
  ctx.write_log(LogLevel::warning,
                called(copy) + " is away, what it alone has is not seen: " + copy.name + ": " + copy.away->to_string());
  return std::make_shared<PassedOver>(
      copy.name,
      Error(ErrorCode::unavailable, called(copy) + " is away: wait for it, or use the address of another copy")
          .with("storage", copy.name)
          .caused_by(*copy.away));
}

// With a repository on some copy it can be read, whatever the quorum says: that is asked at the first put. Without one,
// or when places are to be made, as many copies as the quorum must be there.
Result<std::vector<StoragePtr>> choose(const Context& ctx, const std::vector<Copy>& copies, unsigned quorum,
                                       bool create) {
  const auto count = [&](const auto& is) {
    return static_cast<std::size_t>(std::count_if(copies.begin(), copies.end(), is));
  };
  const bool repository = count([](const Copy& one) { return one.has_repository; }) > 0;
  if ((create || !repository) && count([](const Copy& one) { return !one.away; }) < quorum) {
    return *std::find_if(copies.begin(), copies.end(), [](const Copy& one) { return one.away.has_value(); })->away;
  }
  std::vector<StoragePtr> chosen;
  for (const Copy& one : copies) {
    const bool lost = repository && !create && one.has_nothing;
    chosen.push_back(one.away || lost ? stand_in(ctx, one, repository) : one.storage);
  }
  return chosen;
}

}  // namespace

Result<StoragePtr> open_mirror(const Context& ctx, std::string_view address, const StorageOptions& options) {
  constexpr std::string_view kQuorum = "quorum=";
  std::vector<std::string_view> parts = split(address.substr(address.find(':') + 1));
  std::optional<std::string_view> wanted;
  if (parts.front().starts_with(kQuorum)) {
    wanted = parts.front().substr(kQuorum.size());
    parts.erase(parts.begin());
  }
  if (parts.size() < 2) return bad("a mirror has two copies or more: mirror:ADDRESS|ADDRESS");
  MirrorOptions mirrored;
  mirrored.quorum = static_cast<unsigned>(parts.size());
  if (wanted) {
    DRKIT_ASSIGN(mirrored.quorum, quorum_of(*wanted, parts.size()));
  }
  std::vector<Copy> copies;
  for (const std::string_view part : parts) {
    DRKIT_ASSIGN(Copy copy, open_copy(ctx, part, copies.size() + 1, options));
    copies.push_back(std::move(copy));
  }
  DRKIT_ASSIGN(std::vector<StoragePtr> chosen, choose(ctx, copies, mirrored.quorum, options.create));
  DRKIT_ASSIGN(Mirror made, mirror(std::move(chosen), mirrored));
  return std::move(made.storage);
}

}  // namespace registry

Result<MirrorHealed> settle_mirror(const Context& ctx, const StoragePtr& storage) {
  const auto control = mirror_control(storage);
  if (control == nullptr) return MirrorHealed();
  // A copy that cannot be listed stays pending: heal() answers it among what is left.
  static_cast<void>(control->compare(ctx));
  DRKIT_TRY(ctx.check_cancelled());
  return control->heal(ctx);
}

Status status_with_gaps(Status status, const std::vector<MirrorGap>& gaps) {
  return status == Status::complete && !gaps.empty() ? Status::partial : status;
}

}  // namespace drkit
