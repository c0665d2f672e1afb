#!/bin/bash
# The network between a test and its server: chaos_proxy.py, which says what can be set.
#   chaos.sh start DIR HOST:PORT [--http] [--seed N]     DIR/port: connect there
#   chaos.sh set DIR '{"latency_ms": 50}'                takes effect at once
#   chaos.sh stop DIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

command=${1:?start, set or stop} dir=${2:?folder}
shift 2
case $command in
  start)
    mkdir -p "$dir"
    rm -f "$dir/port"
    start_daemon "$dir" proxy /usr/bin/python3 "$here/chaos_proxy.py" "$dir" "$@"
    wait_until 10 test -s "$dir/port" || { cat "$dir/proxy.log" >&2; exit 1; }
    ;;
  set)
    printf '%s\n' "${1:?settings}" >"$dir/settings.next"
    mv "$dir/settings.next" "$dir/settings"
    ;;
  stop) stop_daemon "$dir" proxy ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
