// credential_process: a program of the user's that prints credentials.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <drkit/context.hpp>

namespace drkit::storage::s3 {

/// Words of a command line with the quoting of a shell ('...', "...", \), and nothing else of a shell.
/// Errors: invalid_argument (a quote without its end, no word).
Result<std::vector<std::string>> split_command(std::string_view command);

/// Runs the program without a shell and answers what it wrote to standard output, at most 64 KiB. Its standard error is
/// discarded, since it may hold what must not be seen.
/// Errors: unauthenticated (cannot be run, ends with another code than 0, writes too much), timeout (a minute),
/// cancelled.
Result<std::string> run_program(const Context& ctx, const std::vector<std::string>& words);

}  // namespace drkit::storage::s3
