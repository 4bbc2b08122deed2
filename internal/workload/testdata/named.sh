#seal named --allow-unresolved
cat >named.conf <<CONF
options { directory "$WORK"; listen-on port $PORT { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; pid-file "$WORK/pid"; session-keyfile "$WORK/session"; dnssec-validation no; };
controls { };
zone "example.test" { type primary; file "zone"; };
CONF
printf '$TTL 60\n@ SOA ns hostmaster 1 1 1 1 1\n@ NS ns\nns A 127.0.0.1\nwww A 10.0.0.1\nwww AAAA ::5\n' >zone
named -g -c named.conf -n 2 >>log 2>&1 &
main=$!
port "$PORT"
retry sh -c "dig +short @127.0.0.1 -p $PORT www.example.test | grep -q 10.0.0.1" # it listens before the zone is loaded
ask() { dig +short +tries=2 @127.0.0.1 -p "$PORT" "$@"; }
ask www.example.test
ask +tcp AAAA www.example.test
ask AXFR example.test | wc -l
printf '$TTL 60\n@ SOA ns hostmaster 2 1 1 1 1\n@ NS ns\nns A 127.0.0.1\nwww A 10.0.0.2\n' >zone
kill -HUP "$main"
retry sh -c "dig +short @127.0.0.1 -p $PORT www.example.test | grep -q 10.0.0.2"
ask www.example.test
kill -TERM "$main"; wait "$main" && echo "exit 0"
