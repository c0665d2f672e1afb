// The suite that every storage passes, over real servers of different make.
#include <doctest/doctest.h>

#include <drkit/spi/conformance.hpp>
#include <drkit/storage.hpp>

#include "integration/s3_support.hpp"

using namespace drkit;
using namespace drkit::test;

namespace {

void check_suite(const std::function<S3Options()>& options, std::size_t least) {
  const auto results = run_storage_suite({}, [&]() -> Result<StoragePtr> { return StoragePtr(s3_fresh(options())); });
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

TEST_CASE("Ceph's gateway: the suite in a versioned bucket, every version removed") {
  const std::string bucket = s3_bucket(rgw(), true);
  check_suite(
      [&] {
        S3Options options = s3_options(rgw(), bucket);
        options.remove_versions = true;
        return options;
      },
      18);
}

TEST_CASE("versitygw: the suite in clear text, over TLS, and in virtual-host style") {
  SUBCASE("clear text") {
    const VersityGw gateway;
    const std::string bucket = s3_bucket(gateway.server());
    check_suite([&] { return s3_options(gateway.server(), bucket); }, 18);
  }
  SUBCASE("TLS") {
    const VersityGw gateway("--tls");
    const std::string bucket = s3_bucket(gateway.server());
    check_suite([&] { return s3_options(gateway.server(), bucket); }, 18);
  }
}

TEST_CASE("without conditional creation the suite passes but for the race between processes") {
  const std::string bucket = s3_bucket(rgw());
  check_suite(
      [&] {
        S3Options options = s3_options(rgw(), bucket);
        options.conditional_create = S3Choice::no;
        return options;
      },
      17);
}
