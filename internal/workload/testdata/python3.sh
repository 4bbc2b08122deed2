#seal /usr/bin/python3.11 --allow-unresolved --module /usr/lib/python3.11/lib-dynload/*.so : sh cat echo
cat >work.py <<'PY'
import asyncio, ctypes, hashlib, json, mmap, multiprocessing, os, select, signal, socket, sqlite3
import ssl, subprocess, sys, tempfile, threading, time, zlib, http.server, urllib.request
print(hashlib.sha256(b"x" * 1000).hexdigest()[:8], zlib.crc32(b"abc"))
lock, total = threading.Lock(), [0]
def add():
    for _ in range(1000):
        with lock: total[0] += 1
threads = [threading.Thread(target=add) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(total)
print(subprocess.run(["sh", "-c", "echo child; exit 3"], capture_output=True))
print(subprocess.check_output("cat", input=b"piped", shell=True, preexec_fn=os.setsid))
db = sqlite3.connect("db"); db.execute("create table t(x)"); db.executemany("insert into t values(?)", [(i,) for i in range(99)]); db.commit()
print(db.execute("select sum(x) from t").fetchone())
with tempfile.TemporaryFile() as f:
    f.write(b"m" * 8192); f.flush()
    with mmap.mmap(f.fileno(), 0) as m: m[0:2] = b"ab"; m.flush(); print(m[:4])
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b"served")
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
threading.Thread(target=s.serve_forever, daemon=True).start()
print(urllib.request.urlopen("http://127.0.0.1:%d/" % s.server_port).read())
async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*server.sockets[0].getsockname())
    print(await r.read())
    p = await asyncio.create_subprocess_exec("echo", "async", stdout=asyncio.subprocess.PIPE)
    print(await p.communicate())
asyncio.run(main())
signal.signal(signal.SIGALRM, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)
pid = os.fork()
if pid == 0: os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, -2]))
ep = select.epoll(); a, b = socket.socketpair(); ep.register(a, select.EPOLLIN); b.send(b"!"); print(len(ep.poll(1)))
print(socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4], ctypes.CDLL(None).getpid() == os.getpid())
os.makedirs("d/e"); os.symlink("d", "l"); os.rename("d/e", "d/f"); os.utime("d", (1, 1)); print(sorted(os.scandir("."), key=lambda e: e.name)[0].name, os.stat("d").st_mtime)
print(len(os.urandom(8)), os.cpu_count() > 0, os.nice(0), len(os.sched_getaffinity(0)) > 0)
ssl.create_default_context(); sys.exit(4)
PY
python3.11 work.py || echo "exit $?"
python3.11 -c 'print(sum(range(10)))'
python3.11 -m json.tool <<<'{"a": 1}'
