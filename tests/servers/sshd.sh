#!/bin/bash
# An OpenSSH server of a test's own, on a free port of this machine, with its own host keys and one account: the caller's.
#   sshd.sh start FOLDER [--password | --dialogue] [LINE...]
#                                    FOLDER/env gets PORT, USER and FINGERPRINT; LINEs are added to its configuration
#   sshd.sh stop FOLDER              ends the server and the connections that it has open
#   sshd.sh signal FOLDER SIGNAL     sends it to the server's connections
# FOLDER also gets: data/ (to keep objects), known_hosts, id_ed25519, id_rsa, id_encrypted (passphrase "open sesame"),
# id_stranger (a key that the server does not know), and the host keys.
# --password and --dialogue (only root can): one more account, in USER, whose password is in FOLDER/password. The server
# takes it by SSH's method "password", checked by itself, or by questions, checked by PAM ("keyboard-interactive"). The
# account exists only in the server's own view of /etc: nothing of the machine changes, whatever becomes of the server.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
account=drkit-test account_id=64321
# Runs its arguments where /etc is as the folder $0 has it.
view_script='for file in passwd shadow pam.d/sshd; do mount --bind "$0/$file" "/etc/$file"; done; exec "$@"'

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
  local folder=$1 port=$2 mode=$3
  shift 3
  # Of two lines about one thing the server heeds the first.
  { [ $# = 0 ] || printf '%s\n' "$@"; } >"$folder/sshd_config"
  cat >>"$folder/sshd_config" <<CONFIG
ListenAddress 127.0.0.1
Port $port
HostKey $folder/host_ed25519
HostKey $folder/host_ecdsa
AuthorizedKeysFile $folder/authorized_keys
StrictModes no
PubkeyAuthentication yes
PasswordAuthentication $([ "$mode" = --password ] && echo yes || echo no)
KbdInteractiveAuthentication $([ "$mode" = --dialogue ] && echo yes || echo no)
UsePAM $([ "$mode" = --dialogue ] && echo yes || echo no)
PermitRootLogin prohibit-password
UseDNS no
PidFile none
MaxStartups 100
Subsystem sftp internal-sftp
CONFIG
}

# FOLDER/etc gets the machine's accounts and one more.
make_account() {
  local folder=$1
  mkdir -p "$folder/etc/pam.d"
  [ -s "$folder/password" ] || (umask 077 && openssl rand -hex 16 >"$folder/password")
  { cat /etc/passwd; echo "$account:x:$account_id:$account_id::$folder/data:/bin/false"; } >"$folder/etc/passwd"
  (umask 077 && { cat /etc/shadow; echo "$account:$(openssl passwd -6 -stdin <"$folder/password"):19000:0:99999:7:::"; } \
    >"$folder/etc/shadow")
  printf '%s\n' 'auth optional pam_echo.so file=/etc/hostname' 'auth required pam_unix.so' 'account required pam_unix.so' \
    'session required pam_permit.so' >"$folder/etc/pam.d/sshd"
  chown "$account_id:$account_id" "$folder/data"
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
  local folder=$1 mode='' port user view=()
  shift
  case ${1:-} in --password | --dialogue) mode=$1; shift ;; esac
  mkdir -p "$folder/data"
  # Without the folder of its privilege separation a server of root's refuses to start.
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
  make_keys "$folder"
  user=$(id -un)
  if [ -n "$mode" ]; then
    [ "$(id -u)" = 0 ] || { echo "sshd.sh: only root can make an account with a password" >&2; return 1; }
    make_account "$folder"
    user=$account view=(unshare --mount --propagation private bash -euc "$view_script" "$folder/etc")
  fi
  port=$(sed -n 's/^PORT=//p' "$folder/env" 2>/dev/null || true)
  [ -n "$port" ] || port=$(free_port)
  configure "$folder" "$port" "$mode" "$@"
  # By its whole path: the server runs itself anew for each connection.
  setsid "${view[@]}" /usr/sbin/sshd -D -e -f "$folder/sshd_config" >"$folder/sshd.log" 2>&1 </dev/null &
  echo $! >"$folder/sshd.pid"
  await_port "$port" || { cat "$folder/sshd.log" >&2; return 1; }
  printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$folder/host_ed25519.pub")" >"$folder/known_hosts"
  printf 'PORT=%s\nUSER=%s\nFINGERPRINT=%s\n' "$port" "$user" \
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
