#seal memcached
who=$(id -un)
memcached -u "$who" -l 127.0.0.1 -p "$PORT" -U "$PORT" -t 3 -m 32 -o modern &
one=$!
memcached -u "$who" -s "$WORK/sock" -t 2 &
two=$!
port "$PORT"
talk() { timeout 5 /usr/bin/python3 -c '
import socket,sys
s=socket.create_connection(("127.0.0.1",int(sys.argv[1])))
s.sendall(sys.stdin.buffer.read().replace(b"\n",b"\r\n")+b"quit\r\n")
while True:
  d=s.recv(65536)
  if not d: break
  sys.stdout.write(d.decode().replace("\r",""))' "$PORT"; }
printf 'set a 0 0 5\nhello\nget a\nincr n 1\nadd n 0 0 1\n1\nincr n 4\nverbosity 1\nflush_all\nget a\nstats settings\n' | talk | grep -v ^STAT
{ for i in $(seq 3000); do printf 'set k%d 0 0 10\n0123456789\n' "$i"; done; } | talk | sort | uniq -c | tr -s ' '
printf 'stats slabs\nstats items\nlru_crawler crawl all\ncache_memlimit 64\n' | talk | grep -v ^STAT | sort
/usr/bin/python3 - "$PORT" <<'PY'
import socket,sys
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(b"\0\1\0\0\0\1\0\0version\r\n",("127.0.0.1",int(sys.argv[1])))
print(s.recv(100)[8:15])
u=socket.socket(socket.AF_UNIX); u.connect("sock"); u.sendall(b"version\r\n"); print(u.recv(100)[:7])
PY
kill -TERM "$one"; wait "$one" || echo "exit $?"
kill -INT "$two"; wait "$two" || echo "exit $?"
