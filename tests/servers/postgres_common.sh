# Making, starting and stopping a PostgreSQL cluster in DIR/data; source it after common.sh.
#
# DIR/conninfo     superuser over the unix socket in DIR, no password
# DIR/conninfo_tcp the same role over 127.0.0.1; needs the password "drkit-test"
# DIR/bin          the folder of the server's programs
# DIR/lib          its library folder, empty when the system's own serve
# Needs bash, and the account `postgres` when run by root.

pg_owner=postgres

pg_program() {
  local dir=$1 program=$2
  shift 2
  local lib
  lib=$(cat "$dir/lib")
  run_as "$pg_owner" env ${lib:+"LD_LIBRARY_PATH=$lib"} "$(cat "$dir/bin")/$program" "$@"
}

# pg_reachable HOME DIR [PACKAGE]: the folder with the programs, where the account that runs the server can reach them: a cache
# below /root is copied, with the whole package above it where its libraries lie beside it.
pg_reachable() {
  local home=$1 dir=$2 package=${3:-$1}
  if [ "$(id -u)" = 0 ] && ! run_as "$pg_owner" test -x "$home/bin/postgres"; then
    mkdir -p "$dir"
    chmod 711 "$dir"
    cp -a "$package" "$dir/native"
    chmod -R a+rX "$dir/native"
    home=$dir/native${home#"$package"}
  fi
  echo "$home"
}

# pg_create DIR BIN LIB [SETTING=VALUE...]: initdb with page checksums and settings that suit short-lived tests.
# Of the settings, wal_segment_size (in MB) is initdb's.
pg_create() {
  local dir=$1 bin=$2 lib=$3 setting segment_size=16
  shift 3
  mkdir -p "$dir"
  chmod 711 "$dir"
  printf '%s' "$bin" >"$dir/bin"
  printf '%s' "$lib" >"$dir/lib"
  printf 'drkit-test\n' >"$dir/password"
  if [ "$(id -u)" = 0 ]; then chown "$pg_owner" "$dir" "$dir/password"; fi
  for setting in "$@"; do
    case $setting in wal_segment_size=*) segment_size=${setting#*=} ;; esac
  done
  if ! pg_program "$dir" initdb -D "$dir/data" -U drkit -A scram-sha-256 --pwfile="$dir/password" \
    -E UTF8 --locale=C --no-sync -k --wal-segsize="$segment_size" >"$dir/initdb.log" 2>&1; then
    cat "$dir/initdb.log" >&2
    return 1
  fi
  local port
  port=$(free_port)
  cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
fsync = off
shared_buffers = 64MB
wal_level = replica
max_wal_senders = 10
CONF
  for setting in "$@"; do
    case $setting in wal_segment_size=*) continue ;; esac
    printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}" >>"$dir/data/postgresql.conf"
  done
  cat >"$dir/data/pg_hba.conf" <<HBA
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
HBA
  echo "host=$dir port=$port user=drkit dbname=postgres" >"$dir/conninfo"
  echo "host=127.0.0.1 port=$port user=drkit dbname=postgres" >"$dir/conninfo_tcp"
}

# pg_create_standby DIR PRIMARY_DIR: a streaming hot standby of a running cluster; needs pg_basebackup of its version.
pg_create_standby() {
  local dir=$1 primary=$2 port
  mkdir -p "$dir"
  chmod 711 "$dir"
  cp "$primary/bin" "$primary/lib" "$dir/"
  if [ "$(id -u)" = 0 ]; then chown "$pg_owner" "$dir"; fi
  pg_program "$dir" pg_basebackup -d "$(cat "$primary/conninfo")" -D "$dir/data" -X stream -c fast -R --no-sync
  port=$(free_port)
  printf "port = %s\nunix_socket_directories = '%s'\n" "$port" "$dir" >>"$dir/data/postgresql.auto.conf"
  echo "host=$dir port=$port user=drkit dbname=postgres" >"$dir/conninfo"
}

pg_start() {
  local dir=$1
  if ! pg_program "$dir" pg_ctl -D "$dir/data" -l "$dir/server.log" -w -t 60 -s start; then
    tail -20 "$dir/server.log" >&2
    return 1
  fi
}

# pg_stop DIR [fast|immediate]; a cluster that does not run is fine.
pg_stop() {
  local dir=$1 mode=${2:-fast}
  [ -s "$dir/data/postmaster.pid" ] || return 0
  pg_program "$dir" pg_ctl -D "$dir/data" -m "$mode" -w -s stop
}
