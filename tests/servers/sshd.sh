#!/bin/bash
# An OpenSSH server of a test's own, on a free port of this machine, with its own host keys and one account: the caller's.
#   sshd.sh start FOLDER [LINE...]   FOLDER/env gets PORT, USER and FINGERPRINT; LINEs are added to its configuration
#   sshd.sh stop FOLDER              ends the server and the connections that it has open
#   sshd.sh signal FOLDER SIGNAL     sends it to the server's connections
# FOLDER also gets: data/ (to keep objects), known_hosts, id_ed25519, id_rsa, id_encrypted (passphrase "open sesame"),
# id_stranger (a key that the server does not know), and the host keys.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

make_keys() {
  local folder=$1
  [ ! -e "$folder/host_ed25519" ] || return 0
  ssh-keygen -q -t ed25519 -N '' -f "$folder/host_ed25519"
  ssh-keygen -q -t ecdsa -N '' -f "$folder/host_ecdsa"
  ssh-keygen -q -t ed25519 -N '' -f "$folder/id_ed25519"
  ssh-keygen -q -t rsa -b 2048 -N '' -f "$folder/id_rsa"
  ssh-keygen -q -t ed25519 -N 'open sesame' -f "$folder/id_encrypted"
  ssh-keygen -q -t ed25519 -N '' -f "$folder/id_stranger"
  cat "$folder"/id_{ed25519,rsa,encrypted}.pub >"$folder/authorized_keys"
}

configure() {
  local folder=$1 port=$2
  shift 2
  cat >"$folder/sshd_config" <<CONFIG
ListenAddress 127.0.0.1
Port $port
HostKey $folder/host_ed25519
HostKey $folder/host_ecdsa
AuthorizedKeysFile $folder/authorized_keys
StrictModes no
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PidFile none
MaxStartups 100
Subsystem sftp internal-sftp
CONFIG
  [ $# = 0 ] || printf '%s\n' "$@" >>"$folder/sshd_config"
}

await_port() {
  local port=$1
  for _ in $(seq 200); do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
    sleep 0.05
  done
  return 1
}

start() {
  local folder=$1 port
  shift
  mkdir -p "$folder/data"
  # Without the folder of its privilege separation a server of root's refuses to start.
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
  make_keys "$folder"
  port=$(sed -n 's/^PORT=//p' "$folder/env" 2>/dev/null || true)
  [ -n "$port" ] || port=$(free_port)
  configure "$folder" "$port" "$@"
  # By its whole path: the server runs itself anew for each connection.
  setsid /usr/sbin/sshd -D -e -f "$folder/sshd_config" >"$folder/sshd.log" 2>&1 </dev/null &
  echo $! >"$folder/sshd.pid"
  await_port "$port" || { cat "$folder/sshd.log" >&2; return 1; }
  printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$folder/host_ed25519.pub")" >"$folder/known_hosts"
  printf 'PORT=%s\nUSER=%s\nFINGERPRINT=%s\n' "$port" "$(id -un)" \
    "$(ssh-keygen -lf "$folder/host_ed25519.pub" | cut -d' ' -f2)" >"$folder/env"
}

# The server and what it started, children after their parents.
tree() {
  local pid=$1 child
  echo "$pid"
  for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do tree "$child"; done
}

stop() {
  local folder=$1 pid all
  [ -s "$folder/sshd.pid" ] || return 0
  pid=$(cat "$folder/sshd.pid")
  all=$(tree "$pid")
  rm -f "$folder/sshd.pid"
  for pid in $all; do kill -KILL "$pid" 2>/dev/null || true; done
}

signal() {
  local folder=$1 signal=$2 pids
  mapfile -t pids < <(tree "$(cat "$folder/sshd.pid")" | tail -n +2)
  if [ "$signal" = STOP ]; then pause_processes "${pids[@]}"; return; fi
  kill -"$signal" "${pids[@]}" 2>/dev/null || true
}

command=${1:?start, stop or signal}
shift
case $command in
  start | stop | signal) "$command" "$@" ;;
  *) echo "sshd.sh: no command '$command'" >&2; exit 2 ;;
esac
