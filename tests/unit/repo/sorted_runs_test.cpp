#include "repo/sorted_runs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "repo/index.hpp"
#include "testing/seeded_random.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::repo;
using drkit::testing::SeededRandom;
using drkit::testing::TempDir;

namespace {

// Few distinct beginnings, so that blocks and fences meet equal prefixes.
format::ChunkId some_id(SeededRandom& random) {
  format::ChunkId id{};
  random.fill(id);
  if (random.below(2) == 0) std::fill_n(id.begin(), 8, static_cast<std::byte>(random.below(3)));
  return id;
}

Location some_location(std::uint32_t number) {
  return {number, number + 1, number + 2, number + 3, number + 4, number + 5, 1};
}

bool same(const Location& a, const Location& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

TEST_CASE("every id is found in its place and no other is, through spills and merges") {
  for (const std::size_t rows_in_memory : {1U, 2U, 63U, 64U, 65U, 500U}) {
    CAPTURE(rows_in_memory);
    const TempDir dir;
    SeededRandom random(rows_in_memory);
    SortedRuns runs(dir.path(), rows_in_memory);
    std::map<format::ChunkId, std::vector<Location>> model;
    std::vector<format::ChunkId> ids;
    const std::uint32_t count = rows_in_memory < 10 ? 400 : 5000;
    for (std::uint32_t i = 0; i < count; ++i) {
      const bool again = !ids.empty() && random.below(10) == 0;
      const format::ChunkId id = again ? ids[static_cast<std::size_t>(random.below(ids.size()))] : some_id(random);
      ids.push_back(id);
      REQUIRE(runs.add({id, some_location(i)}).ok());
      model[id].push_back(some_location(i));
    }
    for (const auto& [id, locations] : model) {
      const auto found = runs.find(id);
      REQUIRE(found.ok());
      REQUIRE(found->has_value());
      CHECK(std::any_of(locations.begin(), locations.end(), [&](const Location& l) { return same(l, **found); }));
      const auto all = runs.find_all(id, count);
      REQUIRE(all.ok());
      REQUIRE(all->size() == locations.size());
      for (const Location& l : locations) {
        CHECK(std::any_of(all->begin(), all->end(), [&](const Location& other) { return same(l, other); }));
      }
      CHECK(runs.find_all(id, 2)->size() == std::min<std::size_t>(2, locations.size()));
      format::ChunkId near = id;
      near[31] ^= std::byte{1};
      if (!model.contains(near)) CHECK_FALSE(runs.find(near)->has_value());
    }
    for (int i = 0; i < 200; ++i) {
      const format::ChunkId id = some_id(random);
      CHECK(runs.find(id)->has_value() == model.contains(id));
    }
    for (const std::byte edge : {std::byte{0}, std::byte{0xff}}) {
      format::ChunkId id{};
      id.fill(edge);
      CHECK(runs.find(id)->has_value() == model.contains(id));
    }
  }
}

TEST_CASE("an index that could not take a whole pack takes it when asked again") {
  const TempDir dir;
  Index index(dir / "missing");
  format::PackInfo pack;
  pack.name.fill(std::byte{7});
  SeededRandom random(1);
  pack.directory.resize(1);
  pack.directory[0].sealed_bytes = 100;
  // More than stays in memory: the spool is needed, and is not there.
  for (int i = 0; i < 70'000; ++i) {
    format::ChunkSlot slot;
    random.fill(slot.id);
    slot.plain_bytes = 1;
    pack.directory[0].chunks.push_back(slot);
  }
  CHECK_FALSE(index.add(pack).ok());
  CHECK_FALSE(index.knows_pack(pack.name));
  std::filesystem::create_directory(dir / "missing");
  REQUIRE(index.add(pack).ok());
  CHECK(index.knows_pack(pack.name));
  for (const format::ChunkSlot& slot : pack.directory[0].chunks) {
    const auto locations = index.find(format::PackType::data, slot.id);
    REQUIRE(locations.ok());
    REQUIRE_FALSE(locations->empty());
    REQUIRE(index.pack(locations->front().pack)->name == pack.name);
  }
}
