#include <drkit/result.hpp>

namespace drkit {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
#define DRKIT_ERROR_CODE(name, value, description) \
  case ErrorCode::name:                            \
    return #name;
#include <drkit/error_codes.def>
#undef DRKIT_ERROR_CODE
  }
  return "unknown";
}

std::string Error::to_string() const {
  std::string line = std::string(error_code_name(code_)) + ": " + message_;
  if (!context_.empty()) {
    line += " (";
    for (const auto& [key, value] : context_) {
      if (line.back() != '(') line += ", ";
      line += key + "=" + value;
    }
    line += ')';
  }
  if (cause_) line += ": " + cause_->to_string();
  return line;
}

}  // namespace drkit
