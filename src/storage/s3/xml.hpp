// A small XML document as a tree. No entity is ever expanded and no document type is accepted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::storage::s3 {

struct XmlElement {
  std::string name;  ///< without a namespace prefix
  std::string text;  ///< all of it that stands directly in this element, without the outer white space
  std::vector<XmlElement> children;

  /// The first child of this name; null: none.
  const XmlElement* child(std::string_view wanted) const;
  /// The first child's text, "" when there is none.
  std::string_view text_of(std::string_view wanted) const;
};

/// The root of the document. Errors: unavailable (malformed, a document type, deeper than 16 elements).
Result<XmlElement> parse_xml(std::string_view document);

/// Text as it may stand in an element.
std::string xml_escape(std::string_view text);

}  // namespace drkit::storage::s3
