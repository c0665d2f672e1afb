// drkit init: makes a repository.
#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct InitOptions {
  std::string repository;
  std::vector<std::string> recipients;
};

// A recipient is given as its text or as the .pub file of `drkit keygen`.
Result<std::string> public_key(const std::string& given) {
  if (given.starts_with("drkit-pub-")) return given;
  DRKIT_ASSIGN(const Secret text, read_secret_file(given, "public key file"));
  return std::string(as_text(text.view()));
}

Result<int> run_init(Session& session, const InitOptions& options) {
  CreateOptions create;
  for (const std::string& given : options.recipients) {
    DRKIT_ASSIGN(std::string key, public_key(given));
    create.recipients.push_back(std::move(key));
  }
  const std::string& password_file = session.options().secrets.password_file;
  DRKIT_ASSIGN(std::optional<Secret> password,
               find_new_password(session.context(), password_file, true, create.recipients.empty()));
  if (password) create.passwords.push_back(std::move(*password));
  if (create.passwords.empty() && create.recipients.empty()) {
    return Error(ErrorCode::invalid_argument,
                 "a repository needs a password or a recipient: set DRKIT_PASSWORD_FILE or DRKIT_PASSWORD, or give "
                 "--password-file or --recipient");
  }
  DRKIT_ASSIGN(OpenOptions open, session.open_options());
  if (!session.options().secrets.key_file.empty()) {
    DRKIT_ASSIGN(open.credential.key, read_secret_file(session.options().secrets.key_file, "key file"));
  }
  StorageOptions place;
  place.create = true;
  DRKIT_ASSIGN(StoragePtr storage, session.storage(options.repository, place));
  const std::string name = storage->info().name;
  DRKIT_ASSIGN(const Repository repository,
               Repository::create(session.context(), std::move(storage), std::move(create), std::move(open)));
  DRKIT_ASSIGN(const std::vector<MirrorGap> gaps, session.missing_copies());
  const Status status = status_with_gaps(Status::complete, gaps);
  if (session.json()) {
    Json document = {{"status", status_name(status)},
                     {"repository", {{"id", repository.id()}, {"storage", to_utf8(name)}}}};
    add_gaps(document, gaps);
    session.print_document(document);
  }
  session.summary("made repository " + repository.id().substr(0, 8) + " at " + visible(name));
  session.summary("keep the password or key safe: without one of them nothing can be restored");
  return exit_code(status);
}

}  // namespace

void add_init(CLI::App& app, Session& session) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* verb =
      session.add_verb(app, "init", "Make a repository", "DRKIT_PASSWORD_FILE=/root/pw drkit init file:///srv/backup");
  verb->add_option(
          "REPO", options->repository,
          "Where: file:///dir or a path, sftp://user@host/dir, s3://bucket/prefix, webdav+https://host/folder, "
          "nextcloud+https://host/folder, or mirror:ADDRESS|ADDRESS")
      ->required();
  verb->add_option("--recipient", options->recipients, "Public key (or its .pub file) that may open it; repeatable")
      ->allow_extra_args(false);
  session.on(verb, [options](Session& s) { return run_init(s, *options); });
}

}  // namespace cli
