#seal nginx --allow-unresolved : nginx
certificate tls
mkdir -p www/dir logs
seq 1 20000 >www/file
echo hello >www/index.html; echo x >www/dir/x
cat >nginx.conf <<CONF
worker_processes 2;
pid $WORK/pid;
error_log $WORK/logs/error info;
daemon on;
events { worker_connections 64; }
http {
  access_log $WORK/logs/access;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  gzip on; gzip_types text/plain; sendfile on; aio threads;
  proxy_cache_path $WORK/cache keys_zone=one:1m;
  server { listen 127.0.0.1:$PORT; root $WORK/www; location /auto/ { autoindex on; alias $WORK/www/dir/; }
    location /put { client_body_in_file_only clean; proxy_pass http://127.0.0.1:$PORT/; }
    location /cached { proxy_cache one; proxy_pass http://127.0.0.1:$PORT/file; } }
  server { listen 127.0.0.1:$((PORT + 1)) ssl http2; ssl_certificate $WORK/tls.pem; ssl_certificate_key $WORK/tls.key; root $WORK/www; }
}
CONF
nginx -p "$WORK" -c nginx.conf -t -q && echo valid
"$BIN/nginx" -p "$WORK" -c nginx.conf
port "$PORT"
get() { curl -s --cacert tls.pem "$@"; }
get "http://127.0.0.1:$PORT/"
get "http://127.0.0.1:$PORT/file" | sha256sum
get --compressed "http://127.0.0.1:$PORT/file" | sha256sum
get -r 5-9 "http://127.0.0.1:$PORT/file"; echo
get "http://127.0.0.1:$PORT/auto/" | grep -c href
get "http://127.0.0.1:$PORT/cached" | sha256sum
get "http://127.0.0.1:$PORT/cached" | sha256sum
head -c 200000 /dev/zero | get --data-binary @- -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$PORT/put"
get "https://localhost:$((PORT + 1))/"
get -o /dev/null -w '%{http_code}\n' "https://localhost:$((PORT + 1))/none"
old=$(cat pid)
echo new >www/index.html
kill -HUP "$old"; sleep 0.5
get "http://127.0.0.1:$PORT/"
mv logs/access logs/moved && kill -USR1 "$old"
retry test -s logs/access -o -f logs/access
# A new binary takes over the sockets.
kill -USR2 "$old"
retry test -f pid.oldbin
retry sh -c "[ \$(cat $WORK/pid) != $old ]"
kill -WINCH "$old"
get "https://localhost:$((PORT + 1))/"
kill -QUIT "$old"
gone "$old"
get "http://127.0.0.1:$PORT/"
new=$(cat pid)
nginx -p "$WORK" -c nginx.conf -s stop
gone "$new"
grep -c 'exited on signal 31' logs/error || true
grep -E '\[(emerg|alert|crit)\]' logs/error | sed 's/.*\[/[/' || true
