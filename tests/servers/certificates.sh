# A certificate authority of one test and what it signs; source it. Needs openssl.
#
# DIR/ca.crt       the authority to trust
# DIR/server.crt   for localhost and 127.0.0.1, with server.key
# DIR/client.crt   for whoever must show one, with client.key
# DIR/expired.crt  like server.crt, but its time is over, with server.key

make_certificates() {
  local dir=$1 name
  mkdir -p "$dir"
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' >"$dir/names"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=drkit-test-ca \
    -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
  for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
      -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    sign_certificate "$dir" "$name" "$name" -days 30
  done
  # OpenSSL 3.0 signs no time that is over by its -days: a clock of its own does.
  sign_certificate "$dir" server expired -days -1
  chmod 644 "$dir"/*.key
}

sign_certificate() {
  local dir=$1 request=$2 name=$3
  shift 3
  openssl x509 -req -in "$dir/$request.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
    -extfile "$dir/names" -out "$dir/$name.crt" "$@" 2>/dev/null
}
