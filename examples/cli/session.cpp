#include "session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "text.hpp"

namespace cli {
namespace {

using drkit::Error;
using drkit::ErrorCode;
using drkit::Result;

std::string default_cache_directory() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg == '/')
    return std::string(xdg) + "/drkit";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.cache/drkit";
  return {};
}

}  // namespace

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::ok:
      return kComplete;
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::not_found:
      return kNotFound;
    case ErrorCode::corrupt:
      return kDamage;
    case ErrorCode::cancelled:
      return kInterrupted;
    default:
      return kFailed;
  }
}

int exit_code(drkit::Status status) {
  switch (status) {
    case drkit::Status::complete:
      return kComplete;
    case drkit::Status::partial:
      return kPartial;
    case drkit::Status::failed:
      return kFailed;
  }
  return kFailed;
}

Session::Session() {
  context_.progress = &screen_;
  context_.log = &screen_;
}

CLI::App* Session::add_verb(CLI::App& parent, const std::string& name, const std::string& what,
                            const std::string& example, bool opens) {
  CLI::App* verb = parent.add_subcommand(name, what);
  verb->footer("Example:\n  " + example);
  verb->add_flag("--json", options_.json, "One JSON document on standard output, also on failure")->group("Output");
  verb->add_flag("--quiet,-q", options_.quiet, "Results and errors only")->group("Output");
  verb->add_option("--progress", options_.progress, "A progress bar: auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->group("Output");
  if (!opens) return verb;
  add_storage_options(verb);
  verb->add_option("--password-file", options_.secrets.password_file,
                   "File with the password; else DRKIT_PASSWORD_FILE, DRKIT_PASSWORD, or asked for")
      ->group("Repository");
  verb->add_option("--key-file", options_.secrets.key_file, "Key file of `drkit keygen`, instead of a password")
      ->group("Repository");
  verb->add_option("--memory", options_.memory, "Most memory to use (default 256MiB, at least 64MiB)")
      ->group("Repository");
  verb->add_option("--parallel", options_.parallel, "Threads (default: one a processor)")->group("Repository");
  verb->add_option_function<std::string>(
          "--cache-dir",
          [this](const std::string& path) {
            options_.cache_dir = path;
            options_.cache_dir_given = true;
          },
          "Local cache (default $XDG_CACHE_HOME/drkit or ~/.cache/drkit); '' for none")
      ->group("Repository");
  return verb;
}

void Session::add_storage_options(CLI::App* verb) {
  AccessOptions& access = options_.access;
  const auto add = [verb](const char* name, std::string& value, const char* what) {
    verb->add_option(name, value, what)->group("Storage");
  };
  add("--storage-user", access.user, "Name or access key id at the storage; else DRKIT_STORAGE_USER");
  add("--storage-password-file", access.password_file,
      "File with the storage's password, or the key's passphrase; else DRKIT_STORAGE_PASSWORD");
  add("--storage-key-file", access.key_file,
      "Private key for sftp; else DRKIT_STORAGE_KEY_FILE, or the agent of SSH_AUTH_SOCK");
  add("--ca-file", access.ca_file, "Authorities to trust instead of the system's, for https");
  add("--client-cert", access.client_certificate_file, "Certificate to show to the storage, for https");
  add("--client-cert-key", access.client_key_file, "Its private key");
  add("--proxy", access.proxy, "Proxy to the storage, http://host:port or socks5h://host:port");
  add("--limit-download", access.limit_download, "Most bytes a second from the storage, such as 10MiB");
  verb->add_option("--storage-calls", access.calls, "Most calls to the storage at once (default: what it allows)")
      ->check(CLI::Range(1, 1024))
      ->group("Storage");
  verb->add_flag("--storage-read-only", access.read_only, "Refuse every write to the storage")->group("Storage");
  add("--storage-cache", access.cache, "Directory that keeps objects read from the storage; deleted at will");
  add("--storage-cache-size", access.cache_size, "Its size (default 1GiB)");
}

void Session::on(CLI::App* verb, Action action) {
  verb->callback([this, action = std::move(action)] { action_ = action; });
}

void Session::configure() {
  const BarMode mode = options_.progress == "always"  ? BarMode::always
                       : options_.progress == "never" ? BarMode::never
                                                      : BarMode::automatic;
  screen_.configure(mode, options_.quiet);
}

int Session::run() {
  configure();
  const Result<int> result = action_(*this);
  screen_.clear();
  return finish(result ? *result : fail(result.error()));
}

int Session::fail(const Error& error) {
  screen_.clear();
  screen_.line("drkit: " + error.to_string());
  if (options_.json && !document_printed_) print_document(error_document(error));
  return exit_code(error.code());
}

int Session::finish(int code) {
  const bool lost = std::ferror(stdout) != 0;
  if (std::fclose(stdout) == 0 && !lost) return code;
  screen_.line(std::string("drkit: io: cannot write standard output: ") + std::strerror(errno));
  return code == kComplete ? lost_output_code_ : code;
}

Result<drkit::StorageOptions> Session::with_access(const drkit::StorageOptions& options) {
  drkit::StorageOptions full;
  full.create = options.create;
  full.upload_bytes_per_second = options.upload_bytes_per_second;
  full.attempts = options.attempts;
  const AccessOptions& given = options_.access;
  if (!given.limit_download.empty()) {
    DRKIT_ASSIGN(full.download_bytes_per_second, parse_rate(given.limit_download));
  }
  full.concurrency = given.calls;
  full.read_only = given.read_only;
  full.cache_directory = given.cache;
  if (!given.cache_size.empty()) {
    DRKIT_ASSIGN(full.cache_bytes, parse_size(given.cache_size));
  }
  DRKIT_TRY(add_access(options_.access, full));
  return full;
}

Result<drkit::StoragePtr> Session::storage(const std::string& address, const drkit::StorageOptions& options) {
  DRKIT_ASSIGN(const drkit::StorageOptions full, with_access(options));
  DRKIT_ASSIGN(place_, drkit::open_storage(context_, address, full));
  return place_;
}

Result<drkit::OpenOptions> Session::open_options() {
  drkit::OpenOptions open;
  DRKIT_ASSIGN(open.memory_bytes, parse_size(options_.memory));
  open.parallel = options_.parallel;
  open.cache_directory = options_.cache_dir_given ? options_.cache_dir : default_cache_directory();
  return open;
}

Result<drkit::Repository> Session::open(const std::string& address, const drkit::StorageOptions& options) {
  DRKIT_ASSIGN(drkit::OpenOptions open, open_options());
  DRKIT_ASSIGN(drkit::StoragePtr place, storage(address, options));
  DRKIT_ASSIGN(open.credential, find_credential(context_, options_.secrets));
  return drkit::Repository::open(context_, std::move(place), std::move(open));
}

drkit::Result<std::vector<drkit::MirrorGap>> Session::missing_copies() {
  DRKIT_ASSIGN(drkit::MirrorHealed settled, settle());
  return std::move(settled.left);
}

drkit::Result<drkit::MirrorHealed> Session::settle() {
  DRKIT_ASSIGN(drkit::MirrorHealed settled, drkit::settle_mirror(context_, place_));
  show_gaps(settled.left);
  return settled;
}

drkit::Result<std::vector<drkit::MirrorGap>> Session::differing_copies() {
  const auto control = drkit::mirror_control(place_);
  if (control == nullptr) return std::vector<drkit::MirrorGap>();
  // A copy that cannot be listed is a gap, too.
  static_cast<void>(control->compare(context_));
  DRKIT_TRY(context_.check_cancelled());
  std::vector<drkit::MirrorGap> gaps = control->pending();
  show_gaps(gaps);
  return gaps;
}

void Session::show_gaps(const std::vector<drkit::MirrorGap>& gaps) {
  constexpr std::size_t kShown = 50;
  for (std::size_t i = 0; i < gaps.size() && i < kShown && !json(); ++i) {
    screen_.line("drkit: copy " + std::to_string(gaps[i].copy + 1) + " of the mirror lacks " +
                 (gaps[i].key.empty() ? "objects" : gaps[i].key) + ": " + gaps[i].reason);
  }
}

void Session::print(std::string_view text) {
  screen_.clear();
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Session::print_document(const Json& document) {
  document_printed_ = true;
  print(document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Session::summary(std::string_view text) {
  if (!json() && !quiet()) print(std::string(text) + "\n");
}

void Session::problems(const std::vector<drkit::Problem>& list, std::uint64_t total) {
  constexpr std::size_t kShown = 50;
  if (json()) return;
  for (std::size_t at = 0; at < std::min(list.size(), kShown); ++at) {
    const drkit::Problem& problem = list[at];
    screen_.line("drkit: " + std::string(drkit::error_code_name(problem.code)) + ": " + problem.message +
                 " (path=" + (problem.path.empty() ? "." : problem.path) + ")");
  }
  const std::uint64_t shown = std::min<std::uint64_t>(list.size(), kShown);
  if (total > shown) screen_.line("drkit: and " + human_count(total - shown) + " more problems");
}

}  // namespace cli
