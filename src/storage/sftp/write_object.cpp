// Writing: aside, synced, then named. What has the final name is whole and durable.
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <deque>
#include <vector>

#include "base/hex.hpp"
#include "base/posix_file.hpp"
#include "storage/sftp/files.hpp"

namespace drkit::storage::sftp {
namespace {

constexpr std::size_t kWindowBytes = std::size_t{4} << 20;

Result<std::string> random_name() {
  std::array<std::byte, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return base::errno_error(errno, "cannot get random bytes", "getrandom");
  }
  return base::to_hex(random);
}

class Put {
 public:
  Put(const Context& ctx, Client& client, const std::string& root, std::string_view key, ByteView bytes,
      PutOptions options)
      : ctx_(ctx),
        client_(client),
        root_(root),
        key_(key),
        path_(root + "/" + std::string(key)),
        bytes_(bytes),
        options_(options) {}
  Put(const Put&) = delete;
  Put& operator=(const Put&) = delete;
  ~Put() { clean(); }

  Result<PutResult> run() {
    DRKIT_ASSIGN(const std::string name, random_name());
    temp_ = root_ + "/" + std::string(kTempDirectory) + "/" + name;
    DRKIT_TRY(open_places());
    if (exists_ && options_.if_absent) return exists();
    if (!temp_handle_) DRKIT_TRY(open_temp_anew());
    if (!directory_) DRKIT_TRY(make_parents());
    DRKIT_TRY(fill());
    DRKIT_TRY(options_.if_absent ? create() : replace());
    DRKIT_TRY(sync_names());
    return result_;
  }

 private:
  Packet open_temp() const {
    return std::move(
        Packet(Op::open).text(temp_).u32(kOpenWrite | kOpenCreate | kOpenExclusive).u32(kHasPermissions).u32(0600));
  }

  // Three questions in one round trip: is it there already, the directory, the temporary file.
  Result<void> open_places() {
    DRKIT_ASSIGN(const auto looked, client_.send(ctx_, std::move(Packet(Op::lstat).text(path_))));
    DRKIT_ASSIGN(const auto directory,
                 client_.send(ctx_, std::move(Packet(Op::open).text(parent_of(path_)).u32(kOpenRead).u32(0))));
    DRKIT_ASSIGN(const auto temp, client_.send(ctx_, open_temp()));
    temp_may_exist_ = true;
    handles_unknown_ = true;
    DRKIT_ASSIGN(const Reply seen, client_.wait(ctx_, looked));
    DRKIT_ASSIGN(const Reply opened, client_.wait(ctx_, directory));
    DRKIT_ASSIGN(const Reply made, client_.wait(ctx_, temp));
    handles_unknown_ = false;
    DRKIT_ASSIGN(directory_, handle_of(opened));
    DRKIT_ASSIGN(temp_handle_, handle_of(made));
    temp_may_exist_ = temp_handle_.has_value();
    if (!temp_handle_) {
      DRKIT_ASSIGN(temp_refused_, status_of(made));
    }
    if (!directory_) {
      DRKIT_ASSIGN(const Status status, status_of(opened));
      parent_missing_ = status == Status::no_such_file;
    }
    return judge(seen);
  }

  static Result<std::optional<std::string>> handle_of(const Reply& reply) {
    if (reply.op != Op::handle) return std::optional<std::string>();
    DRKIT_ASSIGN(const std::string_view handle, Reader(reply.body).text());
    return std::optional<std::string>(handle);
  }

  Result<void> judge(const Reply& seen) {
    if (seen.op != Op::attributes) return {};
    DRKIT_ASSIGN(const Attributes there, Reader(seen.body).attributes());
    if (there.is_link()) return Error(ErrorCode::permission_denied, "symbolic link inside the storage");
    if (!there.is_file()) return Error(ErrorCode::precondition_failed, "the name of other keys' directory, or no file");
    exists_ = true;
    return {};
  }

  Result<void> open_temp_anew() {
    if (temp_refused_ != Status::no_such_file) {
      return status_error(ctx_, client_, root_, temp_refused_, "make a temporary file", bytes_.size());
    }
    DRKIT_TRY(make_directories(ctx_, client_, root_, kTempDirectory));
    temp_may_exist_ = true;
    auto reply = client_.call(ctx_, open_temp());
    handles_unknown_ = !reply.ok();
    DRKIT_TRY(reply);
    DRKIT_ASSIGN(temp_handle_, handle_of(*reply));
    if (temp_handle_) return {};
    DRKIT_ASSIGN(const Status status, status_of(*reply));
    return status_error(ctx_, client_, root_, status, "make a temporary file", bytes_.size());
  }

  Result<void> make_parents() {
    const std::size_t slash = key_.rfind('/');
    // A directory that exists and is not opened cannot be synced: the server's limit.
    if (!parent_missing_ || slash == std::string_view::npos) return {};
    DRKIT_TRY(make_directories(ctx_, client_, root_, key_.substr(0, slash)));
    DRKIT_ASSIGN(directory_, open_directory(ctx_, client_, parent_of(path_)));
    return {};
  }

