# A certificate authority of one test and what it signs; source it. Needs openssl.

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
