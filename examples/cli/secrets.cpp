#include "secrets.hpp"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>

namespace cli {
namespace {

using drkit::Context;
using drkit::Credential;
using drkit::Error;
using drkit::ErrorCode;
using drkit::Result;
using drkit::Secret;

constexpr std::size_t kMostBytes = 1U << 20U;

struct Environment {
  std::optional<Secret> password;
  std::string password_file;
  std::optional<Secret> storage_password;
  std::string storage_user;
  std::string storage_key_file;
  std::string agent_socket;
};

Environment& environment() {
  static Environment values;
  return values;
}

Error system_error(const std::string& what, const std::string& path) {
  const ErrorCode code = errno == ENOENT                     ? ErrorCode::not_found
                         : errno == EACCES || errno == EPERM ? ErrorCode::permission_denied
                                                             : ErrorCode::io;
  return Error(code, what + ": " + std::strerror(errno)).with("path", path);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ > 2) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Secret without_line_ending(const Secret& bytes, std::size_t size) {
  const drkit::ByteView view = bytes.view();
  if (size > 0 && view[size - 1] == std::byte{'\n'}) --size;
  if (size > 0 && view[size - 1] == std::byte{'\r'}) --size;
  return Secret::copy_of(view.first(size));
}

// Reads until the end of the file, or of the line for a terminal.
Result<Secret> read_secret(int fd, bool line, const std::string& what, const std::string& path) {
  Secret buffer = Secret::zeros(kMostBytes);
  const std::span<std::byte> room = buffer.writable();
  std::size_t size = 0;
  while (size < room.size()) {
    const ssize_t got = ::read(fd, room.data() + size, room.size() - size);
    if (got < 0 && errno == EINTR && line) return Error(ErrorCode::cancelled, "interrupted");
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot read the " + what, path);
    size += static_cast<std::size_t>(got);
    if (got == 0 || (line && room[size - 1] == std::byte{'\n'})) break;
  }
  if (size == room.size())
    return Error(ErrorCode::invalid_argument, "the " + what + " is longer than 1 MiB").with("path", path);
  Secret secret = without_line_ending(buffer, size);
  if (secret.empty()) return Error(ErrorCode::invalid_argument, "the " + what + " is empty").with("path", path);
  return secret;
}

// Switches the echo off for as long as it lives.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd), changed_(::tcgetattr(fd, &before_) == 0) {
    if (!changed_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool changed_;
};

void say(int fd, std::string_view text) {
  // A terminal that went away shows itself at the read that follows.
  [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
}

Result<Secret> ask(const Context& ctx, const std::string& question) {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal.get() < 0) return system_error("cannot open the terminal", "/dev/tty");
  say(terminal.get(), question);
  Result<Secret> answer = [&] {
    const Silence silence(terminal.get());
    return read_secret(terminal.get(), true, "password", "/dev/tty");
  }();
  say(terminal.get(), "\n");
  // A line typed right after Ctrl-C may end the read before the signal does.
  DRKIT_TRY(ctx.check_cancelled());
  return answer;
}

Result<std::optional<Secret>> password_given(const std::string& password_file) {
  if (!password_file.empty()) {
    DRKIT_ASSIGN(Secret secret, read_secret_file(password_file, "password file"));
    return std::optional<Secret>(std::move(secret));
  }
  if (!environment().password_file.empty()) {
    DRKIT_ASSIGN(Secret secret, read_secret_file(environment().password_file, "file named by DRKIT_PASSWORD_FILE"));
    return std::optional<Secret>(std::move(secret));
  }
  if (environment().password) return std::optional<Secret>(environment().password->clone());
  return std::optional<Secret>();
}

}  // namespace

namespace {

std::string take_text(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::optional<Secret> take_secret(const char* name) {
  std::optional<Secret> secret;
  if (char* value = std::getenv(name); value != nullptr) {
    if (*value != '\0') secret = Secret::from_text(value);
    ::explicit_bzero(value, std::strlen(value));
  }
  ::unsetenv(name);
  return secret;
}

}  // namespace

void take_environment() {
  Environment& values = environment();
  values.password = take_secret("DRKIT_PASSWORD");
  values.password_file = take_text("DRKIT_PASSWORD_FILE");
  values.storage_password = take_secret("DRKIT_STORAGE_PASSWORD");
  values.storage_user = take_text("DRKIT_STORAGE_USER");
  values.storage_key_file = take_text("DRKIT_STORAGE_KEY_FILE");
  // Stays where it is: commands started later may need their agent.
  if (const char* agent = std::getenv("SSH_AUTH_SOCK"); agent != nullptr) values.agent_socket = agent;
}

std::map<std::string, std::string> storage_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    const bool wanted = name.starts_with("AWS_") || name.ends_with("_proxy") || name.ends_with("_PROXY") ||
                        name == "SSH_AUTH_SOCK" || name == "HOME";
    if (wanted) variables[name] = text.substr(std::min(name.size() + 1, text.size()));
  }
  const Environment& values = environment();
  if (values.storage_password)
    variables["DRKIT_STORAGE_PASSWORD"] = std::string(drkit::as_text(values.storage_password->view()));
  if (!values.storage_user.empty()) variables["DRKIT_STORAGE_USER"] = values.storage_user;
  if (!values.storage_key_file.empty()) {
    variables["DRKIT_STORAGE_KEY_FILE"] = std::filesystem::absolute(values.storage_key_file).string();
  }
  return variables;
}

