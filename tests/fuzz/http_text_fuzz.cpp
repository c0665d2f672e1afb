// Texts that HTTP servers put into headers: dates, waits, ranges, numbers.
#include "fuzz/property.hpp"
#include "net/http.hpp"
#include "storage/s3/headers.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t kNowNs = 1'700'000'000LL * 1'000'000'000;
  const std::string text(as_text(fuzz::view(data, size)));
  (void)net::http_date_ns(text);
  net::HttpResponse response;
  response.headers = {{"retry-after", text}};
  if (const auto wait = net::retry_after(response, kNowNs); wait) fuzz::require(wait->count() >= 0);
  if (const auto range = storage::s3::parse_content_range(text); range) fuzz::require(range->first <= range->last);
  if (const auto number = storage::s3::parse_number(text); number) fuzz::require(!text.empty());
  const std::string encoded = net::percent_encode(text);
  fuzz::require(encoded.size() >= text.size() && encoded.size() <= 3 * text.size());
  return 0;
}
