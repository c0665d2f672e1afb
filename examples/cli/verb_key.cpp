// drkit key list|add|remove|rotate: who can open the repository.
#include <algorithm>
#include <tuple>

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct KeyOptions {
  std::string repository;
  std::string slot;
  std::string new_password_file;
  std::string recipient;
  std::string role = "full";
  std::string label;
};

std::string_view role_name(KeyRole role) { return role == KeyRole::full ? "full" : "write"; }

Json slot_json(const KeySlot& slot) {
  return {{"id", slot.id},
          {"kind", slot.is_password ? "password" : "recipient"},
          {"role", role_name(slot.role)},
          {"label", to_utf8(slot.label)},
          {"public_key", slot.public_key},
          {"created", utc_time(slot.created_ns)},
          {"created_ns", slot.created_ns}};
}

Json slots_json(const std::vector<KeySlot>& slots) {
  Json list = Json::array();
  for (const KeySlot& slot : slots) list.push_back(slot_json(slot));
  return list;
}

std::string slot_line(const KeySlot& slot) {
  return left(slot.id.substr(0, 8), 10) + left(slot.is_password ? "password" : "recipient", 11) +
         left(std::string(role_name(slot.role)), 7) + left(local_time(slot.created_ns), 21) +
         left(visible(slot.label), 16) + " " + slot.public_key;
}

std::vector<KeySlot> oldest_first(std::vector<KeySlot> slots) {
  std::sort(slots.begin(), slots.end(), [](const KeySlot& a, const KeySlot& b) {
    return std::tie(a.created_ns, a.id) < std::tie(b.created_ns, b.id);
  });
  return slots;
}

Result<int> run_list(Session& session, const KeyOptions& options) {
  DRKIT_ASSIGN(const Repository repository, session.open(options.repository));
  DRKIT_ASSIGN(std::vector<KeySlot> found, repository.keys(session.context()));
  const std::vector<KeySlot> slots = oldest_first(std::move(found));
  if (session.json()) {
    session.print_document({{"status", "complete"}, {"keys", slots_json(slots)}});
    return kComplete;
  }
  if (!session.quiet()) {
    session.print(left("ID", 10) + left("KIND", 11) + left("ROLE", 7) + left("MADE", 21) + left("LABEL", 16) +
                  " PUBLIC KEY\n");
  }
  for (const KeySlot& slot : slots) session.print(slot_line(slot) + "\n");
  return kComplete;
}

Result<KeySlot> add_slot(Session& session, Repository& repository, const KeyOptions& options) {
  const KeyRole role = options.role == "write" ? KeyRole::write : KeyRole::full;
  if (!options.recipient.empty()) {
    std::string key = options.recipient;
    if (!key.starts_with("drkit-pub-")) {
      DRKIT_ASSIGN(const Secret text, read_secret_file(options.recipient, "public key file"));
      key = std::string(as_text(text.view()));
    }
    return repository.add_recipient(session.context(), key, role, options.label);
  }
  DRKIT_ASSIGN(const std::optional<Secret> password,
               find_new_password(session.context(), options.new_password_file, false, true));
  if (!password) return Error(ErrorCode::invalid_argument, "give --new-password-file or --recipient");
  return repository.add_password(session.context(), *password, role, options.label);
}

Result<int> run_add(Session& session, const KeyOptions& options) {
  DRKIT_ASSIGN(Repository repository, session.open(options.repository));
  DRKIT_ASSIGN(const KeySlot slot, add_slot(session, repository, options));
  if (session.json()) session.print_document({{"status", "complete"}, {"key", slot_json(slot)}});
  session.summary("added key " + slot.id.substr(0, 8) + " with the role " + std::string(role_name(slot.role)));
  return kComplete;
}

Result<std::string> find_slot(Session& session, const Repository& repository, const std::string& prefix) {
  DRKIT_ASSIGN(const std::vector<KeySlot> slots, repository.keys(session.context()));
  std::string found;
  for (const KeySlot& slot : slots) {
    if (!slot.id.starts_with(prefix)) continue;
    if (!found.empty()) return Error(ErrorCode::invalid_argument, "more than one key starts so").with("key", prefix);
    found = slot.id;
  }
  if (found.empty()) return Error(ErrorCode::not_found, "there is no such key").with("key", prefix);
  return found;
}

Result<int> run_remove(Session& session, const KeyOptions& options) {
  DRKIT_ASSIGN(Repository repository, session.open(options.repository));
  DRKIT_ASSIGN(const std::string id, find_slot(session, repository, options.slot));
  DRKIT_TRY(repository.remove_key(session.context(), id));
  if (session.json()) session.print_document({{"status", "complete"}, {"removed", id}});
  session.summary("removed key " + id.substr(0, 8));
  session.summary(
      "who copied the repository's key before can still read the data that was there: see `drkit key rotate`");
  return kComplete;
}

Result<int> run_rotate(Session& session, const KeyOptions& options) {
  DRKIT_ASSIGN(Repository repository, session.open(options.repository));
  DRKIT_ASSIGN(const Credential own, find_credential(session.context(), session.options().secrets));
  DRKIT_ASSIGN(const std::vector<KeySlot> removed, repository.rotate_key(session.context(), own));
  if (session.json()) session.print_document({{"status", "complete"}, {"removed", slots_json(removed)}});
  session.summary("new data is sealed under a new key from now on");
  for (const KeySlot& slot : removed) {
    session.summary("removed: " + slot_line(slot) + " (add it again with `drkit key add`)");
  }
  return kComplete;
}

}  // namespace

void add_key(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("key", "Passwords and recipients: list, add, remove, rotate");
  verb->require_subcommand(1);
  verb->footer("Example:\n  drkit key add /srv/backup --recipient /root/office.key.pub --role write");
  auto options = std::make_shared<KeyOptions>();
  const auto sub = [&](const char* name, const char* what, const char* example,
                       Result<int> (*run)(Session&, const KeyOptions&)) {
    CLI::App* part = session.add_verb(*verb, name, what, example);
    part->add_option("REPO", options->repository, "The repository")->required();
    session.on(part, [options, run](Session& s) { return run(s, *options); });
    return part;
  };
  sub("list", "Show every key", "drkit key list /srv/backup", run_list);
  CLI::App* add = sub("add", "Let another password or key open the repository",
                      "drkit key add /srv/backup --new-password-file /root/pw2 --label office", run_add);
  add->add_option("--new-password-file", options->new_password_file, "File with the password to add; else asked for");
  add->add_option("--recipient", options->recipient, "Public key (or its .pub file) to add")
      ->excludes("--new-password-file");
  add->add_option("--role", options->role, "full: everything; write: back up and list, read no data back")
      ->check(CLI::IsMember({"full", "write"}));
  add->add_option("--label", options->label, "What `key list` shows");
  CLI::App* remove =
      sub("remove", "Close the repository to a key", "drkit key remove /srv/backup 3f2a91c0", run_remove);
  remove->add_option("KEY", options->slot, "The key's id, or the start of it")->required();
  sub("rotate", "Seal new data under a new key", "drkit key rotate /srv/backup", run_rotate);
}

}  // namespace cli
