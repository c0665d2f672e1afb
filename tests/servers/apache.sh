#!/bin/bash
# Apache's mod_dav of Debian's apache2-bin, the strictest of the WebDAV servers.
#   apache.sh start DIR [tls=CERTIFICATE] [auth=basic|digest] [client=yes] [readonly=yes] [quota=MIB] [port=PORT]
#   apache.sh stop|pause|go_on|kill DIR
# CERTIFICATE is server, expired or elsewhere of DIR/tls; client=yes wants the client's certificate, too.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=webdav_common.sh
. "$here/webdav_common.sh"

modules=/usr/lib/apache2/modules

load() {
  local module
  for module in "$@"; do echo "LoadModule ${module}_module $modules/mod_$module.so"; done
}

tls_lines() {
  [ -n "$tls" ] || return 0
  load ssl socache_shmcb
  echo "SSLEngine on"
  echo "SSLCertificateFile $dir/tls/$tls.crt"
  echo "SSLCertificateKeyFile $dir/tls/$tls.key"
  if [ "$client" = yes ]; then
    echo "SSLVerifyClient require"
    echo "SSLCACertificateFile $dir/tls/ca.crt"
  fi
}

auth_lines() {
  case $auth in
    basic) echo "AuthType Basic" ;;
    digest) echo "AuthType Digest" ;;
  esac
  echo "AuthName drkit"
  echo "AuthUserFile $dir/passwords"
}

write_digest_password() {
  printf '%s:drkit:%s\n' "$dav_user" \
    "$(printf '%s:drkit:%s' "$dav_user" "$dav_password" | md5sum | cut -d' ' -f1)" >"$dir/passwords"
}

who_may() {
  if [ "$readonly" = yes ]; then
    echo "<LimitExcept GET HEAD OPTIONS PROPFIND>"
    echo "  Require all denied"
    echo "</LimitExcept>"
    echo "<Limit GET HEAD OPTIONS PROPFIND>"
    echo "  Require valid-user"
    echo "</Limit>"
  else
    echo "Require valid-user"
  fi
}

write_configuration() {
  cat <<CONF
ServerRoot $dir
ServerName 127.0.0.1
DefaultRuntimeDir $dir
PidFile $dir/apache.own.pid
ErrorLog $dir/error.log
$(load mpm_event authn_core authn_file authz_core authz_user "auth_$auth" dav dav_fs dav_lock)
$([ "$(id -u)" = 0 ] && printf 'User %s\nGroup %s' $dav_worker $dav_worker)
Listen 127.0.0.1:$port
# One process of many threads: quick to start, and enough for the tests.
ServerLimit 1
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 32
# An answer that turned out shorter than its head said ends only then.
KeepAliveTimeout 2
MaxKeepAliveRequests 0
DavLockDB $dir/locks/db
DocumentRoot $dir/files
$(tls_lines)
<Directory $dir/files>
  Dav On
  $(auth_lines)
  $(who_may)
</Directory>
CONF
}

# A folder of its own small file system, where root may make one.
limit_space() {
  mount -t tmpfs -o "size=${quota}m" drkit-test "$dir/files"
}

start() {
  local tls='' auth=basic client=no readonly=no quota='' port='' option
  for option in "$@"; do local "${option?}"; done
  mkdir -p "$dir/files" "$dir/locks"
  chmod 755 "$dir"
  [ -n "$port" ] || port=$(own_port "$dir")
  [ -z "$tls" ] || make_certificates "$dir/tls"
  if [ "$auth" = digest ]; then write_digest_password; else write_password "$dir"; fi
  [ -z "$quota" ] || limit_space
  own_files "$dir/files" "$dir/locks"
  # Left by a server that was killed, it would keep the next one from starting.
  rm -f "$dir/apache.own.pid"
  write_configuration >"$dir/httpd.conf"
  start_daemon "$dir" apache /usr/sbin/apache2 -DFOREGROUND -f "$dir/httpd.conf"
  wait_for_port "$dir" apache "$port"
  echo "http${tls:+s}://127.0.0.1:$port" >"$dir/url"
}

command=${1:?start, stop, pause, go_on or kill} dir=${2:?folder}
shift 2
case $command in
  start) start "$@" ;;
  stop)
    [ ! -s "$dir/apache.pid" ] || signal_server "$dir" apache CONT
    stop_daemon "$dir" apache
    ! mountpoint -q "$dir/files" || umount "$dir/files"
    ;;
  pause) signal_server "$dir" apache STOP ;;
  go_on) signal_server "$dir" apache CONT ;;
  kill) signal_server "$dir" apache KILL ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
