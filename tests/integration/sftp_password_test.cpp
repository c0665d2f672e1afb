// Signing in by a password: as SSH's own method, and as the answer to a server's question. Only root can make an
// account whose password a server may check; for everybody else the server refuses, and that is what is looked at.
#include <doctest/doctest.h>

#include <iterator>
#include <string>

#include <drkit/storage.hpp>

#include "integration/sftp_support.hpp"

using namespace drkit;
using drkit::test::context_of;
using drkit::test::SshServer;

namespace {

class Lines final : public LogSink {
 public:
  void log(LogLevel, std::string_view message) noexcept override { text += std::string(message) + "\n"; }
  std::string text;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

StorageOptions by_password(std::string_view password) {
  StorageOptions options;
  options.password = Secret::from_text(password);
  options.create = true;
  return options;
}

const std::string kWrong = "not the word of anybody";

// What somebody who does not know the password is told; once, and the server has been asked once.
void check_refusal(const SshServer& server) {
  Lines lines;
  Context ctx;
  ctx.log = &lines;
  const std::string before = content_of(server.path("sshd.log"));
  const auto opened = open_storage(ctx, server.address(server.data("place")), by_password(kWrong));
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code() == ErrorCode::unauthenticated);
  CHECK_FALSE(opened.error().retryable());
  CHECK(opened.error().message() == "the server refused the credentials");
  CHECK(context_of(opened.error(), "tried") == "password");
  CHECK(opened.error().to_string().find(kWrong) == std::string::npos);
  CHECK(lines.text.empty());
  const std::string log = content_of(server.path("sshd.log")).substr(before.size());
  CHECK(count_of(log, "Failed password for ") + count_of(log, "PAM: Authentication failure for ") == 1);
}

void check_account(SshServer&& server) {
  std::string password = content_of(server.path("password"));
  password.pop_back();
  REQUIRE(password.size() == 32);
  Lines lines;
  Context ctx;
  ctx.log = &lines;
  const auto opened = open_storage(ctx, server.address(server.data("place")), by_password(password));
  REQUIRE_MESSAGE(opened.ok(), opened.error().to_string());
  CHECK((*opened)->put({}, "a/key", as_bytes("bytes"), {.if_absent = true}).ok());
  CHECK(as_text(*(*opened)->get({}, "a/key", {})) == "bytes");
  CHECK((*opened)->info().name.find(password) == std::string::npos);
  CHECK(lines.text.find(password) == std::string::npos);
  CHECK(content_of(server.path("sshd.log")).find(password) == std::string::npos);
  check_refusal(server);

  // The password is changed in the middle of the work: the refusal is passed on, not waited out.
  std::ofstream(server.path("etc/shadow"))
      << content_of("/etc/shadow") << server.value("USER") << ":!:19000:0:99999:7:::\n";
  server.signal("KILL");
  const auto refused = (*opened)->get(ctx, "a/key", {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::unauthenticated);
  CHECK(lines.text.find(password) == std::string::npos);
}

}  // namespace

TEST_CASE("a password opens, a wrong one is refused once") {
  if (::geteuid() != 0) return check_refusal(SshServer("PasswordAuthentication yes"));
  check_account(SshServer("", "--password"));
}

TEST_CASE("a password answers a server's question, a wrong one is refused once") {
  if (::geteuid() != 0) return check_refusal(SshServer("PasswordAuthentication yes"));
  check_account(SshServer("", "--dialogue"));
}

TEST_CASE("a server that takes no passwords, or wants a second proof, says so") {
  const SshServer keys_alone;
  const auto refused = open_storage({}, keys_alone.address(keys_alone.data("place")), by_password(kWrong));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::unauthenticated);
  CHECK(refused.error().message() == "the server takes no passwords");

  const SshServer both("PasswordAuthentication yes\nAuthenticationMethods publickey,password");
  const auto half = both.open("place");
  REQUIRE_FALSE(half.ok());
  CHECK(half.error().code() == ErrorCode::unauthenticated);
  CHECK_FALSE(half.error().retryable());
  CHECK(half.error().message().find("second proof") != std::string::npos);
}
