#include "storage/s3/answers.hpp"

#include <charconv>

#include "storage/s3/time.hpp"
#include "storage/s3/xml.hpp"

namespace drkit::storage::s3 {
namespace {

Error bad_answer(const char* what) {
  return Error(ErrorCode::unavailable, std::string("the answer makes no sense: ") + what, Retry::yes);
}

// A root of the right name, or an error.
Result<XmlElement> document(std::string_view body, std::string_view root) {
  DRKIT_ASSIGN(XmlElement element, parse_xml(body));
  if (element.name != root) return bad_answer("another kind of document");
  return element;
}

Result<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return bad_answer("a size that is no number");
  return value;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// Keys come encoded only where the server took up the offer.
class KeyReader {
 public:
  explicit KeyReader(const XmlElement& list) : encoded_(list.text_of("EncodingType") == "url") {}
  std::string operator()(std::string_view text) const { return encoded_ ? url_decode(text) : std::string(text); }

 private:
  bool encoded_;
};

Result<ListedObject> read_object(const XmlElement& entry, const KeyReader& key, const char* time) {
  ListedObject object;
  object.key = key(entry.text_of("Key"));
  if (object.key.empty()) return bad_answer("an object without a key");
  if (const XmlElement* size = entry.child("Size")) {
    DRKIT_ASSIGN(object.size_bytes, number(size->text));
  }
  object.modified_ns = parse_iso_time(entry.text_of(time)).value_or(0);
  return object;
}

Result<bool> truncated(const XmlElement& list) {
  const std::string_view text = list.text_of("IsTruncated");
  if (text != "true" && text != "false") return bad_answer("a listing that does not say whether it is whole");
  return text == "true";
}

}  // namespace

ServerError parse_error(std::string_view body) {
  auto root = parse_xml(body);
  if (!root) return {};
  // The token service wraps its errors, S3 does not.
  const XmlElement* const inner = root->name == "ErrorResponse" ? root->child("Error") : &*root;
  if (inner == nullptr || inner->name != "Error") return {};
  return {std::string(inner->text_of("Code")), std::string(inner->text_of("Message")),
          std::string(inner->text_of("Region"))};
}

bool is_error_document(std::string_view body) {
  const auto root = parse_xml(body);
  return root.ok() && root->name == "Error";
}

Result<ListPage> parse_list(std::string_view body) {
  DRKIT_ASSIGN(const XmlElement list, document(body, "ListBucketResult"));
  const KeyReader key(list);
  ListPage page;
  for (const XmlElement& entry : list.children) {
    if (entry.name != "Contents") continue;
    if (entry.child("Size") == nullptr) return bad_answer("an object without a size");
    DRKIT_ASSIGN(ListedObject object, read_object(entry, key, "LastModified"));
    page.objects.push_back(std::move(object));
  }
  DRKIT_ASSIGN(page.more, truncated(list));
  page.next = list.text_of("NextContinuationToken");
  if (page.more && page.next.empty()) return bad_answer("a cut listing without its continuation");
  return page;
}

Result<ListPage> parse_versions(std::string_view body) {
  DRKIT_ASSIGN(const XmlElement list, document(body, "ListVersionsResult"));
  const KeyReader key(list);
  ListPage page;
  for (const XmlElement& entry : list.children) {
    if (entry.name != "Version" && entry.name != "DeleteMarker") continue;
    DRKIT_ASSIGN(ListedObject object, read_object(entry, key, "LastModified"));
    object.version = entry.text_of("VersionId");
    page.objects.push_back(std::move(object));
  }
  DRKIT_ASSIGN(page.more, truncated(list));
  page.next = key(list.text_of("NextKeyMarker"));
  page.next_version = list.text_of("NextVersionIdMarker");
  if (page.more && page.next.empty()) return bad_answer("a cut listing without its continuation");
  return page;
}

Result<ListPage> parse_uploads(std::string_view body) {
  DRKIT_ASSIGN(const XmlElement list, document(body, "ListMultipartUploadsResult"));
  const KeyReader key(list);
  ListPage page;
  for (const XmlElement& entry : list.children) {
    if (entry.name != "Upload") continue;
    DRKIT_ASSIGN(ListedObject upload, read_object(entry, key, "Initiated"));
    upload.version = entry.text_of("UploadId");
    page.objects.push_back(std::move(upload));
  }
  DRKIT_ASSIGN(page.more, truncated(list));
  page.next = key(list.text_of("NextKeyMarker"));
  page.next_version = list.text_of("NextUploadIdMarker");
  if (page.more && page.next.empty()) return bad_answer("a cut listing without its continuation");
  return page;
}

Result<std::string> parse_upload_id(std::string_view body) {
  DRKIT_ASSIGN(const XmlElement root, document(body, "InitiateMultipartUploadResult"));
  std::string id(root.text_of("UploadId"));
  if (id.empty()) return bad_answer("an upload without an id");
  return id;
}

Result<std::string> parse_completion(std::string_view body) {
  DRKIT_ASSIGN(const XmlElement root, document(body, "CompleteMultipartUploadResult"));
  return std::string(root.text_of("ETag"));
}

// Amazon and Ceph call the document as its description does, versitygw by the name of its type (ObjectLockRetention).
static Result<XmlElement> document_about(std::string_view body, std::string_view subject) {
  DRKIT_ASSIGN(XmlElement root, parse_xml(body));
  if (root.name.find(subject) == std::string::npos) return bad_answer("another kind of document");
  return root;
}

Result<S3Retention> parse_retention(std::string_view body) {
  DRKIT_ASSIGN(const XmlElement root, document_about(body, "Retention"));
  const std::string_view mode = root.text_of("Mode");
  S3Retention retention;
  if (mode.empty()) return retention;
  if (mode != "GOVERNANCE" && mode != "COMPLIANCE") return bad_answer("an unknown retention mode");
  retention.mode = mode == "GOVERNANCE" ? S3LockMode::governance : S3LockMode::compliance;
  const auto until = parse_iso_time(root.text_of("RetainUntilDate"));
  if (!until) return bad_answer("a retention without a date");
  retention.until_ns = *until;
  return retention;
}

Result<bool> parse_legal_hold(std::string_view body) {
  DRKIT_ASSIGN(const XmlElement root, document_about(body, "LegalHold"));
  return root.text_of("Status") == "ON";
}

Result<S3Credentials> parse_assumed_role(std::string_view body, const std::string& action) {
  DRKIT_ASSIGN(const XmlElement root, document(body, action + "Response"));
  const XmlElement* const result = root.child(action + "Result");
  const XmlElement* const given = result == nullptr ? nullptr : result->child("Credentials");
  if (given == nullptr) return bad_answer("no credentials");
  S3Credentials credentials;
  credentials.access_key_id = given->text_of("AccessKeyId");
  credentials.secret_access_key = Secret::from_text(given->text_of("SecretAccessKey"));
  credentials.session_token = Secret::from_text(given->text_of("SessionToken"));
  const auto expires = parse_iso_time(given->text_of("Expiration"));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() || !expires) {
    return bad_answer("incomplete credentials");
  }
  credentials.expires_ns = *expires;
  return credentials;
}

std::string url_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace drkit::storage::s3