  // Writes, sync and close go out one behind the other; each answer is looked at.
  Result<void> fill() {
    const std::size_t most = client_.abilities().write_bytes;
    const std::size_t pieces = std::max<std::size_t>(kWindowBytes / most, 1);
    for (std::size_t start = 0; start < bytes_.size(); start += most) {
      const ByteView piece = bytes_.subspan(start, std::min(most, bytes_.size() - start));
      DRKIT_ASSIGN(const auto id, client_.send_write(ctx_, *temp_handle_, start, piece));
      under_way_.push_back({id, "write"});
      while (under_way_.size() >= pieces) DRKIT_TRY(take_one());
    }
    if (client_.abilities().fsync) {
      DRKIT_ASSIGN(const auto id,
                   client_.send(ctx_, std::move(Packet(Op::extended).text("fsync@openssh.com").text(*temp_handle_))));
      under_way_.push_back({id, "sync the file"});
    }
    DRKIT_ASSIGN(const auto id, client_.send(ctx_, std::move(Packet(Op::close).text(*temp_handle_))));
    temp_handle_.reset();
    under_way_.push_back({id, "close the file"});
    while (!under_way_.empty()) DRKIT_TRY(take_one());
    return {};
  }

  Result<void> take_one() {
    const Step step = under_way_.front();
    under_way_.pop_front();
    DRKIT_ASSIGN(const Reply reply, client_.wait(ctx_, step.id));
    DRKIT_ASSIGN(const Status status, status_of(reply));
    if (status == Status::ok) return {};
    return status_error(ctx_, client_, root_, status, step.what, bytes_.size());
  }

  // A hard link never replaces and is one step of the file system; OpenSSH's plain rename falls back to looking first
  // where links are missing, and what other servers do nobody knows.
  Result<void> create() {
    Status linked = Status::unsupported;
    if (client_.abilities().hard_link) {
      DRKIT_ASSIGN(linked,
                   client_.call_status(
                       ctx_, std::move(Packet(Op::extended).text("hardlink@openssh.com").text(temp_).text(path_))));
      if (linked == Status::ok) return {};
      DRKIT_TRY(fail_if_there());
    }
    DRKIT_ASSIGN(const Status renamed,
                 client_.call_status(ctx_, std::move(Packet(Op::rename).text(temp_).text(path_))));
    if (renamed == Status::ok) {
      temp_may_exist_ = false;
      result_.atomic = false;
      return {};
    }
    DRKIT_TRY(fail_if_there());
    return cannot_name(renamed);
  }

  // A file opens as well as a directory: only the rename shows that it can hold no names.
  Error cannot_name(Status renamed) {
    const auto parent = look(ctx_, client_, root_, parent_of(path_));
    if (parent && *parent && (*parent)->is_file()) {
      return Error(ErrorCode::precondition_failed, "a file is where a directory is needed");
    }
    return status_error(ctx_, client_, root_, renamed, "name the object");
  }

  Result<void> fail_if_there() {
    DRKIT_ASSIGN(const auto there, look(ctx_, client_, root_, path_));
    return there ? Result<void>(exists()) : Result<void>();
  }

  Result<void> replace() {
    Packet rename(Op::rename);
    if (client_.abilities().posix_rename) {
      rename = std::move(Packet(Op::extended).text("posix-rename@openssh.com"));
    } else if (exists_) {
      return Error(ErrorCode::unsupported, "the server cannot replace an object in one step");
    }
    rename.text(temp_).text(path_);
    DRKIT_ASSIGN(const Status renamed, client_.call_status(ctx_, std::move(rename)));
    if (renamed != Status::ok) return cannot_name(renamed);
    temp_may_exist_ = false;
    return {};
  }

  // Whoever is told "exists" relies on it: the winner's name must be durable even if the winner has not synced yet.
  Error exists() {
    if (auto synced = sync_names(); !synced) return std::move(synced).error();
    return Error(ErrorCode::already_exists, "object exists");
  }

  Result<void> sync_names() {
    clean_temp();
    if (!directory_) return {};
    const std::string handle = std::move(*directory_);
    directory_.reset();
    return sync_directory(ctx_, client_, handle);
  }

  void clean_temp() {
    if (temp_handle_) client_.post(std::move(Packet(Op::close).text(*temp_handle_)));
    if (temp_may_exist_) client_.post(std::move(Packet(Op::remove).text(temp_)));
    temp_handle_.reset();
    temp_may_exist_ = false;
  }

  void clean() {
    constexpr std::chrono::milliseconds kPatience{100};
    for (const Step& step : under_way_) client_.forget(step.id);
    const bool cleans = temp_handle_ || temp_may_exist_ || directory_;
    clean_temp();
    if (directory_) client_.post(std::move(Packet(Op::close).text(*directory_)));
    if (cleans) client_.flush_for(kPatience);
    if (handles_unknown_) client_.retire();
  }

  struct Step {
    std::uint32_t id;
    std::string_view what;
  };

  const Context& ctx_;
  Client& client_;
  const std::string& root_;
  const std::string_view key_;
  const std::string path_;
  const ByteView bytes_;
  const PutOptions options_;
  std::string temp_;
  std::optional<std::string> temp_handle_;
  std::optional<std::string> directory_;
  Status temp_refused_ = Status::ok;
  bool temp_may_exist_ = false;
  bool handles_unknown_ = false;  // a cancelled wait: handles may be open that nobody can name
  bool parent_missing_ = false;
  bool exists_ = false;
  PutResult result_;
  std::deque<Step> under_way_;
};

}  // namespace

Result<PutResult> write_object(const Context& ctx, Client& client, const std::string& root, std::string_view key,
                               ByteView bytes, PutOptions options) {
  return Put(ctx, client, root, key, bytes, options).run();
}

}  // namespace drkit::storage::sftp
