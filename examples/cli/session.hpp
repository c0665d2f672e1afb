// session: what every verb has in common: options, the context, opening, output, exit codes.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <drkit/drkit.hpp>
#include <drkit/mirror.hpp>
#include <nlohmann/json.hpp>

#include "screen.hpp"
#include "secrets.hpp"

namespace cli {

using Json = nlohmann::ordered_json;

enum ExitCode : int {
  kComplete = 0,
  kFailed = 1,
  kUsage = 2,
  kPartial = 3,
  kNotFound = 4,
  kDamage = 5,
  kServerGivesUp = 126,  ///< of `wal get`: PostgreSQL gives up above 125 and ends recovery below
  kInterrupted = 130,
};

int exit_code(drkit::ErrorCode code);
int exit_code(drkit::Status status);

struct CommonOptions {
  bool json = false;
  bool quiet = false;
  std::string progress = "auto";
  std::string memory = "256MiB";
  unsigned parallel = 0;
  std::string cache_dir;
  bool cache_dir_given = false;
  SecretOptions secrets;
  AccessOptions access;
};

class Session {
 public:
  /// What a verb does: an exit code, or an error that was not shown yet.
  using Action = std::function<drkit::Result<int>(Session&)>;

  Session();

  /// Makes a sub-command with the common options and, for those that open a repository, the ones for secrets.
  CLI::App* add_verb(CLI::App& parent, const std::string& name, const std::string& what, const std::string& example,
                     bool opens = true);
  /// The options for credentials of storages; verbs that open a repository have them.
  void add_storage_options(CLI::App* verb);
  void on(CLI::App* verb, Action action);
  /// Runs the chosen verb, shows its error, and makes sure that the output reached its end.
  int run();
  int fail(const drkit::Error& error);
  /// What the program answers when all went well but its output was lost (default: kFailed).
  void on_lost_output(int code) { lost_output_code_ = code; }

  drkit::Context& context() { return context_; }
  Screen& screen() { return screen_; }
  const CommonOptions& options() const { return options_; }
  bool json() const { return options_.json; }
  bool quiet() const { return options_.quiet; }

  /// The options with the credentials of the command line and the environment.
  drkit::Result<drkit::StorageOptions> with_access(const drkit::StorageOptions& options = {});
  drkit::Result<drkit::StoragePtr> storage(const std::string& address, const drkit::StorageOptions& options = {});
  drkit::Result<drkit::Repository> open(const std::string& address, const drkit::StorageOptions& options = {});
  drkit::Result<drkit::OpenOptions> open_options();
  /// After an operation on the repository that was opened: what is not on every copy of a mirror. Shows it to people.
  drkit::Result<std::vector<drkit::MirrorGap>> missing_copies();
  /// What it brought over, besides.
  drkit::Result<drkit::MirrorHealed> settle();
  /// What differs, without changing anything.
  drkit::Result<std::vector<drkit::MirrorGap>> differing_copies();

  /// Writes to standard output; a failure shows itself in finish().
  void print(std::string_view text);
  /// The one document of --json.
  void print_document(const Json& document);
  /// Says that a document was written piece by piece, so that an error does not write a second one.
  void document_printed() { document_printed_ = true; }
  /// A line for people: nothing with --json or --quiet.
  void summary(std::string_view text);
  void problems(const std::vector<drkit::Problem>& list, std::uint64_t total);

 private:
  void show_gaps(const std::vector<drkit::MirrorGap>& gaps);
  void configure();
  int finish(int code);

  drkit::StoragePtr place_;  ///< of the repository that was opened
  drkit::Context context_;
  Screen screen_;
  CommonOptions options_;
  Action action_;
  bool document_printed_ = false;
  int lost_output_code_ = kFailed;
};

/// A list of JSON values written one by one, for lists that are too long for memory: the status comes last, also when
/// the list broke off.
class JsonList {
 public:
  JsonList(Session& session, std::string_view name);
  void add(const Json& item);
  /// Closes the document and gives the exit code.
  int close(const drkit::Result<void>& result, const Json& more = Json::object());

 private:
  Session& session_;
  bool first_ = true;
};

Json entry_json(const drkit::Entry& entry);
Json error_document(const drkit::Error& error);
/// "mirror_gaps", when there are any.
void add_gaps(Json& document, const std::vector<drkit::MirrorGap>& gaps);
/// Puts a path under "path", and its bytes under "path_hex" when they are no UTF-8.
void put_path(Json& object, const std::string& path);
std::string clean_path(std::string_view path);

/// Each declares one verb and what it does.
void add_init(CLI::App& app, Session& session);
void add_keygen(CLI::App& app, Session& session);
void add_key(CLI::App& app, Session& session);
void add_backup(CLI::App& app, Session& session);
void add_snapshots(CLI::App& app, Session& session);
void add_ls(CLI::App& app, Session& session);
void add_cat(CLI::App& app, Session& session);
void add_manifest(CLI::App& app, Session& session);
void add_restore(CLI::App& app, Session& session);
void add_diff(CLI::App& app, Session& session);
void add_check(CLI::App& app, Session& session);
void add_forget(CLI::App& app, Session& session);
void add_storage(CLI::App& app, Session& session);
void add_version(CLI::App& app, Session& session);
void add_wal(CLI::App& app, Session& session);
void add_pitr(CLI::App& app, Session& session);

}  // namespace cli
