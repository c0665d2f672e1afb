#include "registry/mirror_address.hpp"

#include <charconv>
#include <optional>

#include <drkit/mirror.hpp>

namespace drkit {
namespace registry {
namespace {

Error bad(const char* why) { return Error(ErrorCode::invalid_argument, why); }

// A copy that did not open: every call says why.
class Absent final : public Storage {
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

 private:
  const std::string name_;
  const Error why_;
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
  std::vector<StoragePtr> copies;
  std::size_t open = parts.size();
  for (const std::string_view part : parts) {
    if (part.starts_with("mirror:")) return bad("a mirror is no copy of a mirror");
    auto copy = open_storage(ctx, part, options);
    if (!copy && (!may_be_away(copy.error()) || --open < mirrored.quorum)) return std::move(copy).error();
    if (!copy) ctx.write_log(LogLevel::warning, "a copy of the mirror is away: " + copy.error().to_string());
    copies.push_back(copy ? *copy : std::make_shared<Absent>("a copy that is away", std::move(copy).error()));
  }
  DRKIT_ASSIGN(Mirror made, mirror(std::move(copies), mirrored));
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
