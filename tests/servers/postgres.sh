#!/bin/bash
# A throw-away PostgreSQL 15 of the Debian package postgresql-15 (with contrib).
#   postgres.sh start DIR [SETTING=VALUE...]
#   postgres.sh standby DIR PRIMARY_DIR
#   postgres.sh again DIR
#   postgres.sh stop DIR [fast|immediate]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=postgres_common.sh
. "$here/postgres_common.sh"

command=${1:?start, standby, again or stop} dir=${2:?folder}
shift 2
case $command in
  start)
    pg_create "$dir" /usr/lib/postgresql/15/bin "" "$@"
    pg_start "$dir"
    ;;
  standby)
    pg_create_standby "$dir" "${1:?folder of the primary}"
    pg_start "$dir"
    ;;
  again) pg_start "$dir" ;;
  stop) pg_stop "$dir" "$@" ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
