# The throw-away cluster of the quickstart: its own directory, its own socket, no network. Sourced by run.
# Uses: $scratch, $scale

# The directory of the newest server that libdrkit knows, with all programs that are needed; nothing when there is none.
find_postgresql() {
  local version directory
  for version in 18 17 16 15; do
    directory=/usr/lib/postgresql/$version/bin
    if [ -x "$directory/initdb" ] && [ -x "$directory/pgbench" ] && [ -x "$directory/psql" ]; then
      echo "$directory"
      return
    fi
  done
}

postgresql_version() { "$(find_postgresql)/postgres" --version | awk '{ print $3 }'; }

# The server refuses to run as root.
as_server() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid="$(id -g postgres)" --init-groups -- "$@"
  else
    "$@"
  fi
}

server_log() { [ ! -e "$scratch/socket/log" ] || tail -n 20 "$scratch/socket/log" >&2; }

make_cluster() {
  mkdir -m 700 "$scratch/data" "$scratch/socket"
  [ "$(id -u)" != 0 ] || chown postgres: "$scratch/data" "$scratch/socket"
  # Access by the socket alone, and that is in a directory which only the server's user and root can enter.
  (cd / && as_server "$(find_postgresql)/initdb" -D "$scratch/data" -U quickstart -A trust -E UTF8 --locale=C \
    --data-checksums --no-sync >"$scratch/initdb.log" 2>&1) || { tail -n 5 "$scratch/initdb.log" >&2; die "initdb failed"; }
  cat >>"$scratch/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$scratch/socket'
port = 5432
shared_buffers = 128MB
max_wal_size = 2GB
fsync = off
logging_collector = off
CONF
  start_cluster
}

start_cluster() {
  (cd / && as_server "$(find_postgresql)/pg_ctl" -D "$scratch/data" -l "$scratch/socket/log" -w -t 120 -s start </dev/null) ||
    { server_log; die "the server does not start"; }
}

stop_cluster() {
  [ -e "$scratch/data/postmaster.pid" ] || return 0
  (cd / && as_server "$(find_postgresql)/pg_ctl" -D "$scratch/data" -m "$1" -w -s stop </dev/null)
}

sql() { "$(find_postgresql)/psql" -XAtq -v ON_ERROR_STOP=1 -h "$scratch/socket" -p 5432 -U quickstart -d postgres "$@"; }

fill_cluster() {
  local bench
  bench=$(find_postgresql)/pgbench
  "$bench" -q -i -s "$1" -h "$scratch/socket" -p 5432 -U quickstart postgres >"$scratch/pgbench.log" 2>&1 ||
    { tail -n 5 "$scratch/pgbench.log" >&2; die "pgbench failed"; }
  sql -v rows=$(($1 * 20000)) <<'SQL'
CREATE TABLE letters (
  id bigint PRIMARY KEY,
  written timestamptz NOT NULL,
  header jsonb NOT NULL,
  body text NOT NULL
);
INSERT INTO letters
SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '37 seconds',
  jsonb_build_object('from', 'customer-' || i * 7919 % 5003, 'city', (ARRAY['Aachen','Bergen','Cádiz','Dakar','Évora'])[1 + i % 5],
    'ref', md5(i::text), 'items', i % 17),
  'Dear friends, order ' || i || ' of ' || (i * 31 % 977) || ' boxes came on time. ' ||
    repeat('The count was right and nothing was broken. ', (i % 5)::int) || md5((i * 3)::text)
FROM generate_series(1::bigint, :rows) AS i;
CREATE INDEX ON letters (written);
CREATE INDEX ON letters ((header->>'city'));
SQL
  sql -c 'VACUUM ANALYZE' -c 'CHECKPOINT'
}

# A day's work: payments, most of them between the accounts that are in use, new letters, and changes to recent ones.
change_cluster() {
  cat >"$scratch/payment.sql" <<'SQL'
\set aid random_exponential(1, 100000 * :scale, 200)
\set tid random(1, 10 * :scale)
\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, 1, :aid, :delta, CURRENT_TIMESTAMP);
END;
SQL
  "$(find_postgresql)/pgbench" -n -c 2 -t 2000 -D scale="$1" -f "$scratch/payment.sql" \
    -h "$scratch/socket" -p 5432 -U quickstart postgres >"$scratch/pgbench.log" 2>&1 ||
    { tail -n 5 "$scratch/pgbench.log" >&2; die "pgbench failed"; }
  sql -v rows=$(($1 * 20000)) <<'SQL'
UPDATE letters SET body = body || ' Kind regards.' WHERE id > :rows - 2000;
DELETE FROM letters WHERE id > :rows - 4000 AND id % 7 = 0;
INSERT INTO letters SELECT id + :rows, written + interval '1 year', header, md5(body) || body FROM letters WHERE id <= 5000;
SQL
}

# One line a table: its name, its rows, and a sum of hashes that changes with any column of any row.
row_checksums() {
  local table
  for table in pgbench_accounts pgbench_branches pgbench_tellers pgbench_history letters; do
    sql -F ' ' -c "SELECT '$table', count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM $table AS t"
  done
}

destroy_cluster() {
  stop_cluster immediate
  rm -rf "$scratch/data"
}
