// A byte that chooses the kind of answer, a document.
#include "storage/s3/answers.hpp"

#include "fuzz/property.hpp"
#include "storage/s3/time.hpp"
#include "storage/s3/xml.hpp"

using namespace drkit;
using namespace drkit::storage::s3;

namespace {

void check_page(const Result<ListPage>& page) {
  if (!page) return;
  for (const ListedObject& object : page->objects) fuzz::require(!object.key.empty());
  // A listing that is cut can be gone on with.
  fuzz::require(!page->more || !page->next.empty());
}

void check_text(std::string_view text) {
  const auto again = parse_xml("<a>" + xml_escape(text) + "</a>");
  if (again) fuzz::require(again->name == "a" && again->children.empty());
  if (const auto ns = parse_iso_time(text); ns) fuzz::require(parse_iso_time(iso_time(*ns)).has_value());
  (void)parse_http_time(text);
  fuzz::require(url_decode(text).size() <= text.size());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body = as_text(fuzz::view(data + 1, size - 1));
  switch (data[0] % 8) {
    case 0:
      check_page(parse_list(body));
      break;
    case 1:
      check_page(parse_versions(body));
      break;
    case 2:
      check_page(parse_uploads(body));
      break;
    case 3:
      (void)parse_error(body);
      break;
    case 4:
      (void)parse_retention(body).ok();
      break;
    case 5:
      (void)parse_assumed_role(body, "AssumeRole").ok();
      break;
    case 6:
      (void)parse_completion(body).ok();
      break;
    default:
      check_text(body);
      break;
  }
  return 0;
}
