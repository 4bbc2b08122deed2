# Common parts of the workloads; see ../workload_test.go.
set -eu
PATH=$BIN:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C TZ=UTC HOME=$WORK
cd "$WORK"

# quietly COMMAND...: its output goes to a file that is shown only where the test fails.
quietly() { "$@" >>"$WORK/log" 2>&1; }

# port N: until somebody listens on it.
port() {
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "nothing listens on port $1" >&2
  return 1
}

# retry COMMAND...: until it succeeds.
retry() {
  for _ in $(seq 100); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  echo "failed: $*" >&2
  return 1
}

# gone PID: until the process has ended.
gone() {
  for _ in $(seq 100); do
    if ! kill -0 "$1" 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "still there: $1" >&2
  return 1
}

trap 'jobs -p | xargs -r kill -9 2>/dev/null || true' EXIT

# certificate NAME: NAME.pem and NAME.key for localhost, made by the system's own openssl.
certificate() {
  /usr/bin/openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
