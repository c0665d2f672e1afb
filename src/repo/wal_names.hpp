// Where an object of the write-ahead log lies: names that holders of a key read and the storage does not.
#pragma once

#include <string>

#include "format/wal.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

inline constexpr std::string_view kWalPrefix = "wal/";

/// "wal/CLUSTER/"
std::string wal_cluster_prefix(const Repository::Impl& impl, std::uint64_t system_id);
/// "wal/CLUSTER/GROUP/": a timeline's objects within 4 GiB of log.
std::string wal_group_prefix(const Repository::Impl& impl, std::uint64_t system_id, std::uint32_t timeline,
                             std::uint64_t lsn);
/// Histories and gaps of a cluster.
std::string wal_notes_prefix(const Repository::Impl& impl, std::uint64_t system_id);
/// The whole key. The same name gives the same key, so that creating it decides who was first.
Result<std::string> wal_key(const Repository::Impl& impl, const WalName& name);
/// Errors: corrupt when the key was not made by a holder of the index key, or lies where its name does not belong.
Result<WalName> parse_wal_key(const Repository::Impl& impl, std::string_view key);

}  // namespace drkit::repo
