// The storage itself.
#pragma once

#include <atomic>

#include "storage/s3/client.hpp"
#include "storage/s3/conditional.hpp"

namespace drkit::storage::s3 {

class Bucket final : public S3Storage {
 public:
  /// REQUIRES: valid options.
  Bucket(S3Options options, Transport transport);

  /// What make_s3_storage promises of conditional creation.
  Result<void> open(const Context& ctx);

  StorageInfo info() const override;
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override;
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override;
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override;
  Result<void> remove(const Context& ctx, std::string_view key) override;
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override;

  Result<S3Retention> retention(const Context& ctx, std::string_view key) override;
  Result<void> extend_retention(const Context& ctx, std::string_view key, std::int64_t until_ns) override;
  Result<void> set_legal_hold(const Context& ctx, std::string_view key, bool on) override;
  Result<std::uint64_t> abort_uploads(const Context& ctx, std::int64_t begun_before_ns) override;

 private:
  std::string object_of(std::string_view key) const;
  std::string_view key_of(std::string_view object) const;

  Result<ObjectInfo> head(const Context& ctx, std::string_view key);
  Result<Bytes> get_range(const Context& ctx, std::string_view key, ByteRange range);
  Result<Bytes> get_whole(const Context& ctx, std::string_view key);
  Result<Bytes> past_end(const Context& ctx, std::string_view key, ByteRange range);

  enum class Condition : std::uint8_t { none, if_absent };
  Result<void> put_whole(const Context& ctx, const std::string& object, ByteView bytes, Condition condition);
  Result<void> put_absent(const Context& ctx, std::string_view key, ByteView bytes);
  Result<void> put_absent_looking(const Context& ctx, std::string_view key, ByteView bytes, Condition condition);

  /// Once in a storage's life: that the server locks what it is asked to lock.
  Result<void> confirm_lock(const Context& ctx, std::string_view key);
  Result<void> remove_latest(const Context& ctx, const std::string& object);
  Result<void> remove_versions(const Context& ctx, const std::string& object);
  Result<void> put_document(const Context& ctx, std::string_view key, const char* resource, const std::string& body);
  Result<std::string> get_document(const Context& ctx, std::string_view key, const char* resource);

  const S3Options options_;
  Client client_;
  ConditionalCreate conditional_;
  KeyLocks creating_;
  std::atomic<bool> lock_confirmed_{false};
};

/// make_s3_storage over a transport of the caller's, for tests.
Result<std::shared_ptr<Bucket>> make_bucket(const Context& ctx, S3Options options, Transport transport);

}  // namespace drkit::storage::s3
