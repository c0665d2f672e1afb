// Everything that users of the C++ API need.
#pragma once

#include <drkit/backup.hpp>
#include <drkit/check.hpp>
#include <drkit/pitr.hpp>
#include <drkit/probe.hpp>
#include <drkit/registry.hpp>
#include <drkit/report.hpp>
#include <drkit/repository.hpp>
#include <drkit/restore.hpp>
#include <drkit/version.hpp>
#include <drkit/wal.hpp>
#include <drkit/wal_files.hpp>
#include <drkit/wal_receive.hpp>
