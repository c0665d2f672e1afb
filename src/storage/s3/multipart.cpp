#include "storage/s3/multipart.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/hex.hpp"
#include "storage/s3/answers.hpp"
#include "storage/s3/errors.hpp"
#include "storage/s3/headers.hpp"
#include "storage/s3/xml.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::size_t kMaxParts = 10'000;

struct Part {
  std::string etag;
  std::optional<Md5> md5;
};

Error wrong_confirmation() {
  return Error(ErrorCode::unavailable, "the server confirms other bytes than were sent", Retry::yes);
}

class Upload {
 public:
  Upload(const Context& ctx, Client& client, const S3Options& options, const std::string& object, ByteView bytes)
      : ctx_(ctx), client_(client), options_(options), object_(object), bytes_(bytes) {
    const std::size_t least = (bytes.size() + kMaxParts - 1) / kMaxParts;
    part_bytes_ = std::max(options.part_size_bytes, least);
    parts_.resize((bytes.size() + part_bytes_ - 1) / part_bytes_);
  }

  Result<void> run() {
    DRKIT_TRY(begin());
    auto done = send_parts();
    if (done.ok()) done = complete();
    if (!done.ok()) {
      if (auto aborted = abort_upload(ctx_, client_, object_, id_); !aborted) {
        ctx_.write_log(LogLevel::warning, "parts of a failed upload were left: " + aborted.error().to_string());
      }
      return done;
    }
    return confirm();
  }

 private:
  Result<void> begin() {
    Request request;
    request.method = "POST";
    request.object = object_;
    request.query = {{"uploads", ""}};
    request.headers = put_headers(options_, PutKind::object, ctx_.clock->wall_ns());
    request.has_body = true;
    DRKIT_ASSIGN(const net::HttpResponse response, client_.call(ctx_, request));
    DRKIT_ASSIGN(id_, parse_upload_id(as_text(response.body)));
    auto sealed = confirm_encryption(options_, response);
    // Nothing has been sent yet; the upload is ended so that it does not stay.
    if (!sealed) static_cast<void>(abort_upload(ctx_, client_, object_, id_));
    return sealed;
  }

  // Threads take the next part until there is none or one has failed.
  Result<void> send_parts() {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::optional<Error> failure;
    const auto work = [&] {
      for (std::size_t i = next++; i < parts_.size(); i = next++) {
        auto sent = send_part(i);
        if (sent) continue;
        next = parts_.size();
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::move(sent).error();
      }
    };
    {
      const std::size_t threads = std::min<std::size_t>(options_.parallel_parts, parts_.size());
      std::vector<std::jthread> others;
      try {
        for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
      } catch (const std::system_error&) {
        // A process at its limit of threads sends with those it got.
      }
      work();
    }
    if (failure) return std::move(*failure);
    return {};
  }

  Result<void> send_part(std::size_t index) {
    const std::size_t start = index * part_bytes_;
    const ByteView bytes = bytes_.subspan(start, std::min(part_bytes_, bytes_.size() - start));
    Request request;
    request.method = "PUT";
    request.object = object_;
    request.query = {{"partNumber", std::to_string(index + 1)}, {"uploadId", id_}};
    request.headers = read_headers(options_);
    request.body = bytes;
    request.has_body = true;
    Part& part = parts_[index];
    if (options_.content_md5) part.md5 = md5(bytes);
    if (part.md5) request.headers.emplace_back("content-md5", to_base64(*part.md5));
    DRKIT_ASSIGN(const net::HttpResponse response, client_.call(ctx_, request));
    const auto etag = response.header("etag");
    if (!etag) return Error(ErrorCode::unavailable, "the server confirms a part without its tag", Retry::yes);
    part.etag = *etag;
    const auto stored = etag_md5(*etag, response);
    if (!stored || !part.md5) sums_comparable_ = false;
    if (stored && part.md5 && *stored != *part.md5) return wrong_confirmation();
    return {};
  }

  Result<void> complete() {
    std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + xml_escape(parts_[i].etag) +
              "</ETag></Part>";
    }
    body += "</CompleteMultipartUpload>";
    Request request;
    request.method = "POST";
    request.object = object_;
    request.query = {{"uploadId", id_}};
    request.body = as_bytes(body);
    request.has_body = true;
    DRKIT_ASSIGN(net::HttpResponse response, client_.call(ctx_, request));
    // The status goes out before the work is done: what counts is the document.
    if (is_error_document(as_text(response.body))) {
      response.status = 500;
      return answer_error(response, ctx_.clock->wall_ns());
    }
    DRKIT_ASSIGN(etag_, parse_completion(as_text(response.body)));
    return {};
  }

  Result<void> confirm() {
    Request request;
    request.method = "HEAD";
    request.object = object_;
    request.headers = read_headers(options_);
    DRKIT_ASSIGN(const net::HttpResponse response, client_.call(ctx_, request));
    const auto size = parse_number(response.header("content-length").value_or(""));
    if (!size || *size != bytes_.size() || !tag_fits()) return wrong_confirmation();
    const auto tagged = parse_number(response.header("x-amz-tagging-count").value_or("0"));
    return tagged == options_.tags.size() ? Result<void>() : put_tags();
  }

  // Ceph's gateway forgets the tags that an upload in parts began with.
  Result<void> put_tags() {
    std::string body = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>";
    for (const auto& [key, value] : options_.tags) {
      body += "<Tag><Key>" + xml_escape(key) + "</Key><Value>" + xml_escape(value) + "</Value></Tag>";
    }
    body += "</TagSet></Tagging>";
    Request request;
    request.method = "PUT";
    request.object = object_;
    request.query = {{"tagging", ""}};
    request.body = as_bytes(body);
    request.has_body = true;
    if (const auto sum = md5(request.body)) request.headers.emplace_back("content-md5", to_base64(*sum));
    DRKIT_TRY(client_.call(ctx_, request));
    return {};
  }

  // The tag of a whole made of parts is the MD5 of their MD5s, and their number: where it looks so, it must be so.
  bool tag_fits() const {
    const std::string tag = plain_etag(etag_);
    const std::size_t dash = tag.find('-');
    if (!sums_comparable_ || dash != 32 || !base::array_from_hex<16>(tag.substr(0, 32))) return true;
    Bytes sums;
    for (const Part& part : parts_) sums.insert(sums.end(), part.md5->begin(), part.md5->end());
    const auto whole = md5(sums);
    return !whole || tag == base::to_hex(*whole) + "-" + std::to_string(parts_.size());
  }

  const Context& ctx_;
  Client& client_;
  const S3Options& options_;
  const std::string& object_;
  const ByteView bytes_;
  std::size_t part_bytes_ = 0;
  std::string id_;
  std::string etag_;
  std::vector<Part> parts_;
  std::atomic<bool> sums_comparable_{true};
};

}  // namespace

Result<void> put_in_parts(const Context& ctx, Client& client, const S3Options& options, const std::string& object,
                          ByteView bytes) {
  return Upload(ctx, client, options, object, bytes).run();
}

Result<void> abort_upload(const Context& ctx, Client& client, const std::string& object, const std::string& upload_id) {
  Request request;
  request.method = "DELETE";
  request.object = object;
  request.query = {{"uploadId", upload_id}};
  DRKIT_ASSIGN(const net::HttpResponse response, client.send_cleanup(ctx, request));
  // An upload that is gone is as good as a removed one.
  if ((response.status >= 200 && response.status < 300) || response.status == 404) return {};
  return answer_error(response, ctx.clock->wall_ns());
}

}  // namespace drkit::storage::s3
