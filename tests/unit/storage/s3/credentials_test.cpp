// Where credentials come from: each place, their order, and what each says when it fails.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include <drkit/storage_s3.hpp>

#include "storage/s3/credential_cache.hpp"
#include "storage/s3/profiles.hpp"
#include "storage/s3/program.hpp"
#include "testing/fake_clock.hpp"
#include "testing/scripted_server.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::storage::s3;
using drkit::testing::ScriptedServer;
using drkit::testing::TempDir;

namespace {

using Variables = std::map<std::string, std::string>;

AwsPlaces places(Variables variables, std::string profile = "") {
  AwsPlaces where;
  variables.try_emplace("AWS_EC2_METADATA_DISABLED", "true");
  where.environment = [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  where.profile = std::move(profile);
  return where;
}

Result<S3Credentials> fetch(const AwsPlaces& where) { return aws_credentials(where)->fetch({}); }

// "id/secret/token"
std::string shown(const AwsPlaces& where) {
  const auto found = fetch(where);
  if (!found) return found.error().to_string();
  return found->access_key_id + "/" + std::string(as_text(found->secret_access_key.view())) + "/" +
         std::string(as_text(found->session_token.view()));
}

void write(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
}

// A home with the two shared files.
struct Home {
  TempDir dir;
  Home(const std::string& config, const std::string& credentials) {
    ::mkdir((dir / ".aws").c_str(), 0700);
    write(dir / ".aws/config", config);
    write(dir / ".aws/credentials", credentials);
  }
  Variables variables(Variables more = {}) const {
    more["HOME"] = dir.path();
    return more;
  }
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string role_answer(const std::string& action) {
  return ScriptedServer::response(
      "200 OK", "<" + action + "Response><" + action +
                    "Result><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>RS</SecretAccessKey>"
                    "<SessionToken>RT</SessionToken><Expiration>2040-01-01T00:00:00Z</Expiration></Credentials></" +
                    action + "Result></" + action + "Response>");
}

}  // namespace

TEST_CASE("environment variables come first, unless a profile is named") {
  const Home home("", "[work]\naws_access_key_id = FILE\naws_secret_access_key = filesecret\n");
  const Variables keys = home.variables(
      {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "envsecret"}, {"AWS_SESSION_TOKEN", "envtoken"}});
  CHECK(shown(places(keys)) == "ENV/envsecret/envtoken");
  CHECK(shown(places(keys, "work")) == "FILE/filesecret/");
  const auto half = fetch(places({{"AWS_ACCESS_KEY_ID", "ENV"}}));
  REQUIRE_FALSE(half.ok());
  CHECK(half.error().code() == ErrorCode::unauthenticated);
}

TEST_CASE("nothing anywhere says what was tried; the default reads no environment") {
  const auto none = fetch(places({}));
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code() == ErrorCode::unauthenticated);
  CHECK(has(none.error().message(), "AWS_ACCESS_KEY_ID"));
  ::setenv("AWS_ACCESS_KEY_ID", "REAL", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "realsecret", 1);
  CHECK(shown(aws_places_from_environment()) == "REAL/realsecret/");
  AwsPlaces nowhere;
  CHECK(aws_settings(nowhere)->region.empty());
  ::unsetenv("AWS_ACCESS_KEY_ID");
  ::unsetenv("AWS_SECRET_ACCESS_KEY");
}

