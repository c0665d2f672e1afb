// Which paths a source leaves out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drkit::systems::filesystem {

/// '*' and '?' stop at '/', "**" crosses it, [a-z] and [!a-z] are sets, a backslash takes the next byte literally.
bool glob_matches(std::string_view pattern, std::string_view text);

class ExcludeList {
 public:
  ExcludeList() = default;
  explicit ExcludeList(const std::vector<std::string>& patterns);
  bool empty() const { return rules_.empty(); }
  bool matches(std::string_view path, bool is_directory) const;

 private:
  struct Rule {
    std::string pattern;
    bool whole_path = false;
    bool directories_only = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace drkit::systems::filesystem
