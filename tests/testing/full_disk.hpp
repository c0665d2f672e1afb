// FullDisk: a place where only little fits, as the operating system itself enforces it.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

#include "testing/process.hpp"
#include "testing/temp_dir.hpp"

namespace drkit::testing {

/// Runs the work in a child process where a directory holds at most 1 MiB and answers the work's answer. As root the
/// directory is a tmpfs of a mount namespace of the child's own; otherwise no file may grow beyond 1 MiB.
inline int on_full_disk(const std::function<int(const std::string& directory)>& work) {
  const TempDir dir;
  Child child([&] {
    if (::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=1m") == 0) {
      return work(dir.path());
    }
    const rlimit limit{1 << 20, 1 << 20};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0 || ::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return 99;
    return work(dir.path());
  });
  return child.wait();
}

}  // namespace drkit::testing
