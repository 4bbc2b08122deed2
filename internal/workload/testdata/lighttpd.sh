#seal lighttpd --module /usr/lib/lighttpd/mod_*.so : sh cat
#seal curl --exec deny
certificate tls
cat tls.pem tls.key >both.pem
mkdir www
echo hello >www/index.html
seq 1 30000 >www/file.txt
cat >www/x.cgi <<'CGI'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'; echo "method $REQUEST_METHOD"; cat
CGI
chmod +x www/x.cgi
cat >l.conf <<CONF
server.document-root = "$WORK/www"
server.port = $PORT
server.bind = "127.0.0.1"
server.errorlog = "$WORK/error"
server.modules = ("mod_openssl", "mod_cgi", "mod_accesslog", "mod_deflate", "mod_dirlisting")
accesslog.filename = "$WORK/access"
cgi.assign = (".cgi" => "")
index-file.names = ("index.html")
server.max-worker = 0
deflate.mimetypes = ("text/plain")
mimetype.assign = (".txt" => "text/plain")
\$SERVER["socket"] == "127.0.0.1:$((PORT + 1))" { ssl.engine = "enable" ssl.pemfile = "$WORK/both.pem" }
CONF
lighttpd -tt -f l.conf 2>&1 | sed 's/.*) //' | tail -1
lighttpd -D -f l.conf &
main=$!
port "$PORT"
curl -s "http://127.0.0.1:$PORT/"
curl -s "http://127.0.0.1:$PORT/file.txt" | sha256sum
curl -s --compressed "http://127.0.0.1:$PORT/file.txt" | sha256sum
curl -s -d body "http://127.0.0.1:$PORT/x.cgi"; echo
curl -s --cacert tls.pem "https://localhost:$((PORT + 1))/"
curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$PORT/none"
curl -s -Z "http://127.0.0.1:$PORT/" "http://127.0.0.1:$PORT/" --no-progress-meter | sort
curl -s -T www/file.txt -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$PORT/up"
curl -s --retry 0 http://127.0.0.1:1/ || echo "exit $?"
curl -s "file://$WORK/www/index.html" -o o && cat o
kill -HUP "$main"; sleep 0.3
curl -s "http://127.0.0.1:$PORT/"
kill -USR1 "$main"; sleep 0.7
retry curl -sf "http://127.0.0.1:$PORT/"
kill -INT "$main"; wait "$main" || echo "exit $?"
