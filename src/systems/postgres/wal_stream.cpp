#include "systems/postgres/wal_stream.hpp"

#include <poll.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "systems/postgres/server_error.hpp"
#include "systems/postgres/wal_record.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr int kOldestVersion = 150000;
constexpr std::uint64_t kLargestSegment = 64ULL << 20;  // docs/format/wal.md
constexpr std::size_t kDataHeader = 25, kKeepalive = 18, kMaxSlotName = 63;

// The protocol's numbers are big-endian.
std::uint64_t load_number(ByteView bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}

void append_number(Bytes& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(value >> shift & 0xFF));
}

template <class Number>
Result<Number> number_of(const std::string& text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) return value;
  return Error(ErrorCode::io, "the server sent something that is no number");
}

// SHOW rounds to the largest unit that fits, so nothing is lost.
Result<std::uint64_t> size_of_setting(const std::string& text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  DRKIT_ASSIGN(const auto value, number_of<std::uint64_t>(text.substr(0, digits)));
  const std::string unit = digits == std::string::npos ? "" : text.substr(digits);
  const std::uint64_t bytes = unit == "GB" ? value << 30 : unit == "MB" ? value << 20 : value;
  if (is_wal_segment_size(bytes)) return bytes;
  return Error(ErrorCode::io, "the server has an impossible segment size");
}

Error ended_without_reason() {
  return Error(ErrorCode::unavailable, "the server ended the log without saying why", Retry::yes);
}

}  // namespace

Result<void> check_slot_name(const std::string& slot) {
  const bool fits = slot.size() <= kMaxSlotName &&
                    slot.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  return fits ? Result<void>() : Error(ErrorCode::invalid_argument, "a slot's name is made of a-z, 0-9 and _");
}

Result<void> check_segment_size(std::uint64_t bytes) {
  if (bytes <= kLargestSegment) return {};
  return Error(ErrorCode::unsupported, "the server's segments (wal_segment_size) are larger than 64 MiB")
      .with("wal_segment_size", std::to_string(bytes));
}

Result<StreamEvent> parse_stream_message(ByteView message) {
  StreamEvent event;
  const auto type = message.empty() ? '\0' : static_cast<char>(message[0]);
  if (type == 'w' && message.size() >= kDataHeader) {
    event.kind = StreamEvent::Kind::data;
    event.start = load_number(message, 1);
    event.bytes = message.subspan(kDataHeader);
    return event;
  }
  if (type == 'k' && message.size() >= kKeepalive) {
    event.kind = StreamEvent::Kind::keepalive;
    event.reply_wanted = message[kKeepalive - 1] != std::byte{0};
    return event;
  }
  return Error(ErrorCode::corrupt, "the server sent a malformed message of the log");
}

Bytes encode_standby_status(Lsn written, Lsn flushed, std::int64_t wall_ns, bool reply_wanted) {
  Bytes out{std::byte{'r'}};
  append_number(out, written);
  append_number(out, flushed);
  append_number(out, 0);  // replayed: nothing ever is
  append_number(out, static_cast<std::uint64_t>(server_time_of_wall(wall_ns)));
  out.push_back(static_cast<std::byte>(reply_wanted ? 1 : 0));
  return out;
}

Result<std::unique_ptr<WalStream>> WalStream::open(const Context& ctx, const ConnectionParameters& parameters,
                                                   const std::string& application_name,
                                                   std::chrono::milliseconds timeout) {
  DRKIT_ASSIGN(
      auto connection,
      Connection::open(ctx, parameters, {{"replication", "true"}, {"application_name", application_name}}, timeout));
  if (connection->server_version() < kOldestVersion) {
    return Error(ErrorCode::unsupported, "the server is older than PostgreSQL 15");
  }
  return std::unique_ptr<WalStream>(new WalStream(std::move(connection)));
}

Result<ServerIdentity> WalStream::identify(const Context& ctx) {
  DRKIT_ASSIGN(const ResultPtr row, connection_->query(ctx, "IDENTIFY_SYSTEM"));
  ServerIdentity identity;
  DRKIT_ASSIGN(identity.system_id, number_of<std::uint64_t>(field(row, 0, 0)));
  DRKIT_ASSIGN(identity.timeline, number_of<TimelineId>(field(row, 0, 1)));
  DRKIT_ASSIGN(identity.flushed, parse_lsn(field(row, 0, 2)));
  DRKIT_ASSIGN(const ResultPtr size, connection_->query(ctx, "SHOW wal_segment_size"));
  DRKIT_ASSIGN(identity.segment_bytes, size_of_setting(field(size, 0, 0)));
  return identity;
}

Result<std::optional<Lsn>> WalStream::slot_position(const Context& ctx, const std::string& slot) {
  DRKIT_ASSIGN(const ResultPtr row, connection_->query(ctx, "READ_REPLICATION_SLOT " + slot));
  if (field(row, 0, 0).empty()) return std::optional<Lsn>();
  if (field(row, 0, 1).empty()) return std::optional<Lsn>(0);
  DRKIT_ASSIGN(const Lsn position, parse_lsn(field(row, 0, 1)));
  return std::optional(position);
}

Result<void> WalStream::create_slot(const Context& ctx, const std::string& slot) {
  DRKIT_TRY(connection_->query(ctx, "CREATE_REPLICATION_SLOT " + slot + " PHYSICAL RESERVE_WAL"));
  return {};
}

