// What the WebDAV tests share: real servers, and the network between us and them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <drkit/registry.hpp>
#include <drkit/storage.hpp>

namespace drkit::test {

/// One server's start script and its options.
struct DavKind {
  std::string script;  ///< "apache", "nginx", "rclone_webdav", "nextcloud_standin"
  std::vector<std::string> options = {};
  bool tls() const;
};

/// A running server, stopped at the end.
class DavServer {
 public:
  DavServer(DavKind kind, std::filesystem::path folder);
  ~DavServer();
  DavServer(const DavServer&) = delete;
  DavServer& operator=(const DavServer&) = delete;

  /// "https://127.0.0.1:PORT"
  std::string url() const;
  /// "127.0.0.1:PORT"
  std::string host() const;
  /// What a user types: "webdav+https://drkit@127.0.0.1:PORT/name".
  std::string address(const std::string& name) const;
  std::filesystem::path files() const { return folder_ / "files"; }
  std::filesystem::path folder() const { return folder_; }
  std::string certificate(const std::string& name) const { return (folder_ / "tls" / name).string(); }
  /// With the right password and authority.
  StorageOptions options() const;
  /// start (again), pause, go_on or kill.
  void command(const std::string& word) const;

 private:
  DavKind kind_;
  std::filesystem::path folder_;
};

/// The proxy of tests/servers/chaos_proxy.py before a server.
class Chaos {
 public:
  Chaos(std::filesystem::path folder, const std::string& target, const std::string& options = "");
  ~Chaos();
  Chaos(const Chaos&) = delete;
  Chaos& operator=(const Chaos&) = delete;

  std::string host() const;
  void set(const std::string& settings) const;
  /// What has happened so far, for example count("resets").
  long count(const std::string& name) const;

 private:
  std::filesystem::path folder_;
};

/// Opens or throws std::runtime_error.
StoragePtr open_or_throw(const std::string& address, const StorageOptions& options);

/// Like open_or_throw, with many attempts after short waits: the waits are not what is tested.
StoragePtr open_patiently(const std::string& address, StorageOptions options, unsigned attempts = 20);

/// The regular files below a folder that are not below `tmp~`, by their path there, with their sizes.
std::map<std::string, std::uintmax_t> visible_files(const std::filesystem::path& folder);

}  // namespace drkit::test
