#include "checks/file_digests/file_digests.hpp"

#include "base/hex.hpp"
#include "crypto/sha256.hpp"

namespace drkit::checks {
namespace {

class DigestObserver final : public ContentObserver {
 public:
  void begin_file(const Entry&) override { size_ = 0; }
  void data(ByteView bytes) override {
    hash_.update(bytes);
    size_ += bytes.size();
    bytes_ += bytes.size();
  }
  void end_file(const Entry& entry, bool readable, const FindingSink& report) override {
    const Sha256Digest digest = hash_.finish();
    ++files_;
    if (!readable) return;
    if (size_ != entry.size_bytes) {
      report({Severity::damage, "file_size", entry.path,
              "has " + std::to_string(size_) + " bytes, expected " + std::to_string(entry.size_bytes)});
    } else if (entry.sha256 != Sha256Digest{} && digest != entry.sha256) {
      report({Severity::damage, "file_digest", entry.path,
              "SHA-256 is " + base::to_hex(digest) + ", expected " + base::to_hex(entry.sha256)});
    }
  }
  Result<CheckSummary> finish(const FindingSink&) override {
    return CheckSummary{files_, std::to_string(bytes_) + " plain bytes hashed"};
  }

 private:
  crypto::Sha256 hash_;
  std::uint64_t size_ = 0;
  std::uint64_t files_ = 0;
  std::uint64_t bytes_ = 0;
};

class FileDigestsCheck final : public Check {
 public:
  CheckInfo info() const override { return {"file_digests", CheckLevel::files}; }
  bool applies_to(const Snapshot&) const override { return true; }
  Result<std::unique_ptr<ContentObserver>> observe(const Context&, const CheckInput&) override {
    return std::unique_ptr<ContentObserver>(std::make_unique<DigestObserver>());
  }
};

}  // namespace

std::unique_ptr<Check> make_file_digests_check() { return std::make_unique<FileDigestsCheck>(); }

}  // namespace drkit::checks
