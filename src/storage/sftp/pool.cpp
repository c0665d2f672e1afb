#include "storage/sftp/pool.hpp"

#include "storage/sftp/tcp.hpp"

namespace drkit::storage::sftp {

Result<Pool::Lease> Pool::acquire(const Context& ctx) {
  for (;;) {
    DRKIT_TRY(ctx.check_cancelled());
    if (auto client = take_idle()) return Lease(*this, std::move(client));
    DRKIT_ASSIGN(const bool mine, may_connect(ctx));
    if (!mine) continue;
    auto made = Client::connect(ctx, settings_);
    if (made) return Lease(*this, std::move(*made));
    give_back(nullptr);
    return std::move(made).error();
  }
}

std::unique_ptr<Client> Pool::take_idle() {
  for (;;) {
    std::unique_ptr<Client> client;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) return nullptr;
      client = std::move(idle_.back());
      idle_.pop_back();
    }
    // Servers and firewalls end what was silent for long.
    if (client->alive()) return client;
    client.reset();
    give_back(nullptr);
  }
}

// False when something has changed or a slice has passed: look again.
Result<bool> Pool::may_connect(const Context& ctx) {
  std::unique_lock lock(mutex_);
  if (count_ < settings_.max_connections) {
    ++count_;
    return true;
  }
  if (idle_.empty()) changed_.wait_for(lock, kSlice);
  DRKIT_TRY(ctx.check_cancelled());
  return false;
}

void Pool::give_back(std::unique_ptr<Client> client) {
  if (client && client->broken()) client.reset();
  {
    const std::lock_guard lock(mutex_);
    if (client) {
      idle_.push_back(std::move(client));
    } else {
      --count_;
    }
  }
  changed_.notify_one();
}

}  // namespace drkit::storage::sftp
