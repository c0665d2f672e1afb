#!/bin/bash
# nginx with its DAV module and the extension that adds PROPFIND: Debian's nginx-light and libnginx-mod-http-dav-ext.
#   nginx.sh start DIR [tls=CERTIFICATE] [max_body=SIZE]
#   nginx.sh stop|pause|go_on|kill DIR
# CERTIFICATE is server, expired or elsewhere of DIR/tls.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=webdav_common.sh
. "$here/webdav_common.sh"

write_configuration() {
  local place
  cat <<CONF
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
pid $dir/nginx.own.pid;
error_log $dir/error.log;
worker_processes 1;
$([ "$(id -u)" = 0 ] && echo "user $dav_worker;")
events { worker_connections 256; }
http {
  access_log off;
$(for place in client_body proxy fastcgi uwsgi scgi; do echo "  ${place}_temp_path $dir/aside/$place;"; done)
  client_max_body_size $max_body;
  keepalive_requests 100000;
  server {
    listen 127.0.0.1:$port${tls:+ ssl};
$([ -z "$tls" ] || printf '    ssl_certificate %s.crt;\n    ssl_certificate_key %s.key;\n' "$dir/tls/$tls" "$dir/tls/$tls")
    root $dir/files;
    auth_basic drkit;
    auth_basic_user_file $dir/passwords;
    location / {
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
      dav_access user:rw group:r;
    }
  }
}
CONF
}

start() {
  local tls='' max_body=0 option port
  for option in "$@"; do local "${option?}"; done
  mkdir -p "$dir/files" "$dir/aside"
  chmod 755 "$dir"
  port=$(own_port "$dir")
  [ -z "$tls" ] || make_certificates "$dir/tls"
  write_password "$dir"
  own_files "$dir/files" "$dir/aside"
  write_configuration >"$dir/nginx.conf"
  start_daemon "$dir" nginx /usr/sbin/nginx -e "$dir/error.log" -c "$dir/nginx.conf"
  wait_for_port "$dir" nginx "$port"
  echo "http${tls:+s}://127.0.0.1:$port" >"$dir/url"
}

command=${1:?start, stop, pause, go_on or kill} dir=${2:?folder}
shift 2
case $command in
  start) start "$@" ;;
  stop)
    [ ! -s "$dir/nginx.pid" ] || signal_server "$dir" nginx CONT
    stop_daemon "$dir" nginx
    ;;
  pause) signal_server "$dir" nginx STOP ;;
  go_on) signal_server "$dir" nginx CONT ;;
  kill) signal_server "$dir" nginx KILL ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
