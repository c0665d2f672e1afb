// Running a piece of a test without root's privileges.
#pragma once

#include <functional>
#include <string>

namespace drkit::testing {

/// Runs the function in a child process that is user and group 65534 when the test runs as root, and as the same user
/// otherwise. Answers what it returned; "" means success. The function must not use assertions of the test library.
std::string run_as_nobody(const std::function<std::string()>& function);

}  // namespace drkit::testing
