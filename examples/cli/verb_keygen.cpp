// drkit keygen: a key file for a recipient.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

Error file_error(const std::string& what, const std::string& path) {
  const ErrorCode code = errno == EEXIST   ? ErrorCode::already_exists
                         : errno == ENOENT ? ErrorCode::not_found
                         : errno == EACCES ? ErrorCode::permission_denied
                         : errno == ENOSPC ? ErrorCode::no_space
                                           : ErrorCode::io;
  return Error(code, what + ": " + std::strerror(errno)).with("path", path);
}

bool write_whole(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

// A new file or nothing: a half-written key is removed, an old one is never touched.
Result<void> write_new_file(const std::string& path, ByteView bytes, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return file_error("cannot make the file", path);
  const bool written = write_whole(fd, bytes) && ::fsync(fd) == 0;
  const int failure = errno;
  const bool closed = ::close(fd) == 0;
  if (written && closed) return {};
  if (!written) errno = failure;
  Error error = file_error("cannot write the file", path);
  ::unlink(path.c_str());
  return error;
}

Result<void> sync_parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return file_error("cannot open the directory", parent);
  const bool synced = ::fsync(fd) == 0;
  Error error = file_error("cannot sync the directory", parent);
  ::close(fd);
  if (!synced) return error;
  return {};
}

Result<void> write_pair(const KeyFile& key, const std::string& path) {
  DRKIT_TRY(write_new_file(path + ".pub", as_bytes(key.public_key + "\n"), 0644));
  Secret text = Secret::zeros(key.secret_key.size() + 1);
  std::memcpy(text.writable().data(), key.secret_key.view().data(), key.secret_key.size());
  text.writable()[key.secret_key.size()] = std::byte{'\n'};
  if (Result<void> written = write_new_file(path, text.view(), 0600); !written) {
    ::unlink((path + ".pub").c_str());
    return written;
  }
  return sync_parent(path);
}

Result<int> run_keygen(Session& session, const std::string& path) {
  DRKIT_ASSIGN(const KeyFile key, KeyFile::generate());
  DRKIT_TRY(write_pair(key, path));
  if (session.json()) {
    session.print_document({{"status", "complete"},
                            {"public_key", key.public_key},
                            {"key_file", to_utf8(path)},
                            {"public_key_file", to_utf8(path + ".pub")}});
    return kComplete;
  }
  session.print(key.public_key + "\n");
  if (!session.quiet()) session.screen().line("the secret key is in " + path + ": whoever has it can read the backups");
  return kComplete;
}

}  // namespace

void add_keygen(CLI::App& app, Session& session) {
  auto path = std::make_shared<std::string>();
  CLI::App* verb = session.add_verb(app, "keygen", "Make a key pair: FILE (secret) and FILE.pub",
                                    "drkit keygen /root/drkit.key", false);
  verb->add_option("FILE", *path, "The secret key's file; never overwritten")->required();
  session.on(verb, [path](Session& s) { return run_keygen(s, *path); });
}

}  // namespace cli
