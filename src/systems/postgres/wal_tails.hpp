// The tails that a receiver writes, one after the other.
#pragma once

#include <memory>

#include "systems/postgres/patient_archive.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

/// Thread-safety: one thread at a time.
class TailWriter {
 public:
  explicit TailWriter(const PatientArchive& archive) : archive_(archive) {}

  struct Added {
    bool done = false;        ///< else the piece is to be put by itself
    bool full = false;        ///< no more will be added to the tail
    bool in_the_way = false;  ///< a killed receiver's tail of the same name is: not done
    Lsn first = 0;            ///< where the tail begins
  };
  /// Adds the piece to the tail that ends there, or to a new one at the beginning of a segment, behind a full tail and
  /// behind anything else.
  Added add(const Context& ctx, const WalName& piece, ByteView bytes, bool begins_segment);

 private:
  Result<void> begin(const Context& ctx, const WalName& first);
  static void tell(const Context& ctx, const Error& why);

  const PatientArchive& archive_;
  bool possible_ = true;  ///< as far as is known
  std::unique_ptr<WalTail> tail_;
  Lsn first_ = 0, end_ = 0;
};

}  // namespace drkit::systems::postgres
