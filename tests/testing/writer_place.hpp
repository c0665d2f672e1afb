// WriterPlace: a repository, a machine's cache directory, and a key that may only write.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include <drkit/repository.hpp>
#include <drkit/storage.hpp>

#include "testing/temp_dir.hpp"

namespace drkit::testing {

struct WriterPlace {
  explicit WriterPlace(StoragePtr at = make_memory_storage()) : storage(std::move(at)) {
    CreateOptions options;
    options.passwords.push_back(Secret::from_text("pw"));
    options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    auto made = Repository::create(Context(), storage, std::move(options));
    REQUIRE(made.ok());
    auto generated = KeyFile::generate();
    REQUIRE(generated.ok());
    key = std::move(*generated);
    REQUIRE(made->add_recipient(Context(), key.public_key, KeyRole::write, "host").ok());
  }

  Repository open_full() const { return open({Secret::from_text("pw"), {}}); }
  Repository open_writer() const { return open({{}, key.secret_key.clone()}); }

  TempDir dir;
  StoragePtr storage;
  std::string cache = dir / "cache";
  KeyFile key;

 private:
  Repository open(Credential credential) const {
    OpenOptions options;
    options.credential = std::move(credential);
    options.cache_directory = cache;
    options.parallel = 2;
    auto opened = Repository::open(Context(), storage, std::move(options));
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().to_string()));
    return std::move(*opened);
  }
};

}  // namespace drkit::testing
