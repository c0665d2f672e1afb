"""Which group a header in angle brackets belongs to."""

STANDARD = frozenset("""
algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits clocale cmath
codecvt compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime
cuchar cwchar cwctype deque exception execution filesystem forward_list fstream functional future initializer_list iomanip ios iosfwd
iostream istream iterator latch limits list locale map memory memory_resource mutex new numbers numeric optional ostream queue random
ranges ratio regex scoped_allocator semaphore set shared_mutex source_location span sstream stack stdexcept stop_token streambuf string
string_view strstream syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray
variant vector version
assert.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h setjmp.h stdarg.h stdbool.h stddef.h stdint.h
stdio.h stdlib.h string.h time.h wchar.h wctype.h
""".split())

POSIX = frozenset("""
aio.h arpa/inet.h dirent.h dlfcn.h fcntl.h fnmatch.h ftw.h glob.h grp.h langinfo.h net/if.h netdb.h netinet/in.h netinet/tcp.h poll.h
pthread.h pwd.h sched.h semaphore.h signal.h spawn.h strings.h sys/mman.h sys/resource.h sys/select.h sys/socket.h sys/stat.h
sys/statvfs.h sys/time.h sys/times.h sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/wait.h termios.h unistd.h utime.h
""".split())

LINUX = frozenset("""
endian.h features.h mntent.h sys/acl.h sys/epoll.h sys/eventfd.h sys/file.h sys/fsuid.h sys/inotify.h sys/ioctl.h
sys/mount.h sys/pidfd.h sys/prctl.h sys/random.h sys/sendfile.h sys/signalfd.h sys/statfs.h sys/syscall.h sys/sysinfo.h
sys/sysmacros.h sys/timerfd.h sys/vfs.h sys/xattr.h
""".split())

# Instructions of one family of processors.
SIMD = frozenset("arm_acle.h arm_neon.h cpuid.h emmintrin.h immintrin.h nmmintrin.h sys/auxv.h tmmintrin.h wmmintrin.h x86intrin.h".split())

# A name that ends with a slash is a folder.
THIRD_PARTY = {
    "cli11": ("CLI/",),
    "curl": ("curl/",),
    "expat": ("expat.h", "expat_external.h"),
    "fmt": ("fmt/",),
    "libpq": ("libpq-fe.h", "libpq/", "postgres_ext.h", "pg_config.h"),
    "libssh": ("libssh/",),
    "nlohmann": ("nlohmann/",),
    "openssl": ("openssl/",),
    "postgres_server": ("postgres.h", "fmgr.h", "miscadmin.h", "archive/archive_module.h", "postmaster/pgarch.h", "storage/latch.h",
                        "utils/guc.h", "utils/memutils.h", "utils/wait_event.h"),
    "pybind11": ("pybind11/", "Python.h"),
    "sodium": ("sodium.h", "sodium/"),
    "zstd": ("zstd.h", "zstd_errors.h", "zdict.h"),
}


def group_of(header):
    """"standard", "posix", "linux", "simd", a third party's name, or None for a header that nobody has listed."""
    if header in STANDARD:
        return "standard"
    if header in POSIX:
        return "posix"
    if header in LINUX or header.startswith("linux/"):
        return "linux"
    if header in SIMD:
        return "simd"
    for party, names in THIRD_PARTY.items():
        if any(header == name or (name.endswith("/") and header.startswith(name)) for name in names):
            return party
    return None


GROUPS = frozenset(THIRD_PARTY) | {"posix", "linux", "simd"}
