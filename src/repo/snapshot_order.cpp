#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "repo/snapshots.hpp"

namespace drkit::repo {

void sort_by_history(std::vector<LoadedSnapshot>& snapshots) {
  std::sort(snapshots.begin(), snapshots.end(), [](const LoadedSnapshot& a, const LoadedSnapshot& b) {
    return std::pair(a.value.time_ns, a.value.id) < std::pair(b.value.time_ns, b.value.id);
  });
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < snapshots.size(); ++i) place[snapshots[i].value.id] = i;
  std::vector<std::size_t> awaited(snapshots.size(), 0);
  std::vector<std::vector<std::size_t>> followers(snapshots.size());
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    for (const format::Predecessor& predecessor : snapshots[i].predecessors) {
      const auto before = place.find(predecessor.id);
      if (before == place.end() || before->second == i) continue;
      followers[before->second].push_back(i);
      ++awaited[i];
    }
  }
  std::set<std::size_t> ready;
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    if (awaited[i] == 0) ready.insert(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t next = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(next);
    for (const std::size_t follower : followers[next]) {
      if (--awaited[follower] == 0) ready.insert(follower);
    }
  }
  // Digests make a circle impossible; were there one, the order of times would have to do.
  if (order.size() != snapshots.size()) return;
  std::vector<LoadedSnapshot> sorted;
  sorted.reserve(snapshots.size());
  for (const std::size_t i : order) sorted.push_back(std::move(snapshots[i]));
  snapshots = std::move(sorted);
}

}  // namespace drkit::repo
