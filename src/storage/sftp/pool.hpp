// pool: a few connections to one server, lent to one caller at a time.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/sftp/client.hpp"

namespace drkit::storage::sftp {

/// Thread-safety: every member may be called concurrently. Outlives its leases.
class Pool {
 public:
  explicit Pool(Settings settings) : settings_(std::move(settings)) {}
  const Settings& settings() const { return settings_; }

  /// A connection for one caller; given back by the destructor, thrown away when it broke.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Client> client) : pool_(&pool), client_(std::move(client)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (client_) pool_->give_back(std::move(client_));
    }
    Client& operator*() const { return *client_; }
    Client* operator->() const { return client_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Client> client_;
  };

  /// A free connection, a new one, or, when there are as many as allowed, the next that is given back.
  /// Errors: as Client::connect.
  Result<Lease> acquire(const Context& ctx);

 private:
  std::unique_ptr<Client> take_idle();
  Result<bool> may_connect(const Context& ctx);
  void give_back(std::unique_ptr<Client> client);

  const Settings settings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Client>> idle_;
  unsigned count_ = 0;  // idle, lent and being made
};

}  // namespace drkit::storage::sftp
