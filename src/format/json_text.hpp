// Text of the JSON parts: any bytes, though JSON holds Unicode alone. See docs/format/v1.md, 8.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drkit::format {

/// Well-formed UTF-8 stays as it is; anything else becomes U+0000 and hexadecimal digits.
std::string text_to_json(std::string_view bytes);
/// Nothing when the text is not what text_to_json makes of any bytes.
std::optional<std::string> text_from_json(std::string_view text);

}  // namespace drkit::format
