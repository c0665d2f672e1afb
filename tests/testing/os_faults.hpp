// OsFaults: replaces single system calls while it lives.
#pragma once

#include "base/posix_file.hpp"

namespace drkit::testing {

class OsFaults {
 public:
  OsFaults() : calls_(base::real_os_calls()) { base::set_os_calls(&calls_); }
  OsFaults(const OsFaults&) = delete;
  OsFaults& operator=(const OsFaults&) = delete;
  ~OsFaults() { base::set_os_calls(nullptr); }
  base::OsCalls* operator->() { return &calls_; }

 private:
  base::OsCalls calls_;
};

}  // namespace drkit::testing
