#seal? caddy --exec deny --allow-unresolved
#seal goserver
#seal? rustserver
mkdir www && seq 1 5000 >www/f
if test -x "$BIN/caddy"; then
  printf '{\n admin off\n auto_https off\n}\nhttp://127.0.0.1:%s {\n root * %s\n file_server\n encode gzip\n}\n' "$PORT" "$WORK/www" >Caddyfile
  caddy run --config Caddyfile >>log 2>&1 & main=$!
  port "$PORT"
  curl -s "http://127.0.0.1:$PORT/f" | sha256sum
  curl -s --compressed "http://127.0.0.1:$PORT/f" | sha256sum
  kill -TERM "$main"; wait "$main" && echo "exit 0"
fi
n=1
for s in goserver rustserver; do
  test -x "$BIN/$s" || continue
  n=$((n + 1))
  "$BIN/$s" "127.0.0.1:$((PORT + n))" www & main=$!
  port $((PORT + n))
  for _ in 1 2 3 4; do curl -s "http://127.0.0.1:$((PORT + n))/f" | sha256sum & done; wait %2 %3 %4 %5 2>/dev/null || true
  curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$((PORT + n))/none"
  curl -s "http://127.0.0.1:$((PORT + n))/stop"
  wait "$main" && echo "exit 0"
done
