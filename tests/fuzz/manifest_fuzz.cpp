// A node of a manifest, as a holder of the index key could make it.
#include "format/manifest.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

namespace {

void check_leaf(ByteView bytes) {
  auto in = format::open_leaf(bytes);
  if (!in) return;
  base::ByteWriter out;
  format::begin_leaf(out);
  std::string previous;
  while (in->left() > 0) {
    const auto record = format::decode_record(*in, previous);
    if (!record) return;
    fuzz::require(format::clean_path(record->entry.path));
    format::encode_record(out, *record, previous);
    previous = record->entry.path;
  }
  fuzz::require(fuzz::same(out.view(), bytes));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = fuzz::view(data, size);
  check_leaf(bytes);
  if (const auto inner = format::decode_inner(bytes)) {
    fuzz::require(fuzz::same(format::encode_inner(inner->level, inner->children), bytes));
  }
  if (const auto extents = format::decode_extents(bytes)) {
    fuzz::require(fuzz::same(format::encode_extents(*extents), bytes));
  }
  return 0;
}
