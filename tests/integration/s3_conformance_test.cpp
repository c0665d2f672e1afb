// The suite that every storage passes, over real servers of different make.
#include <doctest/doctest.h>

#include <drkit/spi/conformance.hpp>
#include <drkit/storage.hpp>

#include "integration/s3_support.hpp"

using namespace drkit;
using namespace drkit::test;

namespace {

using Wrap = std::function<StoragePtr(StoragePtr)>;

void check_suite(const std::function<S3Options()>& options, std::size_t least, const Wrap& wrap = nullptr) {
  const auto results = run_storage_suite({}, [&]() -> Result<StoragePtr> {
    StoragePtr storage = s3_fresh(options());
    return wrap ? wrap(std::move(storage)) : storage;
  });
  CHECK(results.size() >= least);
  for (const CaseResult& result : results) {
    INFO(result.name);
    CHECK_MESSAGE(!result.failure.has_value(), result.failure.value_or(""));
  }
}

}  // namespace

TEST_CASE("Ceph's gateway: the suite in clear text") {
  const std::string bucket = s3_bucket(rgw());
  check_suite([&] { return s3_options(rgw(), bucket); }, 18);
}

TEST_CASE("Ceph's gateway: the suite over TLS") {
  const std::string bucket = s3_bucket(rgw());
  check_suite([&] { return s3_options(rgw(), bucket, true); }, 18);
}

// It reads an object's tag and its bytes in two steps, so a reader beside a writer may get the tag of one object with
// the bytes of the next; what open_storage puts around every storage asks again.
TEST_CASE("versitygw: the suite in clear text, over TLS, with versions, and without conditional creation") {
  const auto suite = [](const VersityGw& gateway, S3Choice conditional, std::size_t least, bool versions = false) {
    const std::string bucket = s3_bucket(gateway.server(), versions);
    check_suite(
        [&] {
          S3Options options = s3_options(gateway.server(), bucket);
          options.conditional_create = conditional;
          options.remove_versions = versions;
          return options;
        },
        least,
        [](StoragePtr storage) {
          return with_retry(std::move(storage), {.first_delay = std::chrono::milliseconds(5)});
        });
  };
  SUBCASE("clear text") { suite(VersityGw(), S3Choice::detect, 18); }
  SUBCASE("TLS") { suite(VersityGw("--tls"), S3Choice::detect, 18); }
  SUBCASE("a versioned bucket, every version removed") { suite(VersityGw(), S3Choice::detect, 18, true); }
  SUBCASE("without conditional creation") { suite(VersityGw(), S3Choice::no, 17); }
}