Result<void> add_access(const AccessOptions& given, drkit::StorageOptions& options) {
  const Environment& values = environment();
  options.user = given.user.empty() ? values.storage_user : given.user;
  options.key_file = given.key_file.empty() ? values.storage_key_file : given.key_file;
  options.agent_socket = values.agent_socket;
  options.ca_file = given.ca_file;
  options.client_certificate_file = given.client_certificate_file;
  options.client_key_file = given.client_key_file;
  options.proxy = given.proxy;
  if (!given.password_file.empty()) {
    DRKIT_ASSIGN(options.password, read_secret_file(given.password_file, "storage password file"));
  } else if (values.storage_password) {
    options.password = values.storage_password->clone();
  }
  return {};
}

Result<Secret> read_secret_file(const std::string& path, const std::string& what) {
  if (path == "-") return read_secret(STDIN_FILENO, true, what, "standard input");
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_error("cannot open the " + what, path);
  return read_secret(file.get(), false, what, path);
}

Result<std::optional<Credential>> find_given_credential(const SecretOptions& options) {
  Credential credential;
  if (!options.key_file.empty()) {
    DRKIT_ASSIGN(credential.key, read_secret_file(options.key_file, "key file"));
    return std::optional(std::move(credential));
  }
  DRKIT_ASSIGN(credential.password, password_given(options.password_file));
  if (!credential.password) return std::optional<Credential>();
  return std::optional(std::move(credential));
}

Result<Credential> find_credential(const Context& ctx, const SecretOptions& options) {
  DRKIT_ASSIGN(std::optional<Credential> given, find_given_credential(options));
  if (given) return std::move(*given);
  if (::isatty(STDIN_FILENO) == 0) {
    return Error(ErrorCode::unauthenticated,
                 "no password: set DRKIT_PASSWORD_FILE or DRKIT_PASSWORD, or give --password-file or --key-file");
  }
  Credential credential;
  DRKIT_ASSIGN(credential.password, ask(ctx, "password of the repository: "));
  return credential;
}

Result<std::optional<Secret>> find_new_password(const Context& ctx, const std::string& password_file,
                                                bool environment_too, bool may_ask) {
  if (!password_file.empty()) {
    DRKIT_ASSIGN(Secret secret, read_secret_file(password_file, "password file"));
    return std::optional<Secret>(std::move(secret));
  }
  if (environment_too) {
    DRKIT_ASSIGN(std::optional<Secret> given, password_given(""));
    if (given) return given;
  }
  if (!may_ask || ::isatty(STDIN_FILENO) == 0) return std::optional<Secret>();
  DRKIT_ASSIGN(Secret first, ask(ctx, "new password: "));
  DRKIT_ASSIGN(const Secret second, ask(ctx, "the same again: "));
  if (!(first == second)) return Error(ErrorCode::invalid_argument, "the two passwords differ");
  return std::optional<Secret>(std::move(first));
}

}  // namespace cli
