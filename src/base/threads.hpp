// Threads that may be refused: a process at its limit goes on with those it has.
#pragma once

#include <new>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include <drkit/result.hpp>

namespace drkit::base {

/// False when the system gives no further thread; the caller then does the work itself.
template <class Work>
bool start_thread(std::thread& thread, Work&& work) {
  try {
    thread = std::thread(std::forward<Work>(work));
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

/// Work whose thread nobody else catches for: memory that cannot be had is an error and not the end of the process.
template <class Work>
requires std::is_convertible_v<Error, std::invoke_result_t<Work>>
auto without_throwing(Work&& work) -> std::invoke_result_t<Work> {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::out_of_memory, "the system gives no more memory");
  }
}

}  // namespace drkit::base
