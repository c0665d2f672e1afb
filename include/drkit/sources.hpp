// Factories of the sources and targets that need no server: directory trees, commands and descriptors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <drkit/result.hpp>
#include <drkit/spi/source.hpp>
#include <drkit/spi/target.hpp>

namespace drkit {

struct FilesystemOptions {
  /// Globs of what is left out. A pattern matches from any part of the path on, one with a leading '/' from the root
  /// on; '*' and '?' stop at '/', "**" does not; a trailing '/' matches directories only. An excluded directory is not
  /// entered.
  std::vector<std::string> excludes{};
  bool one_file_system = false;  ///< mount points are kept as empty directories
  bool exclude_caches = false;   ///< of a directory with a valid CACHEDIR.TAG only the directory and the tag are kept
  bool xattrs = true;            ///< extended attributes and ACLs
};

/// A directory tree, or a single regular file (one entry, named by its last part). A symlink given as root is
/// followed, none below it is. Entries come in path order; memory follows depth times directory size, and the names of
/// files whose other hard links were not met yet.
/// A name that disappears while the tree is walked is left out: what was deleted during a backup is no loss. Anything
/// else that cannot be looked at comes as an entry with its problem set. A file that changed while it was read fails
/// in Stream::read or close with precondition_failed, one that was deleted after its entry was given in Stream::read
/// with not_found.
/// Hard links of anything but regular files come as separate entries.
/// Errors: begin answers not_found, permission_denied, invalid_argument (neither directory nor regular file).
/// Thread-safety: as Source says; streams may outlive the source.
DRKIT_API Result<std::unique_ptr<Source>> make_filesystem_source(std::string root, FilesystemOptions options = {});

struct FilesystemTargetOptions {
  /// An attribute that this file system or this user cannot set is logged and left out; the default is to fail.
  bool skip_unsupported_attributes = false;
  /// Missing parents of the root that are made can be gone through by every account (0755), not by the maker's alone.
  bool open_parents = false;
};

/// A directory on a local file system; missing parents are made.
///
/// begin creates ".drkit-restore-incomplete" in the root and finish removes it: a tree that holds it was not restored
/// to the end, and a delta restore may be run over it. Files are written under their final names and removed when the
/// sink is destroyed before close, also when close fails; a killed process leaves them behind, beside that marker.
/// Until finish everything is 0700 or 0600 unless its attributes were set already. Hard links are made by finish, which
/// ends with syncfs.
///
/// Owners are set when the settings say so and the process is root. security.* and trusted.* attributes are set by root
/// alone and logged otherwise.
///
/// Delta: the content of an existing regular file is kept and updated in place; ranges that were neither read nor
/// written before close become holes. A file with further hard links is replaced, never written through. Costs 8 bytes
/// of memory for each name of the snapshot.
/// Errors: invalid_argument (absolute path, "..", empty part, NUL), corrupt (a symlink on the way), precondition_failed
///   (not empty), already_exists (a name twice), and what the operating system answers; all name the path.
/// Thread-safety: as RestoreTarget says.
DRKIT_API Result<std::unique_ptr<RestoreTarget>> make_filesystem_target(std::string root,
                                                                        FilesystemTargetOptions options = {});

/// The standard output of `/bin/sh -c command` as one stream entry called name, which also tells several commands of
/// one program apart: the source is `exec:NAME`, and by default `exec:PROGRAM`. The command runs in a process group of
/// its own, from begin until its output ended; cancelling or destroying the source kills the group.
/// Errors: close answers io when the command exits non-zero or by a signal, with the end of its standard error.
DRKIT_API Result<std::unique_ptr<Source>> make_process_source(std::string command, std::string name = "stdout");

/// Feeds the one regular or stream entry that is opened to the standard input of `/bin/sh -c command`; other entries
/// are refused, except the root directory. Sequential. Errors: as the source.
DRKIT_API Result<std::unique_ptr<RestoreTarget>> make_process_target(std::string command);

/// Writes the content of what is opened, one after the other, to a descriptor. Sequential.
/// Ownership: the descriptor stays the caller's and is not closed.
DRKIT_API Result<std::unique_ptr<RestoreTarget>> make_stdout_target(int descriptor);

}  // namespace drkit
