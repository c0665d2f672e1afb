// drkit: backups that are proven to restore. Built on the public C++ API alone.
#include <cstring>
#include <exception>
#include <iostream>

#include "session.hpp"
#include "signals.hpp"

namespace {

bool wants_json(int count, char** words) {
  for (int at = 1; at < count && std::strcmp(words[at], "--") != 0; ++at) {
    if (std::strcmp(words[at], "--json") == 0) return true;
  }
  return false;
}

// A server that restores takes every small exit code for "the log ends here": only the verb itself may say that.
int failure(int code, int count, char** words) {
  const bool restores = count > 2 && std::strcmp(words[1], "wal") == 0 && std::strcmp(words[2], "get") == 0;
  return restores && code != cli::kComplete ? cli::kServerGivesUp : code;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, bool json) {
  if (error.get_exit_code() == 0) {
    app.exit(error, std::cout, std::cerr);  // --help and its like
    std::cout.flush();
    return std::cout ? cli::kComplete : cli::kFailed;
  }
  std::cerr << "drkit: invalid_argument: " << error.what() << "\nRun `drkit --help` or `drkit VERB --help`.\n";
  if (json) {
    std::cout << cli::error_document({drkit::ErrorCode::invalid_argument, error.what()}).dump(2) << std::endl;
  }
  return cli::kUsage;
}

void add_verbs(CLI::App& app, cli::Session& session) {
  cli::add_init(app, session);
  cli::add_keygen(app, session);
  cli::add_key(app, session);
  cli::add_backup(app, session);
  cli::add_snapshots(app, session);
  cli::add_ls(app, session);
  cli::add_cat(app, session);
  cli::add_manifest(app, session);
  cli::add_restore(app, session);
  cli::add_diff(app, session);
  cli::add_check(app, session);
  cli::add_forget(app, session);
  cli::add_storage(app, session);
  cli::add_wal(app, session);
  cli::add_pitr(app, session);
  cli::add_version(app, session);
}

int run(int count, char** words) {
  cli::Session session;
  CLI::App app("drkit: encrypted, deduplicated backups that are proven to restore");
  app.set_version_flag("--version", "drkit " DRKIT_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Addresses of storages: file:///srv/backup or a path, sftp://user@host/dir, s3://bucket/prefix,\n"
      "webdav+https://host/folder, nextcloud+https://host/folder, mirror:ADDRESS|ADDRESS.\n"
      "Sources: file:///dir or a path, postgres:CONNINFO, exec:COMMAND.\n"
      "Exit codes: 0 complete, 1 failed, 2 wrong usage, 3 partial, 4 not found, 5 damage found, 130 interrupted.\n"
      "Example:\n  drkit init /srv/backup && drkit backup /srv/backup /home && drkit snapshots /srv/backup");
  add_verbs(app, session);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return failure(usage_error(app, error, wants_json(count, words)), count, words);
  }
  cli::cancel_on_signals(session.context().cancel);
  return session.run();
}

}  // namespace

int main(int count, char** words) {
  cli::open_standard_descriptors();
  cli::take_environment();
  try {
    return run(count, words);
  } catch (const std::bad_alloc&) {
    std::cerr << "drkit: out_of_memory: no memory left\n";
  } catch (const std::exception& error) {
    std::cerr << "drkit: internal: " << error.what() << "\n";
  }
  return failure(cli::kFailed, count, words);
}
