// Runs a fuzz target over stored inputs, for compilers without libFuzzer: fails when there is no input at all.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

// A set, so that the order and with it a crash is the same on every machine.
std::set<fs::path> inputs_of(const std::vector<fs::path>& places) {
  std::set<fs::path> inputs;
  for (const fs::path& place : places) {
    if (!fs::is_directory(place)) {
      inputs.insert(place);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(place)) {
      if (entry.is_regular_file()) inputs.insert(entry.path());
    }
  }
  return inputs;
}

std::optional<std::vector<std::uint8_t>> read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) return std::nullopt;
  // Exactly as large as the input, so that a sanitizer sees the first byte read behind its end.
  bytes.shrink_to_fit();
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  const std::set<fs::path> inputs = inputs_of({argv + 1, argv + argc});
  if (inputs.empty()) {
    std::fputs("no input to replay\n", stderr);
    return 1;
  }
  for (const fs::path& input : inputs) {
    const auto bytes = read(input);
    if (!bytes) {
      std::fprintf(stderr, "cannot read %s\n", input.c_str());
      return 1;
    }
    // Printed before the run: the last line names the input that crashed.
    std::printf("%s\n", input.c_str());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(bytes->data(), bytes->size());
  }
  std::printf("%zu inputs replayed\n", inputs.size());
  return 0;
}
