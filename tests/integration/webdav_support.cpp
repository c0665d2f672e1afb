#include "integration/webdav_support.hpp"

#include <cstdlib>
#include <stdexcept>

#include "integration/postgres_support.hpp"

namespace drkit::test {
namespace fs = std::filesystem;
namespace {

std::string quoted(const std::string& text) { return "'" + text + "'"; }

std::string script_of(const std::string& name) {
  return quoted(std::string(DRKIT_SOURCE_DIR) + "/tests/servers/" + name + ".sh");
}

std::string line_of(const fs::path& path) {
  std::string text = read_file(path);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

bool DavKind::tls() const { return !options.empty() && options.front().starts_with("tls="); }

DavServer::DavServer(DavKind kind, fs::path folder) : kind_(std::move(kind)), folder_(std::move(folder)) {
  command("start");
}

DavServer::~DavServer() {
  const int status = std::system((script_of(kind_.script) + " stop " + quoted(folder_.string())).c_str());
  static_cast<void>(status);
}

void DavServer::command(const std::string& word) const {
  std::string line = script_of(kind_.script) + " " + word + " " + quoted(folder_.string());
  if (word == "start") {
    for (const std::string& option : kind_.options) line.append(" ").append(quoted(option));
  }
  shell(line);
}

std::string DavServer::url() const { return line_of(folder_ / "url"); }

std::string DavServer::host() const {
  const std::string text = url();
  return text.substr(text.find("//") + 2);
}

std::string DavServer::address(const std::string& name) const {
  const std::string scheme = kind_.script == "nextcloud_standin" ? "nextcloud+" : "webdav+";
  return scheme + (kind_.tls() ? "https" : "http") + "://drkit@" + host() + "/" + name;
}

StorageOptions DavServer::options() const {
  StorageOptions options;
  options.create = true;
  options.password = Secret::from_text("drkit-test");
  if (kind_.tls()) options.ca_file = certificate("ca.crt");
  return options;
}

Chaos::Chaos(fs::path folder, const std::string& target, const std::string& options) : folder_(std::move(folder)) {
  shell(script_of("chaos") + " start " + quoted(folder_.string()) + " " + target + " " + options);
}

Chaos::~Chaos() {
  const int status = std::system((script_of("chaos") + " stop " + quoted(folder_.string())).c_str());
  static_cast<void>(status);
}

std::string Chaos::host() const { return "127.0.0.1:" + line_of(folder_ / "port"); }

void Chaos::set(const std::string& settings) const {
  shell(script_of("chaos") + " set " + quoted(folder_.string()) + " " + quoted(settings));
}

long Chaos::count(const std::string& name) const {
  // The proxy writes them ten times a second.
  shell("sleep 0.25");
  const std::string text = read_file(folder_ / "counts");
  const std::size_t at = text.find("\"" + name + "\": ");
  if (at == std::string::npos) throw std::runtime_error("the proxy does not count " + name);
  return std::stol(text.substr(at + name.size() + 4));
}

StoragePtr open_or_throw(const std::string& address, const StorageOptions& options) {
  auto opened = open_storage({}, address, options);
  if (!opened) throw std::runtime_error(opened.error().to_string());
  return std::move(*opened);
}

StoragePtr open_patiently(const std::string& address, StorageOptions options, unsigned attempts) {
  options.attempts = 1;
  RetryOptions retry;
  retry.max_attempts = attempts;
  retry.first_delay = std::chrono::milliseconds(5);
  return with_retry(open_or_throw(address, options), retry);
}

std::map<std::string, std::uintmax_t> visible_files(const fs::path& folder) {
  std::map<std::string, std::uintmax_t> found;
  if (!fs::exists(folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).string();
    if (entry.is_regular_file() && !name.starts_with("tmp~/")) found.emplace(name, entry.file_size());
  }
  return found;
}

}  // namespace drkit::test
