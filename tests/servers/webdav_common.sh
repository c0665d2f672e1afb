# What the WebDAV servers share; source it after common.sh.
#
# DIR/url       address of the served folder, http:// or https://
# DIR/files     the folder itself, on this machine
# User "drkit", password "drkit-test". DIR/tls holds ca.crt and the certificates of make_certificates.

dav_user=drkit
dav_password=drkit-test

# Workers run as this account when root starts a server that then drops its rights.
dav_worker=www-data

# shellcheck source=certificates.sh
. "$(dirname "${BASH_SOURCE[0]}")/certificates.sh"

# Root's servers give their rights up, so that the files must be the worker's.
own_files() {
  if [ "$(id -u)" = 0 ]; then chown -R "$dav_worker" "$@"; fi
}

# write_password DIR: for basic authentication.
write_password() {
  printf '%s:%s\n' "$dav_user" "$(openssl passwd -apr1 "$dav_password")" >"$1/passwords"
}

# wait_for_port DIR NAME PORT: or show what the server had to say.
wait_for_port() {
  wait_until 15 accepts "$3" && return
  tail -n 20 "$1/$2.log" "$1/error.log" >&2 2>/dev/null || true
  return 1
}

# What `pause`, `go_on` and `kill` do to a whole server: everything in the session that its start made.
signal_server() {
  local dir=$1 name=$2 signal=$3 pids=()
  read -r -d '' -a pids < <(ps -o pid= -s "$(cat "$dir/$name.pid")") || true
  if [ "$signal" = STOP ]; then pause_processes "${pids[@]:?no process of $name runs}"; return; fi
  if [ "$signal" = KILL ] && [ ${#pids[@]} != 0 ]; then kill_processes "${pids[@]}"; return; fi
  [ ${#pids[@]} = 0 ] || kill -"$signal" "${pids[@]}" 2>/dev/null || true
}
