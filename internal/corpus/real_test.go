package corpus

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofind-dev/gofind"
)

// What real programs are run with: {dir} is an empty directory. A client is a shell script that is run
// a second after the program was started; then the program is terminated.
var realRuns = []struct {
	name, command, client string
}{
	{name: "cat", command: "cat /etc/passwd"},
	{name: "ls", command: "ls -laR /etc"},
	{name: "sqlite3", command: "sqlite3 {dir}/db create\ttable\tt(a);insert\tinto\tt\tvalues(1);select*from\tt;"},
	{name: "curl", command: "curl -s file:///etc/passwd"},
	{name: "curl, refused", command: "curl -s http://127.0.0.1:1/"},
	{name: "git", command: "git init -q {dir}/repository"},
	{name: "bash", command: "bash -c ls|cat;sleep\t0.1&wait;ulimit\t-a;trap\t:\tUSR1;kill\t-USR1\t$$"},
	{name: "redis-server", command: "redis-server --port 0 --unixsocket {dir}/socket --dir {dir} --appendonly yes",
		client: "for c in 'set a b' 'get a' bgsave 'info all' bgrewriteaof; do redis-cli -s {dir}/socket $c; done"},
	{name: "nginx", command: "nginx -p {dir} -c {dir}/nginx.conf -e {dir}/error",
		client: "curl -s --unix-socket {dir}/socket http://localhost/ http://localhost/nginx.conf http://localhost/nothing; kill -HUP $(cat {dir}/pid); sleep 1; curl -s --unix-socket {dir}/socket http://localhost/"},
	{name: "haproxy", command: "haproxy -W -f {dir}/haproxy.cfg",
		client: "curl -s --unix-socket {dir}/front http://localhost/"},
}

var realFiles = map[string]string{
	"nginx.conf": `daemon off; worker_processes 2; pid {dir}/pid; events {}
http { access_log {dir}/log; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
server { listen unix:{dir}/socket; root {dir}; autoindex on; } }
`,
	"haproxy.cfg": `global
  stats socket {dir}/stats
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend f
  bind unix@{dir}/front
  default_backend b
backend b
  server s 127.0.0.1:1 check
`,
}

// TestRealPrograms holds the calls and the arguments that real programs are seen to make against the
// answers for them.
func TestRealPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("real programs take their time")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(missingTool{"strace"})
	}
	for _, run := range realRuns {
		t.Run(run.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill := func(s string) string { return strings.ReplaceAll(s, "{dir}", dir) }
			for name, text := range realFiles {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(fill(text)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			argv := strings.Fields(strings.ReplaceAll(run.command, "\t", "\x00"))
			for i := range argv {
				argv[i] = strings.ReplaceAll(fill(argv[i]), "\x00", " ")
			}
			program, err := exec.LookPath(argv[0])
			if err != nil {
				t.Skip(missingTool{argv[0]})
			}
			argv[0] = program
			traced := traceReal(t, dir, argv, fill(run.client))
			r, err := gofind.Scan(t.Context(), program, gofind.Options{Arguments: true})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Complete {
				t.Skip("the answer is not complete: ", openEntries(r))
			}
			reported, tested := callsOf(r), 0
			for c, m := range traced {
				if !reported[c] {
					t.Errorf("%v was traced but not reported", c)
				}
				tested += len(m.args)
			}
			for _, violation := range outside(traced, r) {
				t.Error(violation)
			}
			known := 0
			for _, s := range r.Syscalls {
				known += len(s.Args)
			}
			t.Logf("%d of %d calls traced, with %d tuples of arguments; %d arguments known", len(traced), len(reported), tested, known)
			if known == 0 {
				t.Error("no argument is known")
			}
		})
	}
}

// traceReal runs a program under strace and returns the calls that it made itself.
func traceReal(t *testing.T, dir string, argv []string, client string) trace {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	file := filepath.Join(dir, "strace")
	cmd := exec.CommandContext(ctx, "strace", append([]string{"-f", "-n", "-i", "--quiet=attach,exit", "-e", "signal=none", "-e", "raw=!execve,execveat", "-o", file}, argv...)...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	runtime.LockOSThread() // Pdeathsig is sent when the thread ends
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if client != "" {
		time.Sleep(2 * time.Second)
		c := exec.CommandContext(ctx, "sh", "-c", client)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Logf("client: %v\n%s", err, out)
		}
		time.Sleep(time.Second)
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // of the program, which strace waits for
	}
	cmd.Wait()
	traced := trace{}
	if err := readTrace(file, 1, traced); err != nil {
		t.Fatal(err)
	}
	if len(traced) == 0 {
		t.Fatal("nothing was traced")
	}
	return traced
}
