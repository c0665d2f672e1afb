#include "integration/postgres_support.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace drkit::test {
namespace fs = std::filesystem;
namespace {

std::string servers_folder() { return std::string(DRKIT_SOURCE_DIR) + "/tests/servers"; }

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string script(int major) { return quoted(servers_folder() + (major == 15 ? "/postgres.sh" : "/postgres_npm.sh")); }

std::string first_line(const fs::path& path) {
  std::string text = read_file(path);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "drkit-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  ::chmod(name.c_str(), 0711);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Server::Server(int major, fs::path folder, const std::vector<std::string>& settings)
    : major_(major), folder_(std::move(folder)) {
  std::string command = script(major) + " start ";
  if (major != 15) command += std::to_string(major) + " ";
  command += quoted(folder_.string());
  for (const std::string& setting : settings) command.append(" ").append(quoted(setting));
  shell(command);
}

Server::Server(fs::path folder, const Server& primary) : major_(15), folder_(std::move(folder)) {
  shell(script(15) + " standby " + quoted(folder_.string()) + " " + quoted(primary.folder_.string()));
}

Server::~Server() {
  const int status = std::system((script(major_) + " stop " + quoted(folder_.string()) + " immediate").c_str());
  static_cast<void>(status);
}

void Server::stop(const std::string& mode) { shell(script(major_) + " stop " + quoted(folder_.string()) + " " + mode); }

void Server::start_again() { shell(script(15) + " again " + quoted(folder_.string())); }

std::string Server::conninfo(const std::string& database) const {
  return first_line(folder_ / "conninfo") + " dbname=" + database;
}
std::string Server::conninfo_tcp() const { return first_line(folder_ / "conninfo_tcp"); }
std::string Server::bin() const { return first_line(folder_ / "bin"); }
std::string Server::lib() const { return first_line(folder_ / "lib"); }

std::string sql(const std::string& conninfo, const std::string& statement) {
  PGconn* connection = PQconnectdb(conninfo.c_str());
  PGresult* result = PQexec(connection, statement.c_str());
  const ExecStatusType status = PQresultStatus(result);
  std::string answer, failure;
  if (status == PGRES_TUPLES_OK && PQntuples(result) > 0) answer = PQgetvalue(result, 0, 0);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) failure = PQerrorMessage(connection);
  PQclear(result);
  PQfinish(connection);
  if (!failure.empty()) throw std::runtime_error(statement + ": " + failure);
  return answer;
}

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int postmaster_pid(const fs::path& data) { return std::stoi(read_file(data / "postmaster.pid")); }

namespace {

Result<void> save_file(const Context& ctx, Stream& stream, const fs::path& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, stream.entry().mode);
  if (file < 0) return Error(ErrorCode::io, "cannot write").with("path", path.string());
  Bytes buffer(1 << 20);
  Result<void> outcome;
  for (;;) {
    const auto piece = stream.read(ctx, buffer);
    if (!piece.ok()) outcome = piece.error();
    if (!piece.ok() || piece->at_end()) break;
    if (::write(file, buffer.data(), piece->data_bytes) != static_cast<ssize_t>(piece->data_bytes)) {
      outcome = Error(ErrorCode::io, "cannot write").with("path", path.string());
      break;
    }
  }
  ::close(file);
  return outcome.ok() ? stream.close(ctx) : outcome;
}

}  // namespace

Result<Saved> save(const Context& ctx, Source& source, const fs::path& root) {
  fs::create_directories(root);
  Saved saved{root, {}, {}};
  for (;;) {
    DRKIT_ASSIGN(const auto stream, source.next(ctx));
    if (stream == nullptr) break;
    const fs::path path = root / stream->entry().path;
    fs::create_directories(path.parent_path());
    if (stream->entry().type == EntryType::directory) fs::create_directories(path);
    if (stream->entry().type == EntryType::regular) DRKIT_TRY(save_file(ctx, *stream, path));
    saved.entries.push_back(stream->entry());
  }
  DRKIT_ASSIGN(saved.receipt, source.finish(ctx));
  return saved;
}

namespace {

class PlainSink final : public Sink {
 public:
  explicit PlainSink(int file) : file_(file) {}
  ~PlainSink() override { ::close(file_); }
  Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
    const auto written = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written != static_cast<ssize_t>(bytes.size())) return Error(ErrorCode::io, "cannot write");
    return {};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  int file_;
};

class PlainTarget final : public RestoreTarget {
 public:
  explicit PlainTarget(fs::path root) : root_(std::move(root)) {}
  TargetInfo info() const override { return {"plain", root_.string(), false}; }
  Result<void> begin(const Context&, const RestoreSettings& settings) override {
    fs::create_directories(root_);
    if (!settings.delta && !fs::is_empty(root_)) return Error(ErrorCode::precondition_failed, "not empty");
    return {};
  }
  Result<void> make(const Context&, const Entry& entry) override {
    const fs::path path = root_ / entry.path;
    if (entry.type == EntryType::symlink) fs::create_symlink(entry.link_target, path);
    if (entry.type == EntryType::directory) {
      fs::create_directories(path);
      ::chmod(path.c_str(), entry.mode);
    }
    return {};
  }
  Result<std::unique_ptr<Sink>> open(const Context&, const Entry& entry) override {
    const int file = ::open((root_ / entry.path).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, entry.mode);
    if (file < 0) return Error(ErrorCode::io, "cannot open").with("path", entry.path);
    return std::unique_ptr<Sink>(std::make_unique<PlainSink>(file));
  }
  Result<void> finish(const Context&) override { return {}; }

 private:
  fs::path root_;
};

}  // namespace

Result<std::unique_ptr<RestoreTarget>> make_plain_target(std::string root) {
  return std::unique_ptr<RestoreTarget>(std::make_unique<PlainTarget>(std::move(root)));
}

Result<void> restore(const Context& ctx, const Saved& saved, RestoreTarget& target) {
  std::vector<Entry> entries = saved.entries;
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return entry_path_less(a.path, b.path); });
  DRKIT_TRY(target.begin(ctx, {}));
  for (const Entry& entry : entries) {
    if (entry.type != EntryType::regular) {
      DRKIT_TRY(target.make(ctx, entry));
      continue;
    }
    DRKIT_ASSIGN(const auto sink, target.open(ctx, entry));
    const std::string content = read_file(saved.root / entry.path);
    if (content.size() != entry.size_bytes) return Error(ErrorCode::corrupt, "wrong size").with("path", entry.path);
    DRKIT_TRY(sink->write_at(ctx, 0, as_bytes(content)));
    DRKIT_TRY(sink->close(ctx));
  }
  return target.finish(ctx);
}

void give_to_server_account(const fs::path& root) {
  if (::geteuid() == 0) shell("chown -R postgres " + quoted(root.string()));
}

}  // namespace drkit::test
