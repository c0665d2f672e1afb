# Helpers that the server scripts share; source it. Processes are ended by the id that their own start wrote down.

# A free TCP port below the range from which the kernel picks ports of outgoing connections.
free_port() {
  local port
  for _ in $(seq 200); do
    port=$((15000 + (RANDOM * 32768 + RANDOM) % 17000))
    if [ -z "$(ss -Hltn "sport = :$port")" ]; then
      echo "$port"
      return 0
    fi
  done
  echo "no free port found" >&2
  return 1
}

# own_port DIR [NAME]: the port that an earlier start in DIR had, so that clients find the server again; else a free one.
own_port() {
  local file=$1/${2:-own}.port
  [ -s "$file" ] || free_port >"$file"
  cat "$file"
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

# start_daemon DIR NAME COMMAND...: detached from this terminal; DIR/NAME.pid and DIR/NAME.log are its own.
start_daemon() {
  local dir=$1 name=$2
  shift 2
  setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

# A process that has ended and that nobody waited for is gone, too.
is_running() {
  [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# No thread of the process PID runs any more. A signal only asks: one thread must get a processor before the others are stopped.
is_stopped() {
  [ -z "$(cat "/proc/$1/task/"*/status 2>/dev/null | grep '^State:' | grep -v '^State:.[TtZX]')" ]
}

is_gone() {
  ! is_running "$1"
}

# kill_processes PID...: back when all of them are gone, and their ports free.
kill_processes() {
  local pid
  kill -KILL "$@" 2>/dev/null || true
  for pid in "$@"; do wait_until 10 is_gone "$pid" || { echo "process $pid does not end" >&2; return 1; }; done
}

# pause_processes PID...: back when all of them stand still.
pause_processes() {
  local pid
  kill -STOP "$@" 2>/dev/null || true
  for pid in "$@"; do wait_until 10 is_stopped "$pid" || { echo "process $pid does not stop" >&2; return 1; }; done
}

# stop_daemon DIR NAME [SIGNAL]: asks, waits for ten seconds, then kills. One that does not run is fine.
stop_daemon() {
  local dir=$1 name=$2 signal=${3:-TERM} pid
  [ -s "$dir/$name.pid" ] || return 0
  pid=$(cat "$dir/$name.pid")
  rm -f "$dir/$name.pid"
  # A stopped process hears nothing but this.
  kill -CONT "$pid" 2>/dev/null || return 0
  kill -"$signal" "$pid" 2>/dev/null || return 0
  for _ in $(seq 200); do
    is_running "$pid" || return 0
    sleep 0.05
  done
  kill -KILL "$pid" 2>/dev/null || true
}

# wait_until SECONDS COMMAND...: until the command succeeds.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
}

# accepts PORT: whether somebody listens there.
accepts() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
