// Key slots in the storage.
#pragma once

#include <string>
#include <vector>

#include <drkit/repository.hpp>

#include "format/keys.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

struct OpenedSlot {
  std::string id;
  format::KeySet keys;
};
/// Tries the slots that the credential could open. Errors: bad_key, corrupt.
Result<OpenedSlot> open_any_slot(const Context& ctx, Repository::Impl& impl, const Credential& credential);

/// Removes slots that the creation of another repository left behind. One that cannot be removed is logged.
void remove_leftover_slots(const Context& ctx, const Repository::Impl& impl);

Result<KeySlot> put_password_slot(const Context& ctx, Repository::Impl& impl, const Secret& password, KeyRole role,
                                  std::string label, PasswordCost cost);
Result<KeySlot> put_recipient_slot(const Context& ctx, Repository::Impl& impl, std::string_view recipient, KeyRole role,
                                   std::string label);

}  // namespace drkit::repo
