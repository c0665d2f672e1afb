// What the opaque handles hold.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <drkit/check.hpp>
#include <drkit/repository.hpp>
#include <drkit/restore.hpp>
#include <drkit/spi/source.hpp>

#include "context.hpp"

struct drk_storage {
  drkit::StoragePtr storage;
};

struct drk_repository {
  explicit drk_repository(drkit::Repository value) : repository(std::move(value)), id(repository.id()) {}
  drkit::Repository repository;
  std::string id;
};

/// Stays where it is made: the pairs point into the value.
struct drk_snapshot {
  explicit drk_snapshot(drkit::Snapshot value);
  drk_snapshot(const drk_snapshot&) = delete;
  drk_snapshot& operator=(const drk_snapshot&) = delete;

  drkit::Snapshot value;
  std::vector<drk_pair> tags;
  std::vector<drk_pair> receipt;
};

struct drk_source {
  std::unique_ptr<drkit::Source> source;
};

namespace drkit::capi {

Result<void> fill_problem(const std::vector<Problem>& problems, std::size_t index, drk_problem* out);
Result<Snapshot> find_snapshot(const Context& ctx, const drk_repository* repository, const char* name);

/// An Entry as C sees it; borrows from the Entry.
class EntryView {
 public:
  explicit EntryView(const Entry& entry);
  const drk_entry* get() const { return &view_; }

 private:
  std::vector<drk_xattr> xattrs_;
  drk_entry view_ = DRK_ENTRY_INIT;
};

}  // namespace drkit::capi
