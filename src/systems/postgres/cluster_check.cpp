#include "systems/postgres/cluster_check.hpp"

#include <algorithm>
#include <array>

namespace drkit::systems::postgres {
namespace {

constexpr std::string_view kControlPath = "global/pg_control";
constexpr std::string_view kWalFolder = "pg_wal/";
constexpr std::size_t kMaxControlBytes = 8192;

// Files that a backup has without the manifest listing them, or that may be changed by hand afterwards.
bool may_be_unknown(std::string_view path) {
  constexpr std::array<std::string_view, 3> kNames{"postgresql.auto.conf", "recovery.signal", "standby.signal"};
  return path.starts_with(kWalFolder) || std::find(kNames.begin(), kNames.end(), path) != kNames.end();
}

}  // namespace

Result<ClusterCheck> ClusterCheck::make(std::string_view manifest) {
  ClusterCheck check;
  DRKIT_ASSIGN(check.facts_, read_backup_manifest(manifest, [&check](const ManifestFile& file) -> Result<void> {
                 if (check.expected_.emplace(file.path, Expected{file, false}).second) return {};
                 return Error(ErrorCode::corrupt, "the backup manifest names a file twice").with("path", file.path);
               }));
  for (const WalRange& range : check.facts_.wal_ranges) {
    if (check.start_lsn_ == 0 || range.start < check.start_lsn_) check.start_lsn_ = range.start;
  }
  return check;
}

void ClusterCheck::add(Findings& list, Finding finding) const {
  if (list.size() < kMaxFindings) list.push_back(std::move(finding));
}

void ClusterCheck::add(Severity severity, std::string code, std::string message) {
  add(findings_, {severity, std::move(code), path_, std::move(message)});
}

void ClusterCheck::begin_file(std::string path) {
  path_ = std::move(path);
  size_ = 0;
  crc_ = {};
  sha_.reset();
  pages_.reset();
  control_text_.clear();
  const auto found = expected_.find(path_);
  if (found != expected_.end() && found->second.file.algorithm == "SHA256") sha_.emplace();
  if (const auto segment = relation_segment(path_)) pages_.emplace(*segment, start_lsn_);
}

void ClusterCheck::update(ByteView bytes) {
  size_ += bytes.size();
  if (sha_) {
    sha_->update(bytes);
  } else {
    crc_.update(bytes);
  }
  if (pages_) pages_->update(bytes);
  if (path_ == kControlPath && control_text_.size() < kMaxControlBytes) {
    control_text_.append(as_text(bytes.first(std::min(bytes.size(), kMaxControlBytes - control_text_.size()))));
  }
}

void ClusterCheck::end_file() {
  if (path_ == kControlPath) control_ = parse_control_file(as_bytes(control_text_));
  if (path_.starts_with(kWalFolder)) wal_[path_.substr(kWalFolder.size())] = size_;
  if (pages_) end_pages();
  const auto found = expected_.find(path_);
  if (found != expected_.end()) {
    compare(found->second);
  } else if (!may_be_unknown(path_)) {
    add(Severity::warning, "file_unknown", "the backup manifest does not list this file");
  }
}

void ClusterCheck::compare(Expected& expected) {
  expected.seen = true;
  const ManifestFile& file = expected.file;
  if (file.size_bytes != size_) {
    add(Severity::error, "file_size", std::to_string(size_) + " bytes instead of " + std::to_string(file.size_bytes));
    return;
  }
  if (file.algorithm.empty()) return;
  if (file.algorithm != "CRC32C" && !sha_) {
    add(Severity::warning, "checksum_unchecked", "a checksum of kind " + file.algorithm + " cannot be checked");
    return;
  }
  const std::string found = sha_ ? to_hex(sha_->finish()) : manifest_crc32c(crc_.value());
  if (found != file.checksum) {
    add(Severity::error, "file_checksum", "the content has checksum " + found + " instead of " + file.checksum);
  }
}

void ClusterCheck::end_pages() {
  torn_ += pages_->torn_pages();
  for (const BadPage& page : pages_->bad()) {
    const std::string block = "block " + std::to_string(page.block);
    add(page_findings_, {Severity::error, "page_checksum", path_,
                         page.computed == 0 ? block + " claims to be new but is not empty"
                                            : block + " has checksum " + std::to_string(page.stored) + " instead of " +
                                                  std::to_string(page.computed)});
  }
  if (pages_->bad_pages() > pages_->bad().size()) {
    add(page_findings_, {Severity::error, "page_checksum", path_,
                         std::to_string(pages_->bad_pages()) + " bad pages in all, the first are listed"});
  }
  if (pages_->trailing_bytes() != 0) {
    add(page_findings_, {Severity::warning, "page_cut", path_, "the file ends in the middle of a page"});
  }
}

void ClusterCheck::check_control(Findings& findings) const {
  const auto complain = [&](std::string code, std::string message) {
    add(findings, {Severity::error, std::move(code), std::string(kControlPath), std::move(message)});
  };
  if (!control_) return complain("control_file", "the file is missing");
  if (!control_->ok()) return complain("control_file", control_->error().message());
  const ControlFile& control = control_->value();
  if (facts_.system_id && *facts_.system_id != control.system_id) {
    complain("system_id", "the manifest is that of system " + std::to_string(*facts_.system_id) +
                              ", the files are those of " + std::to_string(control.system_id));
  }
  for (Finding& finding : check_wal_present(wal_, facts_.wal_ranges, control.wal_segment_bytes)) {
    add(findings, std::move(finding));
  }
}

Findings ClusterCheck::finish() {
  Findings findings = std::move(findings_);
  for (const auto& [path, expected] : expected_) {
    if (!expected.seen) add(findings, {Severity::error, "file_missing", path, "the backup lacks this file"});
  }
  check_control(findings);
  const bool has_control = control_ && control_->ok();
  const bool checkable = has_control && control_->value().checksum_version != 0 &&
                         control_->value().block_bytes == kPageBytes &&
                         control_->value().segment_pages == kPagesPerSegment;
  if (checkable) {
    for (Finding& finding : page_findings_) add(findings, std::move(finding));
  } else {
    add(findings, {Severity::info, "pages_unchecked", "", "pages have no checksums that could be checked"});
  }
  return findings;
}

}  // namespace drkit::systems::postgres
