#include "storage/s3/xml.hpp"

#include <expat.h>

#include <algorithm>
#include <memory>
#include <new>

namespace drkit::storage::s3 {
namespace {

constexpr std::size_t kMaxDepth = 16;
// expat counts in int; answers are far smaller.
constexpr std::size_t kMaxDocument = std::size_t{256} << 20;

struct ParserFree {
  void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};
using Parser = std::unique_ptr<std::remove_pointer_t<XML_Parser>, ParserFree>;

std::string_view local_name(std::string_view name) { return name.substr(name.rfind(':') + 1); }

std::string_view without_space(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kSpace);
  return start == std::string_view::npos ? "" : text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

// Elements under construction: the last one is the innermost. Exceptions must not pass through expat.
struct Builder {
  XML_Parser parser = nullptr;
  std::vector<XmlElement> open{XmlElement{}};
  bool refused = false;
  bool out_of_memory = false;

  template <class Work>
  void guard(const Work& work) {
    if (refused || out_of_memory) return;
    try {
      work();
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
    if (refused || out_of_memory) XML_StopParser(parser, XML_FALSE);
  }
};

void on_start(void* data, const XML_Char* name, const XML_Char**) {
  auto& builder = *static_cast<Builder*>(data);
  builder.guard([&] {
    builder.refused = builder.open.size() > kMaxDepth;
    if (!builder.refused) builder.open.push_back({std::string(local_name(name)), {}, {}});
  });
}

void on_end(void* data, const XML_Char*) {
  auto& builder = *static_cast<Builder*>(data);
  builder.guard([&] {
    XmlElement done = std::move(builder.open.back());
    builder.open.pop_back();
    done.text = without_space(done.text);
    builder.open.back().children.push_back(std::move(done));
  });
}

void on_text(void* data, const XML_Char* text, int size) {
  auto& builder = *static_cast<Builder*>(data);
  builder.guard([&] { builder.open.back().text.append(text, static_cast<std::size_t>(size)); });
}

void on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  auto& builder = *static_cast<Builder*>(data);
  builder.guard([&] { builder.refused = true; });
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  const auto found =
      std::find_if(children.begin(), children.end(), [&](const XmlElement& one) { return one.name == wanted; });
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlElement::text_of(std::string_view wanted) const {
  const XmlElement* const found = child(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

Result<XmlElement> parse_xml(std::string_view document) {
  // Servers keep a long call alive with white space, which may stand before the declaration only for people.
  document = without_space(document);
  const Parser parser(XML_ParserCreate(nullptr));
  if (!parser) throw std::bad_alloc();
  Builder builder;
  builder.parser = parser.get();
  XML_SetUserData(parser.get(), &builder);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
  const bool whole =
      document.size() <= kMaxDocument &&
      XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE) == XML_STATUS_OK;
  if (builder.out_of_memory) throw std::bad_alloc();
  if (!whole || builder.open.size() != 1 || builder.open.front().children.size() != 1) {
    return Error(ErrorCode::unavailable, "the answer is not a well-formed document", Retry::yes);
  }
  return std::move(builder.open.front().children.front());
}

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace drkit::storage::s3
