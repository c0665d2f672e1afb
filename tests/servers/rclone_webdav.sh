#!/bin/bash
# The WebDAV server inside rclone (Debian's rclone): the library golang.org/x/net/webdav, as many programs embed it.
#   rclone_webdav.sh start DIR [tls=CERTIFICATE]
#   rclone_webdav.sh stop|pause|go_on|kill DIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=webdav_common.sh
. "$here/webdav_common.sh"

start() {
  local tls='' option port options=()
  for option in "$@"; do local "${option?}"; done
  mkdir -p "$dir/files"
  port=$(own_port "$dir")
  if [ -n "$tls" ]; then
    make_certificates "$dir/tls"
    options=(--cert "$dir/tls/$tls.crt" --key "$dir/tls/$tls.key")
  fi
  start_daemon "$dir" rclone rclone --config /dev/null serve webdav "$dir/files" --addr "127.0.0.1:$port" \
    --user "$dav_user" --pass "$dav_password" --dir-cache-time 0 "${options[@]}"
  wait_for_port "$dir" rclone "$port"
  echo "http${tls:+s}://127.0.0.1:$port" >"$dir/url"
}

command=${1:?start, stop, pause, go_on or kill} dir=${2:?folder}
shift 2
case $command in
  start) start "$@" ;;
  stop)
    [ ! -s "$dir/rclone.pid" ] || signal_server "$dir" rclone CONT
    stop_daemon "$dir" rclone
    ;;
  pause) signal_server "$dir" rclone STOP ;;
  go_on) signal_server "$dir" rclone CONT ;;
  kill) signal_server "$dir" rclone KILL ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