TEST_CASE("the shared files: profiles, which file wins, region and endpoint") {
  const Home home(
      "# comment\n[default]\nregion = eu-west-3\naws_access_key_id = CONFIG\naws_secret_access_key = c\n"
      "s3 =\n  addressing_style = path\n\n[profile  other ]\nregion=us-west-2\nendpoint_url = https://s3.example\n"
      "ca_bundle=/ca.pem\n[sso-session x]\nnonsense=1\n",
      "[default]\naws_access_key_id=CREDENTIALS\naws_secret_access_key = s+/=\n[other]\naws_access_key_id=OTHER\n"
      "aws_secret_access_key=o\naws_session_token = t\n");
  CHECK(shown(places(home.variables())) == "CREDENTIALS/s+/=/");
  CHECK(shown(places(home.variables({{"AWS_PROFILE", "other"}}))) == "OTHER/o/t");
  CHECK(aws_settings(places(home.variables()))->region == "eu-west-3");
  const auto other = aws_settings(places(home.variables(), "other"));
  CHECK(other->region == "us-west-2");
  CHECK(other->endpoint == "https://s3.example");
  CHECK(other->ca_file == "/ca.pem");
  CHECK(aws_settings(places(home.variables({{"AWS_REGION", "sa-east-1"}})))->region == "sa-east-1");
  const auto missing = fetch(places(home.variables(), "nobody"));
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("a malformed file is named with its line, and nothing of the line is shown") {
  const Home home("", "[default]\naws_access_key_id = A\nsupersecretline\n");
  const auto broken = fetch(places(home.variables()));
  REQUIRE_FALSE(broken.ok());
  CHECK(broken.error().code() == ErrorCode::invalid_argument);
  const std::string text = broken.error().to_string();
  CHECK(has(text, "line=3"));
  CHECK(has(text, ".aws/credentials"));
  CHECK_FALSE(has(text, "supersecret"));
  for (const char* wrong : {"key = before any section\n", "[open\n", "[a]\n= value\n"}) {
    CHECK_FALSE(parse_profiles(wrong, ProfileFile::credentials).ok());
  }
}

TEST_CASE("credential_process: words are quoted as in a shell, its output is taken, its failure is named") {
  CHECK(*split_command(R"(  a 'b c'  "d \"e" f\ g '')") == std::vector<std::string>{"a", "b c", "d \"e", "f g", ""});
  CHECK_FALSE(split_command("a 'b").ok());
  CHECK_FALSE(split_command("  ").ok());
  TempDir dir;
  const auto with_program = [&](const std::string& script) {
    write(dir / "program", "#!/bin/sh\n" + script, 0700);
    return Home("[default]\ncredential_process = '" + (dir / "program") + "' one\n", "");
  };
  const Home good =
      with_program(R"(printf '{"Version":1,"AccessKeyId":"P-%s","SecretAccessKey":"ps","SessionToken":"pt",)"
                   R"("Expiration":"2040-01-01T00:00:00Z"}' "$1"; echo noise >&2)");
  CHECK(shown(places(good.variables())) == "P-one/ps/pt");
  CHECK(fetch(places(good.variables()))->expires_ns == 2'208'988'800'000'000'000);
  for (const char* bad : {"exit 3", "echo '{\"AccessKeyId\":\"only\"}'", "echo supersecret",
                          "yes supersecret | head -c 100000", "kill -9 $$"}) {
    CAPTURE(bad);
    const Home home = with_program(bad);
    const auto failed = fetch(places(home.variables()));
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().code() == ErrorCode::unauthenticated);
    CHECK_FALSE(has(failed.error().to_string(), "supersecret"));
  }
  const Home missing("[default]\ncredential_process = /nowhere/program\n", "");
  CHECK(fetch(places(missing.variables())).error().code() == ErrorCode::unauthenticated);
}

TEST_CASE("a credential_process that hangs is ended when the caller cancels") {
  Context ctx;
  std::jthread canceller([&ctx] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ctx.cancel.cancel();
  });
  const auto start = std::chrono::steady_clock::now();
  const auto output = run_program(ctx, {"sleep", "20"});
  REQUIRE_FALSE(output.ok());
  CHECK(output.error().code() == ErrorCode::cancelled);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("a web identity token is changed for a role, in a form and not in an address") {
  TempDir dir;
  write(dir / "token", "identity+token\n");
  std::string asked;
  std::mutex mutex;
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    asked = request;
    return role_answer("AssumeRoleWithWebIdentity");
  }));
  const Variables variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", dir / "token"},
                               {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
                               {"AWS_ROLE_SESSION_NAME", "me"},
                               {"AWS_ENDPOINT_URL_STS", server.url("")}};
  CHECK(shown(places(variables)) == "ROLE/RS/RT");
  CHECK(asked.starts_with("POST / HTTP/1.1"));
  CHECK(has(asked, "WebIdentityToken=identity%2Btoken"));
  CHECK(has(asked, "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"));
  CHECK_FALSE(has(asked, "uthorization:"));
}

