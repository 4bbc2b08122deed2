#seal bash : sort cat diff sleep tr
#seal dash : cat sleep tr
#seal busybox : busybox
cat >s <<'S'
x=1; for i in 1 2 3; do x=$((x * i + 1)); done; echo $x
(exit 3) || echo "status $?"
echo a b c | while read -r a b; do echo "$b $a"; done
cat <<HERE
here $x
HERE
f() { echo "f $1"; }; f y | tr a-z A-Z
sleep 0.1 & wait $!; echo "waited $?"
trap 'echo term' TERM; kill -TERM $$
test -d /usr && cd /usr && pwd
umask 027; ulimit -n >/dev/null
for f in /etc/host*; do :; done; echo "${f%%s*}"
exec 3>"$WORK/out"; echo three >&3; exec 3>&-; cat "$WORK/out"
S
for sh in bash dash "busybox sh"; do $sh s; done
bash -c 'a=(3 1 2); printf "%s\n" "${a[@]}" | sort; coproc cat; echo hi >&"${COPROC[1]}"; read -r l <&"${COPROC[0]}"; echo "$l"; diff <(echo 1) <(echo 2) || [[ abc =~ b ]] && echo yes; exec 5<>/dev/null; read -t 0.1 <&5; echo $?; mapfile -t m <s; echo ${#m[@]}'
printf 'echo interactive\nexit 6\n' | bash --norc -i 2>/dev/null || echo "exit $?"
busybox seq 1 3 | busybox awk '{s+=$1} END {print s}'
busybox tar -cf t.tar s && busybox tar -tf t.tar
busybox httpd -f -p "127.0.0.1:$PORT" -h . &
port "$PORT"
busybox wget -q -O - "http://127.0.0.1:$PORT/s" | busybox sha256sum
busybox find . -name s -type f
busybox vi -h >/dev/null 2>&1 || true
