// An OpenSSH server of the test's own, and storages on it.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include <drkit/registry.hpp>

#include "testing/temp_dir.hpp"

namespace drkit::test {

class SshServer {
 public:
  /// `account`: "--password" or "--dialogue" of sshd.sh.
  explicit SshServer(const std::string& lines = "", const std::string& account = "")
      : lines_(lines), account_(account) {
    ::chmod(dir_.path().c_str(), 0755);
    start();
  }
  ~SshServer() { static_cast<void>(run("stop")); }

  void start() {
    if (run("start", account_, lines_) != 0) throw std::runtime_error("sshd does not start");
    std::ifstream env(path("env"));
    for (std::string line; std::getline(env, line);) {
      const auto equals = line.find('=');
      values_[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  void kill() { static_cast<void>(run("stop")); }
  /// To the processes that serve connections.
  void signal(const std::string& name) { static_cast<void>(run("signal", name)); }

  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }
  std::string data(const std::string& name = "") const { return path("data") + (name.empty() ? "" : "/" + name); }
  const std::string& value(const std::string& name) const { return values_.at(name); }

  /// `query` replaces the pin of the right host key.
  std::string address(const std::string& directory, const std::string& query = "") const {
    return "sftp://" + value("USER") + "@127.0.0.1:" + value("PORT") + directory + "?" +
           (query.empty() ? "host_key=" + value("FINGERPRINT") : query);
  }
  StorageOptions options(const std::string& key = "id_ed25519") const {
    StorageOptions options;
    options.key_file = path(key);
    options.create = true;
    options.attempts = 1;
    return options;
  }
  Result<StoragePtr> open(const std::string& name, const std::string& query = "") const {
    return open_storage({}, address(data(name), query), options());
  }

 private:
  int run(const std::string& command, const std::string& first = "", const std::string& second = "") {
    std::string line = std::string(DRKIT_SOURCE_DIR) + "/tests/servers/sshd.sh " + command + " '" + dir_.path() + "'";
    for (const std::string& argument : {first, second}) line += argument.empty() ? "" : " '" + argument + "'";
    return std::system(line.c_str());
  }

  const testing::TempDir dir_;
  const std::string lines_;
  const std::string account_;
  std::map<std::string, std::string> values_;
};

inline std::string context_of(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.context()) {
    if (name == key) return value;
  }
  return {};
}

}  // namespace drkit::test
