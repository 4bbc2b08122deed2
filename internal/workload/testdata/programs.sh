#seal? vim.basic : bash
#seal tmux : sh sleep /usr/lib/x86_64-linux-gnu/utempter/utempter
#seal gpg : gpg-agent
#seal less --exec deny
#seal ps
#seal ip --exec deny
#seal strace : sh cat wc
#seal free
seq 1 100 >f
if test -x "$BIN/vim.basic"; then vim.basic -u NONE -es -c '%s/5/five/g' -c 'w g' -c '!true' -c q f; grep -c five g; fi
TERM=xterm tmux -S "$WORK/t" -f /dev/null new-session -d -x 80 -y 24 "sh -c 'echo in tmux >$WORK/out; sleep 60'"
retry test -s out
cat out
TERM=xterm tmux -S "$WORK/t" list-sessions | cut -d: -f1
TERM=xterm tmux -S "$WORK/t" split-window "echo split >$WORK/split"; retry test -s split
TERM=xterm tmux -S "$WORK/t" kill-server
mkdir -m 700 gnupg; export GNUPGHOME=$WORK/gnupg
gpg -q --batch --passphrase x --pinentry-mode loopback -c -o f.gpg f 2>/dev/null && gpg -q --batch --passphrase x --pinentry-mode loopback -d f.gpg 2>/dev/null | cmp - f && echo decrypted
gpgconf --kill all
less -F f </dev/null | wc -l
ps -p 1 -o pid= | tr -d ' '
ip -o addr show lo | grep -c 127.0.0.1
ip -j route >/dev/null && echo routes
strace -f -e trace=openat -o tr sh -c 'cat f | wc -l'
grep -c openat tr >/dev/null && echo traced
free -b | wc -l
