#include "storage/webdav/multistatus.hpp"

#include <array>
#include <charconv>
#include <memory>
#include <new>
#include <type_traits>

#include <expat.h>

#include "net/http.hpp"
#include "storage/webdav/path.hpp"

namespace drkit::storage::webdav {
namespace {

constexpr char kSeparator = '|';
constexpr std::size_t kMaxTextBytes = 16384;
constexpr std::size_t kMaxDepth = 64;

enum class Tag : std::uint8_t {
  other,
  multistatus,
  response,
  href,
  status,
  propstat,
  prop,
  length,
  modified,
  type,
  collection
};

struct TagName {
  std::string_view name;
  Tag tag;
};
constexpr std::array<TagName, 10> kTags = {{{"DAV:|multistatus", Tag::multistatus},
                                            {"DAV:|response", Tag::response},
                                            {"DAV:|href", Tag::href},
                                            {"DAV:|status", Tag::status},
                                            {"DAV:|propstat", Tag::propstat},
                                            {"DAV:|prop", Tag::prop},
                                            {"DAV:|getcontentlength", Tag::length},
                                            {"DAV:|getlastmodified", Tag::modified},
                                            {"DAV:|resourcetype", Tag::type},
                                            {"DAV:|collection", Tag::collection}}};

Tag tag_of(std::string_view name) {
  for (const TagName& known : kTags) {
    if (known.name == name) return known.tag;
  }
  return Tag::other;
}

// "HTTP/1.1 200 OK". Nothing readable counts as a failure.
int status_of(std::string_view line) {
  const std::size_t space = line.find(' ');
  int status = 0;
  if (space != std::string_view::npos) std::from_chars(line.data() + space + 1, line.data() + line.size(), status);
  return status;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

class Reader {
 public:
  explicit Reader(std::string_view asked) : asked_(asked), parser_(::XML_ParserCreateNS(nullptr, kSeparator)) {}

  Result<std::vector<Resource>> read(std::string_view xml) {
    if (!parser_) return Error(ErrorCode::out_of_memory, "no memory to read a listing");
    ::XML_SetUserData(parser_.get(), this);
    ::XML_SetElementHandler(parser_.get(), &Reader::on_begin, &Reader::on_end);
    ::XML_SetCharacterDataHandler(parser_.get(), &Reader::on_text);
    ::XML_SetStartDoctypeDeclHandler(parser_.get(), &Reader::on_doctype);
    if (xml.size() > kMaxXmlBytes) return malformed();
    const auto status = ::XML_Parse(parser_.get(), xml.data(), static_cast<int>(xml.size()), XML_TRUE);
    if (no_memory_ || ::XML_GetErrorCode(parser_.get()) == XML_ERROR_NO_MEMORY) {
      return Error(ErrorCode::out_of_memory, "no memory to read a listing");
    }
    if (failure_) return std::move(*failure_);
    if (status != XML_STATUS_OK || !is_multistatus_) return malformed();
    return std::move(resources_);
  }

 private:
  struct ParserFree {
    void operator()(XML_Parser parser) const { ::XML_ParserFree(parser); }
  };
  static constexpr std::size_t kMaxXmlBytes = std::size_t{1} << 30;

  // A listing that was broken off may come whole the next time.
  static Error malformed() { return Error(ErrorCode::corrupt, "the server's listing is no WebDAV answer", Retry::yes); }

  // Nothing may be thrown through expat.
  template <class Work>
  static void guarded(void* self, Work work) {
    auto& reader = *static_cast<Reader*>(self);
    try {
      work(reader);
    } catch (const std::bad_alloc&) {
      reader.no_memory_ = true;
      ::XML_StopParser(reader.parser_.get(), XML_FALSE);
    }
  }
  static void on_begin(void* self, const char* name, const char**) {
    guarded(self, [&](Reader& reader) { reader.begin(tag_of(name)); });
  }
  static void on_end(void* self, const char*) {
    guarded(self, [](Reader& reader) { reader.end(); });
  }
  static void on_text(void* self, const char* text, int size) {
    guarded(self, [&](Reader& reader) { reader.add_text({text, static_cast<std::size_t>(size)}); });
  }
  static void on_doctype(void* self, const char*, const char*, const char*, int) {
    guarded(self, [](Reader& reader) { reader.fail(malformed()); });
  }

  void fail(Error error) {
    if (!failure_) failure_ = std::move(error);
    ::XML_StopParser(parser_.get(), XML_FALSE);
  }

  Tag at(std::size_t up) const { return open_.size() > up ? open_[open_.size() - 1 - up] : Tag::other; }

  void begin(Tag tag) {
    if (open_.size() >= kMaxDepth) return fail(malformed());
    if (open_.empty()) is_multistatus_ = tag == Tag::multistatus;
    open_.push_back(tag);
    text_.clear();
    if (tag == Tag::response) resource_ = Resource();
    if (tag == Tag::propstat) found_ = Resource();
    if (tag == Tag::collection && at(1) == Tag::type) found_.collection = true;
  }

  void add_text(std::string_view text) {
    if (open_.empty() || open_.back() == Tag::other) return;
    if (text_.size() + text.size() > kMaxTextBytes) return fail(malformed());
    text_ += text;
  }

  void end() {
    const Tag tag = at(0);
    const Tag inside = at(1);
    const std::string_view text = trim(text_);
    if (inside == Tag::response) end_in_response(tag, text);
    if (inside == Tag::propstat && tag == Tag::status) found_.status = status_of(text);
    if (inside == Tag::prop && at(2) == Tag::propstat) end_in_prop(tag, text);
    if (tag == Tag::response && inside == Tag::multistatus) {
      if (resource_.path.empty() && !has_path_) return fail(malformed());
      resources_.push_back(std::move(resource_));
      has_path_ = false;
    }
    open_.pop_back();
    text_.clear();
  }

  void end_in_response(Tag tag, std::string_view text) {
    if (tag == Tag::href) {
      auto path = path_of_href(text, asked_);
      if (!path) return fail(std::move(path).error());
      resource_.path = std::move(*path);
      has_path_ = true;
    }
    if (tag == Tag::status) resource_.status = status_of(text);
    // Properties that the server does not have come in a group of their own, with status 404.
    if (tag == Tag::propstat && found_.status / 100 == 2) {
      resource_.collection = resource_.collection || found_.collection;
      if (found_.size_bytes) resource_.size_bytes = found_.size_bytes;
      if (found_.modified_ns != 0) resource_.modified_ns = found_.modified_ns;
    }
  }

  void end_in_prop(Tag tag, std::string_view text) {
    if (tag == Tag::modified) found_.modified_ns = net::http_date_ns(text).value_or(0);
    if (tag != Tag::length || text.empty()) return;
    std::uint64_t size = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc() || stop != text.data() + text.size()) return fail(malformed());
    found_.size_bytes = size;
  }

  std::string asked_;
  std::unique_ptr<std::remove_pointer_t<XML_Parser>, ParserFree> parser_;
  std::vector<Tag> open_;
  std::string text_;
  Resource resource_;  // of the response now open
  Resource found_;     // of the group of properties now open
  bool has_path_ = false;
  std::vector<Resource> resources_;
  bool is_multistatus_ = false;
  bool no_memory_ = false;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::vector<Resource>> parse_multistatus(std::string_view xml, std::string_view asked) {
  return Reader(asked).read(xml);
}

}  // namespace drkit::storage::webdav
