// A tar stream; the first byte says in what pieces it arrives. The pieces must make no difference.
#include "fuzz/property.hpp"
#include "systems/postgres/tar_reader.hpp"

using namespace drkit;
using drkit::systems::postgres::TarEvent;
using drkit::systems::postgres::TarReader;

namespace {

std::string read_all(ByteView archive, std::size_t piece) {
  TarReader reader;
  std::string seen;
  for (std::size_t at = 0; at < archive.size(); at += piece) {
    ByteView input = archive.subspan(at, std::min(piece, archive.size() - at));
    while (true) {
      const auto event = reader.next(input);
      if (!event) return seen + "E";
      if (event->kind == TarEvent::Kind::need_more) break;
      if (event->kind == TarEvent::Kind::entry) seen += "N" + reader.entry().path + "\n" + reader.entry().link_target;
      if (event->kind == TarEvent::Kind::data) seen += as_text(event->data);
      if (event->kind == TarEvent::Kind::entry_end) seen += "n";
      if (event->kind == TarEvent::Kind::archive_end) seen += "A";
    }
  }
  return seen + (reader.finish().ok() ? "F" : "U");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView archive = fuzz::view(data + 1, size - 1);
  fuzz::require(read_all(archive, archive.size()) == read_all(archive, data[0] * std::size_t{3} + 1));
  return 0;
}
