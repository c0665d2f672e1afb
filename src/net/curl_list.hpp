// CurlList: header lines for libcurl in memory of our own, which is overwritten before it is given back.
#pragma once

#include <algorithm>
#include <deque>
#include <string>

#include <curl/curl.h>

namespace drkit::net {

/// Overwrites text that held a secret; the compiler may not leave it out.
inline void wipe(std::string& text) {
  std::fill_n(static_cast<volatile char*>(text.data()), text.size(), '\0');
  text.clear();
}

class CurlList {
 public:
  CurlList() = default;
  CurlList(const CurlList&) = delete;
  CurlList& operator=(const CurlList&) = delete;
  ~CurlList() {
    for (std::string& line : lines_) wipe(line);
  }

  void add(std::string line) {
    lines_.push_back(std::move(line));
    nodes_.push_back({lines_.back().data(), nullptr});
    if (nodes_.size() > 1) nodes_[nodes_.size() - 2].next = &nodes_.back();
  }

  /// Valid until the list is changed or gone.
  curl_slist* get() { return nodes_.empty() ? nullptr : &nodes_.front(); }

 private:
  std::deque<std::string> lines_;  // a deque never moves what it holds
  std::deque<curl_slist> nodes_;
};

}  // namespace drkit::net
