#seal redis-server --exec deny
#seal redis-cli --exec deny
#seal redis-benchmark
mkdir one two
server() { redis-server --port "$1" --dir "$2" --bind 127.0.0.1 --logfile log --pidfile pid --daemonize no "${@:3}" & }
server "$PORT" one --appendonly yes --save 1000 1 --unixsocket "$WORK/sock"
main=$!
port "$PORT"
server $((PORT + 1)) two --replicaof 127.0.0.1 "$PORT"
port $((PORT + 1))
cli() { redis-cli -p "$PORT" "$@"; }
cli set greeting hello
redis-cli -s "$WORK/sock" append greeting ' world'
for i in $(seq 200); do echo "rpush list item$i"; done | redis-cli -p "$PORT" --pipe >/dev/null
cli llen list
cli eval 'return redis.call("incrby", KEYS[1], 41) + 1' 1 counter
cli config set maxmemory 200mb
cli bgsave >/dev/null
retry sh -c "redis-cli -p $PORT info persistence | grep -q rdb_bgsave_in_progress:0"
cli bgrewriteaof >/dev/null
retry sh -c "redis-cli -p $PORT info persistence | grep -q aof_rewrite_in_progress:0"
retry sh -c "redis-cli -p $((PORT + 1)) info replication | grep -q master_link_status:up"
cli wait 1 5000
redis-cli -p $((PORT + 1)) get greeting
redis-benchmark -p "$PORT" -q -n 400 -c 20 --threads 2 -t set,get >/dev/null
cli --rdb dump.rdb >/dev/null 2>&1
head -c5 dump.rdb; echo
cli debug sleep 0 2>&1 | head -c 3; echo
cli publish channel message
cli shutdown save || true
wait "$main" || echo "exit $?"
server "$PORT" one --appendonly yes
main=$!
retry sh -c "redis-cli -p $PORT info persistence | grep -q ^loading:0"
cli get greeting
cli get counter
kill -TERM "$main"
wait "$main" && echo "exit 0"
redis-cli -p $((PORT + 1)) replicaof no one
redis-cli -p $((PORT + 1)) shutdown nosave || true
redis-cli -p 1 ping 2>/dev/null || echo "exit $?"
