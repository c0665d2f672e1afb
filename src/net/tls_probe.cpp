#include "net/tls_probe.hpp"

#include <curl/curl.h>

namespace drkit::net {
namespace {

constexpr long kPatienceMs = 3000;
constexpr int kLookMs = 50;

template <class Value>
bool set(CURL* easy, CURLoption option, Value value) {
  return ::curl_easy_setopt(easy, option, value) == CURLE_OK;
}

// Both handles may be `void` to the compiler.
struct EasyCleanup {
  void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};
struct MultiCleanup {
  void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
};

// Nothing secret goes to the other side, so it does not matter who it is.
bool set_up(CURL* easy, const std::string& url) {
  return set(easy, CURLOPT_NOSIGNAL, 1L) && set(easy, CURLOPT_QUICK_EXIT, 1L) &&
         set(easy, CURLOPT_PROTOCOLS_STR, "https") && set(easy, CURLOPT_CONNECT_ONLY, 1L) &&
         set(easy, CURLOPT_SSL_VERIFYPEER, 0L) && set(easy, CURLOPT_SSL_VERIFYHOST, 0L) &&
         set(easy, CURLOPT_PROXY, "") && set(easy, CURLOPT_NOPROXY, "") && set(easy, CURLOPT_TIMEOUT_MS, kPatienceMs) &&
         set(easy, CURLOPT_URL, url.c_str());
}

CURLcode result_of(CURLM* multi) {
  int left = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return CURLE_ABORTED_BY_CALLBACK;
}

CURLcode connect(const Context& ctx, CURLM* multi) {
  for (int running = 1;;) {
    if (::curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
    if (running == 0) return result_of(multi);
    if (ctx.cancel.cancelled()) return CURLE_ABORTED_BY_CALLBACK;
    if (::curl_multi_poll(multi, nullptr, 0, kLookMs, nullptr) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  }
}

}  // namespace

bool speaks_tls(const Context& ctx, const HttpOptions& options, const std::string& url) {
  constexpr std::string_view kPlain = "http://";
  if (!url.starts_with(kPlain) || !options.proxy.empty()) return false;
  const std::string place = url.substr(kPlain.size());
  const std::unique_ptr<CURLM, MultiCleanup> multi(::curl_multi_init());
  const std::unique_ptr<CURL, EasyCleanup> easy(::curl_easy_init());
  if (!multi || !easy || !set_up(easy.get(), "https://" + place.substr(0, place.find_first_of("/?")) + "/"))
    return false;
  if (::curl_multi_add_handle(multi.get(), easy.get()) != CURLM_OK) return false;
  const CURLcode code = connect(ctx, multi.get());
  ::curl_multi_remove_handle(multi.get(), easy.get());
  return code == CURLE_OK;
}

}  // namespace drkit::net
