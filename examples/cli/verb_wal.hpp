// verb_wal: what the verbs about the write-ahead log share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <drkit/pitr.hpp>
#include <drkit/result.hpp>

#include "session.hpp"

namespace cli {

/// Of `wal get`: recovery ends here.
inline constexpr int kWalNotThere = 1;

std::string lsn_text(std::uint64_t lsn);
/// "1/A0000028". Errors: invalid_argument.
drkit::Result<std::uint64_t> parse_lsn(std::string_view text);
/// Nothing for "". Errors: invalid_argument.
drkit::Result<std::optional<std::uint64_t>> parse_system_id(std::string_view text);
/// Nothing for ""; "10" and "0xA" are the same timeline. Errors: invalid_argument.
drkit::Result<std::optional<std::uint32_t>> parse_timeline(std::string_view text);
/// Whether the error says that the repository was looked into and has no such file.
bool is_absent_file(const drkit::Error& error);

Json window_json(const drkit::RecoveryWindow& window);

void add_wal_verify(CLI::App& parent, Session& session);
void add_wal_receive(CLI::App& parent, Session& session);

}  // namespace cli
