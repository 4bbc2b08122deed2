#seal mosquitto --exec deny
printf "listener $PORT 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location $WORK/\nautosave_interval 1\nlog_dest file $WORK/m.log\nuser $(id -un)\n" >m.conf
mosquitto -c m.conf &
main=$!
port "$PORT"
cat >client.py <<'PY'
import socket, sys
def connect(name):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.settimeout(5)
    s.sendall(b"\x10" + bytes([12 + len(name)]) + b"\0\4MQTT\4\2\0\x3c\0" + bytes([len(name)]) + name); assert s.recv(4)[3] == 0
    return s
sub = connect(b"sub"); sub.sendall(b"\x82\x08\0\1\0\3a/b\0"); print(sub.recv(5).hex())
pub = connect(b"pub"); pub.sendall(b"\x30\x0a\0\3a/bhello"); print(sub.recv(12)[-5:])
pub.sendall(b"\x31\x0a\0\3a/bsaved\xc0\0"); print(pub.recv(2).hex(), sub.recv(12)[-5:])
PY
/usr/bin/python3 client.py "$PORT"
kill -USR1 "$main"; retry test -s mosquitto.db
kill -HUP "$main"
/usr/bin/python3 client.py "$PORT" | head -1
kill -TERM "$main"; wait "$main" && echo "exit 0"
