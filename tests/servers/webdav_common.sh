# What the WebDAV servers share; source it after common.sh.
#
# DIR/url       address of the served folder, http:// or https://
# DIR/files     the folder itself, on this machine
# User "drkit", password "drkit-test". DIR/tls holds ca.crt and the certificates of make_certificates.

dav_user=drkit
dav_password=drkit-test

# Workers run as this account when root starts a server that then drops its rights.
dav_worker=www-data

# make_certificates DIR: an authority, a server certificate for 127.0.0.1, one that has expired, and a client's.
make_certificates() {
  local dir=$1
  [ -s "$dir/client.crt" ] && return
  mkdir -p "$dir"
  (
    cd "$dir"
    exec 2>openssl.log
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj "/CN=drkit test authority" \
      -keyout ca.key -out ca.crt
    issue_certificate server 7 "DNS:localhost,IP:127.0.0.1"
    issue_certificate expired -1 "DNS:localhost,IP:127.0.0.1"
    issue_certificate elsewhere 7 "DNS:elsewhere.example"
    issue_certificate client 7 "DNS:client"
    chmod 644 ./*.key
  )
}

# issue_certificate NAME DAYS SUBJECT_ALTERNATIVE_NAMES: in the current folder, where the authority is.
issue_certificate() {
  local name=$1 days=$2 names=$3 begin=()
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
  if [ "$days" -lt 0 ]; then
    # `x509 -days` only counts forward; `ca` takes dates.
    : >index.txt
    echo 01 >serial
    openssl ca -batch -name x -in "$name.csr" -out "$name.crt" -startdate 20200101000000Z \
      -enddate 20200201000000Z -notext -md sha256 -keyfile ca.key -cert ca.crt -outdir . \
      -config <(printf '[x]\ndatabase=index.txt\nserial=serial\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=%s\n' "$names")
  else
    openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -out "$name.crt" \
      -extfile <(printf 'subjectAltName=%s\n' "$names")
  fi
}

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
  local dir=$1 name=$2 signal=$3 pid
  for pid in $(ps -o pid= -s "$(cat "$dir/$name.pid")"); do kill -"$signal" "$pid" 2>/dev/null || true; done
}
