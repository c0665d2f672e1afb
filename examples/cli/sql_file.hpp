// sql_file: a file of SQL cut into its statements.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// Cuts at the semicolons that end statements: not those in '...', "...", $tag$...$tag$, -- and /* */ comments.
/// Statements of nothing but space and comments are left out.
std::vector<std::string> split_statements(std::string_view sql);

}  // namespace cli
