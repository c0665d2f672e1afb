#!/bin/bash
# A throw-away Ceph RADOS Gateway (Debian packages radosgw, ceph-mon, ceph-osd): one monitor, one OSD that keeps
# everything in memory, and a gateway that speaks S3 in clear text and over TLS.
#   rgw.sh start DIR        takes 13 s; DIR is missing, empty, or left by an earlier start, which it replaces
#   rgw.sh stop DIR
#   rgw.sh admin DIR ARGUMENT...      radosgw-admin
#   rgw.sh kill|revive DIR            SIGKILL to the gateway, and another one on its ports; the objects stay with the OSD
#   rgw.sh pause|resume DIR           SIGSTOP and SIGCONT to the OSD: requests hang meanwhile
# Leaves DIR/env with S3_ENDPOINT, S3_TLS_ENDPOINT, S3_CA_FILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=certificates.sh
. "$here/certificates.sh"

access_key=DRKITTESTACCESSKEY00
secret_key=drkit-test-secret-key-of-forty-bytes-000
kms_key=drkit-kms-key=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=

write_config() {
  local dir=$1 fsid=$2 first_port=$3
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $fsid
mon initial members = a
mon host = [v2:127.0.0.1:$((first_port)),v1:127.0.0.1:$((first_port + 1))]
# Without authentication the gateway never connects.
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = $dir/keyring
ms bind port min = $((first_port + 2))
ms bind port max = $((first_port + 40))
ms bind ipv6 = false
public network = 127.0.0.0/8
public addr = 127.0.0.1
run dir = $dir/run
# Nobody asks the daemons there, and a socket's path may not be long.
admin socket =
pid file = $dir/run/\$name.pid
log file = $dir/log/\$name.log
crash dir = $dir/log
# One copy of everything, and no more placement groups than must be.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 2
mon data avail crit = 1
osd objectstore = memstore
memstore device bytes = 6442450944
osd data = $dir/osd
# A machine that is busy for a minute must not cost the OSD its place: what it keeps in memory would be gone.
osd heartbeat grace = 600
osd op num shards = 1
osd op num threads per shard = 2
osd class load list = *
osd class default list = *
rgw thread pool size = 64
rgw crypt require ssl = false
# A key service of its own: one key that requests may name.
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = $kms_key
# The bucket in the host's name: BUCKET.localhost, which every machine finds at itself.
rgw dns name = localhost
rgw enable usage log = false
# Quotas hold at once, not after minutes.
rgw bucket quota ttl = 0
rgw gc obj min wait = 1
rgw gc processor period = 5
rgw data = $dir/rgw
[mon.a]
mon data = $dir/mon
CONF
}

make_keys() {
  local ring=$1/keyring
  ceph-authtool --create-keyring "$ring" --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool "$ring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  ceph-authtool "$ring" --gen-key -n osd.0 --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  ceph-authtool "$ring" --gen-key -n client.rgw.a --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
}

start_monitor() {
  local dir=$1 fsid=$2 first_port=$3 conf=$1/ceph.conf
  monmaptool --create --clobber --fsid "$fsid" \
    --addv a "[v2:127.0.0.1:$((first_port)),v1:127.0.0.1:$((first_port + 1))]" "$dir/monmap"
  ceph-mon -c "$conf" --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring"
  start_daemon "$dir" mon ceph-mon -c "$conf" -i a -f
  wait_until 30 timeout 5 ceph -c "$conf" --connect-timeout 3 mon stat
}

start_osd() {
  local dir=$1 conf=$1/ceph.conf uuid
  uuid=$(cat /proc/sys/kernel/random/uuid)
  ceph -c "$conf" osd new "$uuid"
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$uuid"
  start_daemon "$dir" osd ceph-osd -c "$conf" -i 0 -f
  wait_until 40 sh -c "timeout 5 ceph -c '$conf' osd stat | grep -q '1 up'"
}

run_gateway() {
  local dir=$1 frontend
  frontend=$(tr '\n' ' ' <"$dir/frontend")
  start_daemon "$dir" rgw radosgw -c "$dir/ceph.conf" -n client.rgw.a -f --rgw-frontends "$frontend"
  # shellcheck source=/dev/null
  wait_until 90 curl -sf -o /dev/null "$(. "$dir/env" && echo "$S3_ENDPOINT")/"
}

# Beside STANDARD one more storage class, COLD, in the same pool.
add_storage_class() {
  local conf=$1
  radosgw-admin -c "$conf" zonegroup placement add --rgw-zonegroup default --placement-id default-placement \
    --storage-class COLD &&
    radosgw-admin -c "$conf" zone placement add --rgw-zone default --placement-id default-placement \
      --storage-class COLD --data-pool default.rgw.buckets.data
}

start_gateway() {
  local dir=$1 conf=$1/ceph.conf port tls_port
  port=$(free_port)
  tls_port=$(free_port)
  make_certificates "$dir/tls"
  cat >"$dir/env" <<ENV
S3_ENDPOINT=http://127.0.0.1:$port
S3_TLS_ENDPOINT=https://127.0.0.1:$tls_port
S3_CA_FILE=$dir/tls/ca.crt
AWS_ACCESS_KEY_ID=$access_key
AWS_SECRET_ACCESS_KEY=$secret_key
ENV
  {
    echo "beast endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$tls_port"
    echo "ssl_certificate=$dir/tls/server.crt ssl_private_key=$dir/tls/server.key"
  } >"$dir/frontend"
  # The first command makes the zone; the gateway reads it when it starts.
  radosgw-admin -c "$conf" user create --uid=drkit --display-name=drkit \
    --access-key="$access_key" --secret-key="$secret_key" &&
    add_storage_class "$conf" &&
    run_gateway "$dir"
}

start() {
  local dir=$1 fsid first_port
  if [ -e "$dir/ceph.conf" ]; then
    stop "$dir"
    rm -rf "$dir"
  fi
  mkdir -p "$dir"/{mon,osd,run,log,rgw}
  fsid=$(cat /proc/sys/kernel/random/uuid)
  first_port=$(free_port)
  write_config "$dir" "$fsid" "$first_port"
  # What the programs say goes to a file that is shown only when something fails.
  if ! {
    make_keys "$dir" && start_monitor "$dir" "$fsid" "$first_port" && start_osd "$dir" && start_gateway "$dir"
  } >"$dir/log/start.txt" 2>&1; then
    tail -20 "$dir"/log/start.txt "$dir"/*.log >&2
    stop "$dir"
    return 1
  fi
}

# The data is thrown away: nobody waits for a clean end of the OSD.
stop() {
  stop_daemon "$1" rgw TERM
  stop_daemon "$1" osd KILL
  stop_daemon "$1" mon KILL
}

command=${1:?start, stop, admin, kill, revive, pause or resume} dir=${2:?folder}
shift 2
case $command in
  start) start "$dir" ;;
  stop) stop "$dir" ;;
  admin) radosgw-admin -c "$dir/ceph.conf" "$@" ;;
  kill) kill_processes "$(cat "$dir/rgw.pid")" ;;
  revive) run_gateway "$dir" ;;
  pause) pause_processes "$(cat "$dir/osd.pid")" ;;
  resume) kill -CONT "$(cat "$dir/osd.pid")" ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
