// The header is strict C++11, and its INITs initialise.
#include <drkit.h>

#include <cstring>

int main() {
  const drk_context context = DRK_CONTEXT_INIT;
  const drk_backup_options backup = DRK_BACKUP_OPTIONS_INIT;
  const drk_source_vtable source = DRK_SOURCE_VTABLE_INIT;
  const drk_entry entry = DRK_ENTRY_INIT;
  const bool fine = context.struct_size == sizeof context && backup.compression_level == 1 &&
                    source.struct_size == sizeof source && entry.type == DRK_ENTRY_REGULAR &&
                    std::strcmp(drk_status_name(DRK_OK), "ok") == 0;
  return fine ? 0 : 1;
}
