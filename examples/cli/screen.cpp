#include "screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "text.hpp"

namespace cli {
namespace {

constexpr std::chrono::milliseconds kFrame(100);
constexpr std::chrono::seconds kPlainLine(1);
constexpr std::size_t kBarCells = 24;

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void write_error(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // standard error is gone: there is nowhere to say so
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::clamp(seconds, 0.0, 3.6e6)));
  const auto two = [](std::uint64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  if (whole < 3600) return std::to_string(whole / 60) + ":" + two(whole % 60);
  return std::to_string(whole / 3600) + ":" + two(whole % 3600 / 60) + ":" + two(whole % 60);
}

// Eighths of a cell, so that the bar moves smoothly.
std::string cells(double share) {
  static constexpr const char* kParts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kBarCells * 8);
  std::string bar;
  for (std::size_t at = 0; at < eighths / 8; ++at) bar += "█";
  bar += kParts[eighths % 8];
  return left(std::move(bar), kBarCells);
}

// Cuts to columns, keeping the end: the last parts of a path tell most.
std::string keep_end(std::string text, std::size_t columns) {
  if (width_of(text) <= columns) return text;
  if (columns < 2) return {};
  std::size_t drop = width_of(text) - (columns - 1);
  std::size_t at = 0;
  while (at < text.size() && (drop > 0 || (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U)) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U) --drop;
    ++at;
  }
  return "…" + text.substr(at);
}

std::string keep_start(std::string text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool first_byte = (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
    if (first_byte && seen++ == columns) return text.substr(0, at);
  }
  return text;
}

}  // namespace

std::string bar_text(const drkit::ProgressEvent& event, double bytes_per_second, double seconds, std::size_t columns) {
  std::string text = left(std::string(event.phase), 8) + " ";
  const std::uint64_t total = std::max(event.bytes_total, event.bytes_total == 0 ? 0 : event.bytes_done);
  if (total > 0) {
    const double share = static_cast<double>(event.bytes_done) / static_cast<double>(total);
    text += cells(share) + " " + right(std::to_string(static_cast<int>(share * 100)), 3) + " %  ";
    text += human_bytes(event.bytes_done) + " / " + human_bytes(total);
  } else {
    text += human_bytes(event.bytes_done);
    if (event.items_done > 0) text += ", " + human_count(event.items_done) + " items";
  }
  text += "  " + human_bytes(static_cast<std::uint64_t>(std::max(0.0, bytes_per_second))) + "/s";
  if (total > event.bytes_done && bytes_per_second > 1) {
    text += "  ETA " + clock_text(static_cast<double>(total - event.bytes_done) / bytes_per_second);
  } else {
    text += "  " + clock_text(seconds);
  }
  const std::size_t used = width_of(text);
  if (!event.item.empty() && used + 12 < columns) text += "  " + keep_end(visible(event.item), columns - used - 3);
  return keep_start(std::move(text), columns - 1);
}

void Screen::configure(BarMode mode, bool quiet) {
  const std::scoped_lock lock(mutex_);
  terminal_ = ::isatty(STDERR_FILENO) == 1;
  quiet_ = quiet;
  shown_ = mode == BarMode::always || (mode == BarMode::automatic && terminal_ && !quiet);
}

bool Screen::on_event(const drkit::ProgressEvent& event) noexcept {
  const std::scoped_lock lock(mutex_);
  if (!shown_) return true;
  const Moment now = std::chrono::steady_clock::now();
  if (event.phase != phase_) {
    phase_ = event.phase;
    begun_ = rated_at_ = now;
    rated_bytes_ = event.bytes_done;
    rate_ = 0;
    drawn_at_ = {};
  }
  const auto pause = terminal_ ? std::chrono::nanoseconds(kFrame) : std::chrono::nanoseconds(kPlainLine);
  if (now - drawn_at_ < pause) return true;
  drawn_at_ = now;
  draw(event, now);
  return true;
}

double Screen::rate_at(std::uint64_t bytes, Moment now) {
  const double seconds = std::chrono::duration<double>(now - rated_at_).count();
  if (seconds < 0.25) return rate_;
  const double current = static_cast<double>(bytes - std::min(bytes, rated_bytes_)) / seconds;
  // About three seconds of memory: steady to read, and an end of the flow is still seen.
  const double weight = rate_ == 0 ? 1 : 1 - std::exp(-seconds / 3);
  rate_ += weight * (current - rate_);
  rated_at_ = now;
  rated_bytes_ = bytes;
  return rate_;
}

void Screen::draw(const drkit::ProgressEvent& event, Moment now) {
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const std::string text =
      bar_text(event, rate_at(event.bytes_done, now), seconds, terminal_ ? terminal_columns() : 100);
  write_error(terminal_ ? "\r" + text + "\x1b[K" : text + "\n");
  drawn_ = terminal_;
}

void Screen::erase() {
  if (drawn_) write_error("\r\x1b[K");
  drawn_ = false;
}

void Screen::log(drkit::LogLevel level, std::string_view message) noexcept {
  if (level < drkit::LogLevel::warning || quiet_) return;
  line(std::string("drkit: ") + (level == drkit::LogLevel::warning ? "warning: " : "") + std::string(message));
}

void Screen::line(std::string_view text) noexcept {
  const std::scoped_lock lock(mutex_);
  erase();
  write_error(visible(text) + "\n");
}

void Screen::clear() noexcept {
  const std::scoped_lock lock(mutex_);
  erase();
}

}  // namespace cli
