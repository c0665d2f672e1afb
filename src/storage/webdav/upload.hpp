// Upload: bytes on their way to an object, under a name that no key has, until they are moved into place.
#pragma once

#include <string>

#include "storage/webdav/folders.hpp"
#include "storage/webdav/server.hpp"

namespace drkit::storage::webdav {

/// No legal key has this part, so that no object can ever be taken for an upload.
inline constexpr std::string_view kTempFolder = "tmp~";

struct Parts {
  std::string folder;       ///< Nextcloud's folder of the user's uploads; "": objects are sent whole
  std::uint64_t bytes = 0;  ///< of one part
};

class Upload {
 public:
  /// `path` is below the folder of uploads.
  Upload(Server& server, std::string path) : server_(server), path_(std::move(path)) {}

  /// Sends everything and looks whether everything is there.
  Result<void> send(const Context& ctx, ByteView bytes, const Parts& parts);
  /// The server's answer, whatever it is.
  Result<net::HttpResponse> move_to(const Context& ctx, std::string_view path, bool overwrite);
  /// Removes what was sent, as far as the server still answers.
  void discard(const Context& ctx);

 private:
  Result<void> send_whole(const Context& ctx, ByteView bytes);
  Result<void> send_parts(const Context& ctx, ByteView bytes, const Parts& parts);
  Result<void> send_one_part(const Context& ctx, const std::string& path, ByteView part, std::size_t total);

  Server& server_;
  std::string path_;
};

/// Removes uploads that are older than a day by the server's clock. What cannot be looked at is left alone.
void remove_stale_uploads(const Context& ctx, Server& server, std::string_view folder);

}  // namespace drkit::storage::webdav
