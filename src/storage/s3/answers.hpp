// The documents with which a server answers, as values. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/storage_s3.hpp>

namespace drkit::storage::s3 {

/// What a refusal says of itself; everything may be empty.
struct ServerError {
  std::string code;     ///< "NoSuchKey", ...
  std::string message;  ///< for people
  std::string region;   ///< the one to ask, where that is what is wrong
};

struct ListedObject {
  std::string key;
  std::string version;  ///< listings of versions
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
};

struct ListPage {
  std::vector<ListedObject> objects;
  bool more = false;
  std::string next;          ///< continuation token, or key marker
  std::string next_version;  ///< listings of versions: marker of the version; of uploads: of the upload
};

/// Never fails: a body that is no error document (a proxy's page, nothing) gives empty fields.
ServerError parse_error(std::string_view body);
/// True when a 200 answer is an error document all the same.
bool is_error_document(std::string_view body);

/// Errors of all of these: unavailable, since the next answer may be whole.
Result<ListPage> parse_list(std::string_view body);
/// Versions and delete markers.
Result<ListPage> parse_versions(std::string_view body);
/// Uploads in parts that nobody has completed; `version` is the upload's id, `modified_ns` when it began.
Result<ListPage> parse_uploads(std::string_view body);
Result<std::string> parse_upload_id(std::string_view body);
/// The entity tag, as it stands there.
Result<std::string> parse_completion(std::string_view body);
Result<S3Retention> parse_retention(std::string_view body);
Result<bool> parse_legal_hold(std::string_view body);
/// The answer of AssumeRole and AssumeRoleWithWebIdentity; `action` names which.
Result<S3Credentials> parse_assumed_role(std::string_view body, const std::string& action);

/// Undoes percent-encoding; what is not percent-encoding stays. '+' is a space where the server says so.
std::string url_decode(std::string_view text);

}  // namespace drkit::storage::s3
