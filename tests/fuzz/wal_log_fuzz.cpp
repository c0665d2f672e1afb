// What servers write about their log. The first byte chooses: the log itself, a history, a message of the stream, a
// name.
#include <drkit/wal_files.hpp>

#include "fuzz/property.hpp"
#include "systems/postgres/wal_file_name.hpp"
#include "systems/postgres/wal_history.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "systems/postgres/wal_stream.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

void scan(ByteView bytes) {
  Lsn last = 0;
  const auto first = parse_first_page(bytes);
  const auto scanned = scan_wal(bytes, [&](const WalMark& mark) {
    fuzz::require(mark.start >= last && mark.end > mark.start);
    last = mark.end;
    return true;
  });
  fuzz::require(first.ok() == scanned.ok());
  const auto facts = facts_of_segment(bytes);
  if (facts) fuzz::require(facts->restore_points.size() <= 200 && facts->min_xid <= facts->max_xid);
}

void history(std::string_view text) {
  const auto lines = parse_history(text);
  if (!lines) return;
  for (std::size_t at = 1; at < lines->size(); ++at) {
    fuzz::require((*lines)[at - 1].timeline < (*lines)[at].timeline);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = fuzz::view(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      scan(bytes);
      break;
    case 1:
      history(as_text(bytes));
      break;
    case 2:
      if (const auto event = parse_stream_message(bytes)) fuzz::require(event->bytes.size() < bytes.size());
      break;
    default:
      if (const auto file = parse_file_name(as_text(bytes))) {
        const auto object = object_of_file(*file, 1, 1 << 24);
        if (object) fuzz::require(wal_file_of(*object, 1 << 24) == as_text(bytes));
      }
  }
  return 0;
}
