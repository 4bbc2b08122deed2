#seal wget --exec deny
#seal openssl --exec deny
#seal socat : sh cat tr
#seal rsync --exec deny
#seal dig
#seal dnsmasq --exec deny
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout k.pem -out c.pem 2>/dev/null
openssl x509 -in c.pem -noout -subject
seq 1 9999 | openssl dgst -sha256
seq 1 9999 | openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -S 0011223344556677 | openssl dgst -md5
openssl genpkey -algorithm ed25519 | wc -l
openssl rand -hex 8 | wc -c
openssl prime 97
mkdir www && cd www && seq 1 5000 >f && openssl s_server -quiet -accept "127.0.0.1:$PORT" -cert ../c.pem -key ../k.pem -WWW >/dev/null 2>&1 &
retry openssl s_client -connect "127.0.0.1:$PORT" -CAfile c.pem -verify_return_error
wget -q --ca-certificate=c.pem -O - "https://localhost:$PORT/f" | sha256sum
wget -q -O - "https://localhost:$PORT/f" || echo "exit $?"
wget -q -T 1 -t 1 -O - http://127.0.0.1:1/ || echo "exit $?"
socat "TCP-LISTEN:$((PORT + 1)),reuseaddr,fork,bind=127.0.0.1" SYSTEM:'tr a-z A-Z' &
port $((PORT + 1))
echo shout | socat -t 5 - "TCP:127.0.0.1:$((PORT + 1))"
socat -u OPEN:www/f CREATE:copy && cmp www/f copy && echo same
socat PTY,link=pty,raw,echo=0 EXEC:cat & retry test -e pty
echo pty >pty & head -n1 pty | tr -d "\r" || true; kill %% 2>/dev/null || true
mkdir src && cp www/f src/ && ln -s f src/l
rsync -a src/ dst/ && diff -r src dst && echo local
printf "port=$((PORT + 2))\naddress=127.0.0.1\nuse chroot=no\npid file=$WORK/rpid\n[m]\npath=$WORK/src\nread only=no\nmunge symlinks=no\nuid=$(id -u)\ngid=$(id -g)\n" >rsyncd.conf
rsync --daemon --no-detach --config=rsyncd.conf & daemon=$!
port $((PORT + 2))
rsync -az "rsync://127.0.0.1:$((PORT + 2))/m/" from/ && diff -r src from && echo daemon
seq 1 7000 >from/f && rsync -az --delete from/ "rsync://127.0.0.1:$((PORT + 2))/m/" && diff -r src from && echo back
rsync "rsync://127.0.0.1:1/m/" 2>/dev/null || echo "exit $?"
kill "$daemon"
dnsmasq -k -C /dev/null --no-resolv --no-hosts --no-dhcp-interface=lo --listen-address=127.0.0.1 --bind-interfaces -p $((PORT + 3)) --address=/example.test/10.1.2.3 --txt-record=t.test,hello -x "$WORK/dpid" -u "$(id -un)" 2>/dev/null &
port $((PORT + 3))
dig +short +tries=2 @127.0.0.1 -p $((PORT + 3)) a.example.test
dig +short +tcp @127.0.0.1 -p $((PORT + 3)) t.test TXT
dig +time=1 +tries=1 +short @127.0.0.1 -p 1 x >/dev/null || echo "exit $?"
kill -HUP "$(cat dpid)"; dig +short @127.0.0.1 -p $((PORT + 3)) b.example.test
kill "$(cat dpid)"
