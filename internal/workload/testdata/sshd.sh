#seal sshd : sshd bash cat id scp /usr/lib/openssh/sftp-server
#seal ssh --exec deny
#seal ssh-keygen --exec deny
#seal scp : ssh
#seal /usr/lib/openssh/sftp-server
# No start-up file of the machine's user is part of this.
mount -t tmpfs tmpfs "$(getent passwd "$(id -u)" | cut -d: -f6)"
ssh-keygen -q -t ed25519 -N '' -f key
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -lf key | cut -d' ' -f1
cp key.pub authorized
chmod 600 authorized
mkdir -p /run/sshd 2>/dev/null || true
cat >sshd.conf <<CONF
Port $PORT
ListenAddress 127.0.0.1
HostKey $WORK/host
PidFile $WORK/pid
AuthorizedKeysFile $WORK/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp $BIN/sftp-server
CONF
cat >ssh.conf <<CONF
Host *
  Port $PORT
  IdentityFile $WORK/key
  IdentitiesOnly yes
  UserKnownHostsFile $WORK/known
  StrictHostKeyChecking accept-new
  LogLevel ERROR
CONF
"$BIN/sshd" -f sshd.conf -t && echo valid
"$BIN/sshd" -f "$WORK/sshd.conf" -D -E "$WORK/sshd.log" &
main=$!
port "$PORT"
client() { ssh -F ssh.conf "$@"; }
client 127.0.0.1 'echo over ssh; id -u >/dev/null'
client -tt 127.0.0.1 'test -t 0 && echo terminal' </dev/null | tr -d '\r'
echo input | client -C 127.0.0.1 cat
client 127.0.0.1 'exit 7' || echo "exit $?"
seq 1 50000 >file
scp -q -F ssh.conf -S "$BIN/ssh" file "127.0.0.1:$WORK/copied" && cmp file copied && echo copied
scp -q -O -F ssh.conf -S "$BIN/ssh" "127.0.0.1:$WORK/file" back && cmp file back && echo back
client -f -N -L "$((PORT + 1)):127.0.0.1:$PORT" 127.0.0.1
retry sh -c "ssh-keyscan -p $((PORT + 1)) 127.0.0.1 2>/dev/null | grep -q ssh-"
kill -HUP "$main"; sleep 0.5; port "$PORT"
client 127.0.0.1 'echo again'
kill "$(cat pid)"
wait "$main" || true
pkill -f "$((PORT + 1)):127.0.0.1:$PORT" || true