TEST_CASE("a profile's role is taken on with another profile's keys, signed, and never in a circle") {
  std::string asked;
  std::mutex mutex;
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    asked = request;
    return role_answer("AssumeRole");
  }));
  const Home home(
      "[profile role]\nrole_arn = arn:r\nsource_profile = base\nexternal_id = x1\nregion = eu-central-1\n"
      "[profile a]\nrole_arn = arn:a\nsource_profile = b\n[profile b]\nrole_arn = arn:b\nsource_profile = a\n"
      "[profile web]\nsso_start_url = https://x\n",
      "[base]\naws_access_key_id = BASE\naws_secret_access_key = bs\n");
  const Variables variables = home.variables({{"AWS_ENDPOINT_URL_STS", server.url("")}});
  CHECK(shown(places(variables, "role")) == "ROLE/RS/RT");
  CHECK(has(asked, "Credential=BASE/"));
  CHECK(has(asked, "/eu-central-1/sts/aws4_request"));
  CHECK(has(asked, "ExternalId=x1"));
  CHECK(fetch(places(variables, "a")).error().code() == ErrorCode::invalid_argument);
  CHECK(fetch(places(variables, "web")).error().code() == ErrorCode::unsupported);
}

TEST_CASE("the container service, with its token, and only where it may be asked in clear text") {
  TempDir dir;
  write(dir / "token", "container-token\n");
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    if (!has(request, "uthorization: container-token")) return ScriptedServer::response("401 Unauthorized", "");
    return ScriptedServer::response("200 OK", R"({"AccessKeyId":"C","SecretAccessKey":"cs","Token":"ct",)"
                                              R"("Expiration":"2040-01-01T00:00:00Z"})");
  }));
  const std::string uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  CHECK(shown(places({{uri, server.url("/get")}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", dir / "token"}})) ==
        "C/cs/ct");
  CHECK(shown(places({{uri, server.url("/get")}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"}})) ==
        "C/cs/ct");
  const auto refused = fetch(places({{uri, server.url("/get")}}));
  CHECK(refused.error().code() == ErrorCode::unauthenticated);
  const auto elsewhere = fetch(places({{uri, "http://192.0.2.1/get"}}));
  CHECK(elsewhere.error().code() == ErrorCode::invalid_argument);
  const auto split = fetch(places({{uri, server.url("/get")}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nX: y"}}));
  CHECK(split.error().code() == ErrorCode::unauthenticated);
}

TEST_CASE("instance metadata: a session first, then the role; no role and no service are no credentials") {
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    if (request.starts_with("PUT /latest/api/token ")) {
      return has(request, "x-aws-ec2-metadata-token-ttl-seconds: 21600") ? ScriptedServer::response("200 OK", "session")
                                                                         : ScriptedServer::response("400 Bad", "");
    }
    if (!has(request, "x-aws-ec2-metadata-token: session")) return ScriptedServer::response("401 Unauthorized", "");
    if (has(request, "/security-credentials/ ")) return ScriptedServer::response("200 OK", "the-role\n");
    return ScriptedServer::response("200 OK",
                                    R"({"Code":"Success","AccessKeyId":"I","SecretAccessKey":"is","Token":"it",)"
                                    R"("Expiration":"2040-01-01T00:00:00Z"})");
  }));
  const Variables here = {{"AWS_EC2_METADATA_DISABLED", "false"},
                          {"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url("")}};
  CHECK(shown(places(here)) == "I/is/it");
  Variables off = here;
  off["AWS_EC2_METADATA_DISABLED"] = "true";
  CHECK_FALSE(fetch(places(off)).ok());
  const ScriptedServer roleless(ScriptedServer::answering([](const std::string& request) {
    return request.starts_with("PUT") ? ScriptedServer::response("200 OK", "s")
                                      : ScriptedServer::response("404 Not Found", "");
  }));
  Variables none = here;
  none["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = roleless.url("");
  CHECK(fetch(places(none)).error().code() == ErrorCode::unauthenticated);
}

TEST_CASE("credentials are renewed before they expire, and old ones serve while they hold") {
  struct Lasting final : S3CredentialsProvider {
    int asked = 0;
    bool fails = false;
    Result<S3Credentials> fetch(const Context& ctx) override {
      ++asked;
      if (fails) return Error(ErrorCode::unavailable, "down", Retry::yes);
      return S3Credentials{
          "ID" + std::to_string(asked), Secret::from_text("s"), {}, ctx.clock->wall_ns() + 3'600'000'000'000};
    }
  };
  testing::FakeClock clock;
  Context ctx;
  ctx.clock = &clock;
  const auto provider = std::make_shared<Lasting>();
  CredentialCache cache(provider);
  const auto id = [&] {
    const auto got = cache.get(ctx);
    return got.ok() ? (*got)->access_key_id : got.error().message();
  };
  CHECK(id() == "ID1");
  REQUIRE(clock.sleep_for(std::chrono::minutes(49), {}).ok());
  CHECK(id() == "ID1");
  REQUIRE(clock.sleep_for(std::chrono::minutes(2), {}).ok());
  CHECK(id() == "ID2");
  provider->fails = true;
  REQUIRE(clock.sleep_for(std::chrono::minutes(55), {}).ok());
  CHECK(id() == "ID2");
  REQUIRE(clock.sleep_for(std::chrono::minutes(6), {}).ok());
  CHECK(id() == "down");
  provider->fails = false;
  CHECK(id().starts_with("ID"));
  const auto used = cache.get(ctx);
  cache.discard(*used);
  CHECK((*cache.get(ctx))->access_key_id != (*used)->access_key_id);
}

TEST_CASE("addresses become options, and what is wrong in them is named") {
  const AwsPlaces where = places({{"AWS_REGION", "eu-west-1"}, {"AWS_ENDPOINT_URL", "http://127.0.0.1:9000/"}});
  const auto options = s3_options_from_address(
      "s3://bucket/a/b/?region=x-1&path_style=false&part_size=16M&storage_class=GLACIER_IR&sse=aws:kms&kms_key_id=k"
      "&object_lock=compliance&retain_days=30&legal_hold=true&requester_pays=true&tags=a%3D1,b%3D2&stall_seconds=5",
      where);
  REQUIRE_MESSAGE(options.ok(), options.error().to_string());
  CHECK(options->bucket == "bucket");
  CHECK(options->prefix == "a/b");
  CHECK(options->region == "x-1");
  CHECK(options->endpoint == "http://127.0.0.1:9000");
  CHECK(options->path_style == S3Choice::no);
  CHECK(options->part_size_bytes == std::size_t{16} << 20);
  CHECK(options->encryption == S3Encryption::kms);
  CHECK(options->lock_mode == S3LockMode::compliance);
  CHECK(options->retain_days == 30);
  CHECK(options->tags.at("b") == "2");
  CHECK(options->stall_timeout == std::chrono::seconds(5));
  CHECK(s3_options_from_address("s3://bucket", where)->region == "eu-west-1");
  for (const char* wrong : {"s3:bucket", "s3://user@bucket", "s3://bucket:80", "s3://bucket?what=1",
                            "s3://bucket?sse=x", "s3://bucket?part_size=many", "s3://bucket?path_style=maybe",
                            "s3://bucket?object_lock=x", "s3://bucket?secret_access_key=x", "file:///bucket"}) {
    CHECK(s3_options_from_address(wrong, where).error().code() == ErrorCode::invalid_argument);
  }
  CHECK(s3_options_from_address("s3://bucket?sse_customer_key_file=/nowhere", where).error().code() ==
        ErrorCode::not_found);
  for (const char* wrong : {"s3://bucket?part_size=1M", "s3://bucket?object_lock=governance",
                            "s3://bucket?retain_days=2", "s3://bucket/a//b", "s3://bucket/a/../b", "s3://b",
                            "s3://bucket?endpoint=ftp://x", "s3://bucket?region=a/b", "s3://bucket?kms_key_id=k"}) {
    CAPTURE(wrong);
    auto parsed = s3_options_from_address(wrong, where);
    REQUIRE(parsed.ok());
    CHECK(make_s3_storage({}, std::move(*parsed)).error().code() == ErrorCode::invalid_argument);
  }
}
