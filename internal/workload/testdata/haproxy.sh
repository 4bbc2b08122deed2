#seal haproxy : haproxy
certificate tls
cat tls.pem tls.key >both.pem
/usr/bin/python3 -m http.server -b 127.0.0.1 $((PORT + 2)) >/dev/null 2>&1 &
echo hello >index.html
cat >h.cfg <<CONF
global
  stats socket $WORK/admin level admin expose-fd listeners
  nbthread 2
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend f
  bind 127.0.0.1:$PORT
  bind 127.0.0.1:$((PORT + 1)) ssl crt $WORK/both.pem alpn h2,http/1.1
  default_backend b
backend b
  option httpchk GET /
  server s 127.0.0.1:$((PORT + 2)) check inter 100
CONF
port $((PORT + 2))
haproxy -c -q -f h.cfg && echo valid
haproxy -W -p "$WORK/pid" -f h.cfg >>log 2>&1 &
main=$!
port "$PORT"
retry curl -sf "http://127.0.0.1:$PORT/index.html"
curl -s "http://127.0.0.1:$PORT/index.html"
curl -s --cacert tls.pem "https://localhost:$((PORT + 1))/index.html"
stat() { /usr/bin/python3 -c '
import socket,sys
s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode()+b"\n")
d=b""
while True:
  c=s.recv(9999)
  if not c: break
  d+=c
print(d.decode())' "$WORK/admin" "$1"; }
stat 'show info' | grep -c ^Nbthread
for _ in 1 2 3; do
  kill -USR2 "$main"
  sleep 0.7
  retry curl -sf "http://127.0.0.1:$PORT/index.html"
done
curl -s "http://127.0.0.1:$PORT/index.html"
retry sh -c "curl -s http://127.0.0.1:$PORT/index.html"
stat 'disable server b/s' | tr -d '\n'
curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$PORT/"
kill -USR1 "$main"
{ sleep 3; kill -USR1 "$main"; } >/dev/null 2>&1 & # it may still execute itself, and forget the first one
wait "$main" || echo "exit $?"
