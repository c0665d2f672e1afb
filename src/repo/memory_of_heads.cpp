#include "repo/memory_of_heads.hpp"

#include <optional>
#include <sstream>

#include "base/hex.hpp"
#include "base/text_file.hpp"
#include "crypto/sha256.hpp"

namespace drkit::repo {
namespace {

std::string heads_path(const Repository::Impl& impl) { return impl.cache_directory + "/heads"; }

std::string print(const std::vector<format::Predecessor>& heads) {
  std::string text;
  for (const format::Predecessor& head : heads) text += head.id + " " + base::to_hex(head.object_digest) + "\n";
  return text;
}

Result<void> check_file(const std::string& path, const std::string& expected, bool created) {
  DRKIT_ASSIGN(const std::optional<std::string> known, base::read_text_file(path));
  if (known == expected) return {};
  if (!known || created) return base::replace_text_file(path, expected);
  return Error(ErrorCode::corrupt,
               "another repository is here than the one that this machine knows; if that was meant, remove the file")
      .with("file", path);
}

}  // namespace

Result<std::vector<format::Predecessor>> load_heads(const Repository::Impl& impl) {
  std::vector<format::Predecessor> heads;
  if (impl.cache_directory.empty()) return heads;
  DRKIT_ASSIGN(const std::optional<std::string> text, base::read_text_file(heads_path(impl)));
  std::istringstream lines(text.value_or(""));
  std::string id, digest;
  while (lines >> id >> digest) {
    if (const auto value = base::array_from_hex<32>(digest)) heads.push_back({id, *value});
  }
  return heads;
}

void store_heads(const Context& ctx, const Repository::Impl& impl, const std::vector<format::Predecessor>& heads) {
  if (impl.cache_directory.empty()) return;
  const auto before = load_heads(impl);
  if (before && *before == heads) return;
  const auto stored = base::replace_text_file(heads_path(impl), print(heads));
  if (!stored) ctx.write_log(LogLevel::warning, "newest snapshots not remembered: " + stored.error().to_string());
}

Result<void> check_known(const Repository::Impl& impl, const std::string& cache_root, bool created) {
  if (cache_root.empty()) return {};
  const std::string key = base::to_hex(impl.keys.signing_public);
  DRKIT_TRY(check_file(impl.cache_directory + "/signing_key", key + "\n", created));
  const StorageInfo storage = impl.storage->info();
  // Names without a scheme ("mem:", plug-ins' words) need not be addresses of one place.
  if (storage.name.find("://") == std::string::npos) return {};
  const std::string places = cache_root + "/places";
  DRKIT_TRY(base::make_directories(places));
  const std::string place = base::to_hex(crypto::sha256(as_bytes(storage.name))).substr(0, 32);
  return check_file(places + "/" + place, base::to_hex(impl.id) + " " + key + "\n" + storage.name + "\n", created);
}

}  // namespace drkit::repo