Result<void> WalStream::drop_slot(const Context& ctx, const std::string& slot) {
  DRKIT_TRY(connection_->send(ctx, "DROP_REPLICATION_SLOT " + slot));
  for (;;) {
    DRKIT_ASSIGN(const ResultPtr result, connection_->next_result(ctx));
    if (result == nullptr) return {};
  }
}

Result<std::string> WalStream::history(const Context& ctx, TimelineId timeline) {
  DRKIT_ASSIGN(const ResultPtr row, connection_->query(ctx, "TIMELINE_HISTORY " + std::to_string(timeline)));
  return field(row, 0, 1);
}

Result<bool> WalStream::start(const Context& ctx, const std::string& slot, Lsn from, TimelineId timeline) {
  const std::string with_slot = slot.empty() ? "" : "SLOT " + slot + " ";
  DRKIT_TRY(connection_->send(ctx, "START_REPLICATION " + with_slot + "PHYSICAL " + format_lsn(from) + " TIMELINE " +
                                       std::to_string(timeline)));
  DRKIT_ASSIGN(ResultPtr result, connection_->next_result(ctx));
  if (result != nullptr && PQresultStatus(result.get()) == PGRES_COPY_BOTH) return true;
  ended_ = std::move(result);
  return false;
}

Result<StreamEvent> WalStream::next(const Context& ctx, int wake_fd, std::chrono::milliseconds wait) {
  PGconn* native = connection_->native();
  StreamEvent quiet;
  for (bool waited = false;; waited = true) {
    DRKIT_TRY(ctx.check_cancelled());
    char* bytes = nullptr;
    const int size = PQgetCopyData(native, &bytes, 1);
    if (size > 0) {
      message_ = CopyMessage{std::unique_ptr<char, CopyDeleter>(bytes), static_cast<std::size_t>(size)};
      return parse_stream_message(message_.view());
    }
    if (size < -1) return copy_failed(ctx);
    if (size == -1) return end_of_copy(ctx);
    if (waited) return quiet;
    pollfd descriptors[2] = {{PQsocket(native), POLLIN, 0}, {wake_fd, POLLIN, 0}};
    if (::poll(descriptors, 2, static_cast<int>(wait.count())) < 0 && errno != EINTR) {
      return Error(ErrorCode::io, "cannot wait for the server").with("os", std::strerror(errno));
    }
    quiet.woken = descriptors[1].revents != 0;
    if (descriptors[0].revents != 0 && PQconsumeInput(native) != 1) {
      return error_of_connection(native, "the connection to the server was lost", false);
    }
  }
}

// The end of the timeline, or that of the server: it stops, or has something to complain about.
Result<StreamEvent> WalStream::end_of_copy(const Context& ctx) {
  DRKIT_ASSIGN(ended_, connection_->next_result(ctx));
  const ExecStatusType status = ended_ == nullptr ? PGRES_COMMAND_OK : PQresultStatus(ended_.get());
  if (status != PGRES_COPY_IN && status != PGRES_TUPLES_OK) return ended_without_reason();
  StreamEvent event;
  event.kind = StreamEvent::Kind::timeline_end;
  return event;
}

// An error that the server sent ends the copy by itself and waits as the next result.
Error WalStream::copy_failed(const Context& ctx) {
  auto result = connection_->next_result(ctx);
  if (!result) return std::move(result).error();
  return error_of_connection(connection_->native(), "the connection to the server was lost", false);
}

Result<void> WalStream::flush(const Context& ctx) {
  PGconn* native = connection_->native();
  for (;;) {
    DRKIT_TRY(ctx.check_cancelled());
    const int left = PQflush(native);
    if (left == 0) return {};
    pollfd descriptor{PQsocket(native), POLLIN | POLLOUT, 0};
    if (left < 0 || (::poll(&descriptor, 1, 100) < 0 && errno != EINTR)) break;
    if ((descriptor.revents & POLLIN) != 0 && PQconsumeInput(native) != 1) break;
  }
  return error_of_connection(native, "the connection to the server was lost", false);
}

Result<void> WalStream::reply(const Context& ctx, Lsn written, Lsn flushed) {
  const Bytes status = encode_standby_status(written, flushed, ctx.clock->wall_ns(), false);
  const std::string_view text = as_text(status);
  if (PQputCopyData(connection_->native(), text.data(), static_cast<int>(text.size())) < 0) {
    return copy_failed(ctx);
  }
  return flush(ctx);
}

Result<NextTimeline> WalStream::next_timeline(const Context& ctx) {
  ResultPtr row = std::move(ended_);
  if (row == nullptr) {
    DRKIT_ASSIGN(row, connection_->next_result(ctx));
  }
  if (row != nullptr && PQresultStatus(row.get()) == PGRES_COPY_IN) {
    // The server is done; only now is it this side's turn.
    if (PQputCopyEnd(connection_->native(), nullptr) < 0) {
      return copy_failed(ctx);
    }
    DRKIT_TRY(flush(ctx));
    DRKIT_ASSIGN(row, connection_->next_result(ctx));
  }
  if (row == nullptr || PQresultStatus(row.get()) != PGRES_TUPLES_OK) {
    return ended_without_reason();
  }
  NextTimeline next;
  DRKIT_ASSIGN(next.timeline, number_of<TimelineId>(field(row, 0, 0)));
  DRKIT_ASSIGN(next.start, parse_lsn(field(row, 0, 1)));
  for (;;) {
    DRKIT_ASSIGN(const ResultPtr rest, connection_->next_result(ctx));
    if (rest == nullptr) return next;
  }
}

}  // namespace drkit::systems::postgres
