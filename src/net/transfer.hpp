// Transfer: one request and the answer that arrives for it, fed by libcurl's callbacks.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <curl/curl.h>
#include <drkit/context.hpp>

#include "net/curl_list.hpp"
#include "net/http.hpp"

namespace drkit::net {

/// Why we ended a transfer ourselves.
enum class Stop : std::uint8_t { none, cancelled, stalled, too_long, sent_twice, no_memory, not_http, wants_tls };

class Transfer {
 public:
  /// Borrows the request until the transfer is gone.
  explicit Transfer(const HttpRequest& request);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sets everything of this request on a handle that is otherwise set up. False: out of memory.
  bool apply(CURL* easy);
  /// Notes what moved since the last look; `sent` counts what the other side has taken. False: nothing for longer than
  /// the time allowed, or cancelled.
  bool still_moving(const Context& ctx, std::int64_t sent, std::chrono::milliseconds stall_timeout);

  Stop stop() const { return stop_; }
  /// Whether the head of the answer came to its end; libcurl takes one that was cut for whole.
  bool head_complete() const { return head_complete_; }
  std::size_t received_bytes() const { return received_; }
  const char* error_text() const { return error_text_; }
  HttpResponse take_response() { return std::move(response_); }

 private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static int on_send(void* self, char* to, char* from, int to_port, int from_port);

  std::size_t take_header(std::string_view line);
  std::size_t take_body(std::string_view bytes);
  bool add_headers();
  bool apply_method(CURL* easy);
  bool apply_auth(CURL* easy);
  std::size_t refuse(Stop why);

  const HttpRequest& request_;
  HttpResponse response_;
  CurlList headers_;
  std::string password_;
  std::size_t header_bytes_ = 0;
  std::size_t received_ = 0;
  bool answered_ = false;
  bool head_complete_ = false;
  bool sent_ = false;
  Stop stop_ = Stop::none;
  std::int64_t moved_ = -1;
  std::chrono::steady_clock::time_point moved_at_;
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace drkit::net
