#!/bin/bash
# Starts nextcloud_standin.py, which says what it is and is not.
#   nextcloud_standin.sh start DIR [tls=CERTIFICATE] [quota=BYTES]
#   nextcloud_standin.sh stop|pause|go_on|kill DIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=webdav_common.sh
. "$here/webdav_common.sh"

start() {
  local tls='' quota='' option options
  for option in "$@"; do local "${option?}"; done
  mkdir -p "$dir"
  options=(--port "$(own_port "$dir")")
  rm -f "$dir/port"
  if [ -n "$tls" ]; then
    make_certificates "$dir/tls"
    options+=(--cert "$dir/tls/$tls.crt" --key "$dir/tls/$tls.key")
  fi
  [ -z "$quota" ] || echo "$quota" >"$dir/quota"
  start_daemon "$dir" standin /usr/bin/python3 "$here/nextcloud_standin.py" "$dir" "${options[@]}"
  wait_until 15 test -s "$dir/port" || { cat "$dir/standin.log" >&2; return 1; }
  echo "http${tls:+s}://127.0.0.1:$(cat "$dir/port")" >"$dir/url"
}

command=${1:?start, stop, pause, go_on or kill} dir=${2:?folder}
shift 2
case $command in
  start) start "$@" ;;
  stop) stop_daemon "$dir" standin ;;
  pause) signal_server "$dir" standin STOP ;;
  go_on) signal_server "$dir" standin CONT ;;
  kill) signal_server "$dir" standin KILL ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
