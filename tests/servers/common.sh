# Helpers that the server scripts share; source it. Processes are ended by the id that their own start wrote down.

# A free TCP port below the range from which the kernel picks ports of outgoing connections.
free_port() {
  local port
  for _ in $(seq 200); do
    port=$((15000 + (RANDOM * 32768 + RANDOM) % 17000))
    if ! ss -Hltn "sport = :$port" | grep -q .; then
      echo "$port"
      return 0
    fi
  done
  echo "no free port found" >&2
  return 1
}

# Servers that refuse to be root run as USER then; for everyone else the command runs as it is.
run_as() {
  local user=$1
  shift
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups env HOME=/tmp "$@"
  else
    "$@"
  fi
}

# Where downloads are kept between runs.
cache_dir() {
  echo "${DRKIT_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/drkit-tests}"
}
