// Report renderings: the same values as JSON, HTML and JUnit.
#pragma once

#include <string>

#include <drkit/check.hpp>
#include <drkit/probe.hpp>
#include <drkit/restore.hpp>
#include <drkit/snapshot.hpp>

namespace drkit {

/// One JSON document with stable keys.
DRKIT_API std::string to_json(const Snapshot& snapshot);
DRKIT_API std::string to_json(const Report& report);
DRKIT_API std::string to_json(const RestoreResult& result);
DRKIT_API std::string to_json(const Error& error);
DRKIT_API std::string to_json(const ProbeReport& report);

/// A self-contained page: no script, no external file.
DRKIT_API std::string to_html(const Report& report);
/// A fragment for notebooks.
DRKIT_API std::string to_html_fragment(const Snapshot& snapshot);
DRKIT_API std::string to_junit(const Report& report);

}  // namespace drkit
