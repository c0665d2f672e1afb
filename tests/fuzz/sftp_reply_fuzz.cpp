// Answers of SFTP servers: a byte that chooses the kind, the answer's fields.
#include <string>

#include "fuzz/property.hpp"
#include "storage/sftp/packet.hpp"

using namespace drkit;
using namespace drkit::storage::sftp;

namespace {

template <class T>
void require_corrupt(const Result<T>& failed) {
  fuzz::require(failed.error().code() == ErrorCode::corrupt && !failed.error().retryable());
}

// What a listing has: names, lines for people, attributes. Every entry takes bytes, so that a count cannot lie for
// long.
void read_names(std::string_view body) {
  Reader reader(body);
  const auto count = reader.u32();
  if (!count) return require_corrupt(count);
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto name = reader.text();
    if (!name) return require_corrupt(name);
    if (const auto line = reader.text(); !line) return require_corrupt(line);
    const auto attributes = reader.attributes();
    if (!attributes) return require_corrupt(attributes);
    fuzz::require(attributes->is_file() + attributes->is_directory() + attributes->is_link() <= 1);
    bytes += name->size() + 12;
    fuzz::require(bytes <= body.size());
  }
}

// Pairs of texts to the end: what a server says that it can do.
void read_abilities(std::string_view body) {
  Reader reader(body);
  while (!reader.at_end()) {
    const auto text = reader.text();
    if (!text) return require_corrupt(text);
    fuzz::require(text->size() + 4 <= body.size());
  }
}

// What we write is read back as it was.
void write_and_read(std::string_view text) {
  const std::string packet = std::move(Packet(Op::open).text(text).u32(7).u64(1ULL << 40)).finish(42);
  Reader reader(packet);
  fuzz::require(*reader.u32() == packet.size() - 4);
  Reader fields(std::string_view(packet).substr(kHeaderBytes));
  fuzz::require(*fields.text() == text && *fields.u32() == 7 && *fields.u64() == 1ULL << 40 && fields.at_end());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body = as_text(fuzz::view(data + 1, size - 1));
  switch (data[0] % 4) {
    case 0:
      read_names(body);
      break;
    case 1:
      read_abilities(body);
      break;
    case 2: {
      const auto status = status_of({static_cast<Op>(101), std::string(body)});
      if (!status) require_corrupt(status);
      require_corrupt(status_of({Op::data, std::string(body)}));
      break;
    }
    default:
      write_and_read(body);
  }
  return 0;
}
