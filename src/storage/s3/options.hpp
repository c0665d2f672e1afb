// Options looked at before they are used: where the bucket is, and whether what is asked fits together.
#pragma once

#include <string>
#include <string_view>

#include <drkit/storage_s3.hpp>

namespace drkit::storage::s3 {

/// Where requests go.
struct Place {
  std::string scheme;
  std::string host;       ///< as the Host header says it, with a port that is not the scheme's own
  std::string base_path;  ///< "/bucket" in path style, else ""
};

/// Errors: invalid_argument, naming the option.
Result<void> validate(const S3Options& options);
/// REQUIRES: valid options.
Place place_of(const S3Options& options, std::string_view region);
/// The address for people.
std::string display_name(const S3Options& options);

}  // namespace drkit::storage::s3
