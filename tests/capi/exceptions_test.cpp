// A plug-in in C++ that lets out something that is no std::exception: an error of the call, never the end of the
// process.
#include <drkit.h>

#include <cstdio>
#include <cstring>

namespace {

struct Odd {};

void info(drk_storage_info* out, void*) {
  out->scheme = "odd";
  out->conditional_create = 1;
}
drk_status stat_object(const drk_cancel_token*, const char*, drk_object_info*, drk_error**, void*) { throw Odd(); }
drk_status get_object(const drk_cancel_token*, const char*, uint64_t, uint64_t, drk_buffer*, drk_error**, void*) {
  throw 42;
}
drk_status put_object(const drk_cancel_token*, const char*, const void*, size_t, int, drk_error**, void*) {
  throw "words";
}
drk_status remove_object(const drk_cancel_token*, const char*, drk_error**, void*) { throw Odd(); }
drk_status list_objects(const drk_cancel_token*, const char*, drk_object_fn, void*, drk_error**, void*) { throw Odd(); }

drk_status make(drk_storage** out, drk_error** err, void*) {
  drk_storage_vtable vtable = DRK_STORAGE_VTABLE_INIT;
  vtable.info = info;
  vtable.stat = stat_object;
  vtable.get = get_object;
  vtable.put = put_object;
  vtable.remove = remove_object;
  vtable.list = list_objects;
  return drk_storage_from_vtable(&vtable, nullptr, out, err);
}

struct Cases {
  int run = 0, failed = 0, named = 0;
};

void see_case(const char*, const char* failure, void* user_data) {
  auto& cases = *static_cast<Cases*>(user_data);
  ++cases.run;
  if (failure == nullptr) return;
  ++cases.failed;
  if (std::strstr(failure, "exception out of a callback") != nullptr) ++cases.named;
}

}  // namespace

int main() {
  // Cases of the suite call from several threads of the library at once.
  Cases cases;
  drk_error* err = nullptr;
  const drk_status status = drk_run_storage_suite(nullptr, make, see_case, &cases, &err);
  drk_error_free(err);
  std::printf("%d cases, %d failed, %d say why\n", cases.run, cases.failed, cases.named);
  return status == DRK_PRECONDITION_FAILED && cases.run >= 10 && cases.failed > 0 && cases.named > 0 ? 0 : 1;
}
