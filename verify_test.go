package gofind_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// inDir runs a script in a directory of its own, and returns what verifying it showed and its output.
func inDir(t *testing.T, opts gofind.VerifyOptions, script string) (*gofind.Verification, string) {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "output")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	v, err := gofind.Verify(ctx, []string{"sh", "-c", "cd " + dir + "; exec >" + out + " 2>&1 </dev/null; " + script}, opts)
	text, _ := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v, string(text)
}

// missing says what was missed, with the stacks.
func missing(v *gofind.Verification) string {
	var b bytes.Buffer
	for _, p := range v.Programs {
		for _, m := range p.Missed {
			fmt.Fprintf(&b, "%s: %s %s\n", p.Program, m.ABI, m.Name)
			for _, f := range m.Stack {
				fmt.Fprintf(&b, "    %s %s %s\n", f.Image, f.Address, f.Function)
			}
		}
		for _, a := range p.Arguments {
			fmt.Fprintf(&b, "%s: %s argument %d (%s): %#x\n", p.Program, a.Name, a.Index, a.Argument, a.Value)
			for _, f := range a.Stack {
				fmt.Fprintf(&b, "    %s %s %s\n", f.Image, f.Address, f.Function)
			}
		}
	}
	return b.String()
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// retry is a shell function: retry COMMAND repeats it until it works.
const retry = `retry() { n=0; while ! "$@" >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 200 ] || return 1; sleep 0.05; done; }
`

const pythonWorkload = `
import threading, subprocess, os, signal, time, socket
def f(): time.sleep(0.01); socket.gethostbyname('localhost')
ts=[threading.Thread(target=f) for _ in range(20)]
[t.start() for t in ts]; [t.join() for t in ts]
print(subprocess.run(['ls','/usr'],capture_output=True).returncode)
hits=[]
signal.signal(signal.SIGALRM, lambda *a: hits.append(1)); signal.setitimer(signal.ITIMER_REAL,0.05); time.sleep(0.2)
if os.fork()==0: os._exit(3)
print(os.waitstatus_to_exitcode(os.wait()[1]), len(hits))
`

const goWorkload = `package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

func main() {
	var g sync.WaitGroup
	for range 50 {
		g.Go(func() { time.Sleep(time.Millisecond); os.ReadFile("/etc/passwd") })
	}
	g.Wait()
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go func() { c, _ := l.Accept(); c.Write([]byte("served")); c.Close() }()
	c, _ := net.Dial("tcp", l.Addr().String())
	b := make([]byte, 6)
	c.Read(b)
	exec.CommandContext(context.Background(), "true").Run()
	fmt.Println(string(b), time.Now().Year() > 2000)
}
`

const cWorkload = `
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
extern char **environ;
static void *f(void *a) { usleep(1000); free(malloc(300000)); return 0; }
static void h(int s) {}
int main(int argc, char **argv) {
	pthread_t t[20];
	for (int i = 0; i < 20; i++) pthread_create(&t[i], 0, f, 0);
	for (int i = 0; i < 20; i++) pthread_join(t[i], 0);
	signal(SIGALRM, h);
	alarm(1);
	pause();
	pid_t p;
	char *a[] = {"true", 0};
	posix_spawnp(&p, "true", 0, 0, a, environ);
	wait(0);
	if (!vfork()) { execlp("true", "true", (char *)0); _exit(1); }
	wait(0);
	FILE *o = popen("cat", "w");
	fprintf(o, "piped %d\n", time(0) > 0);
	pclose(o);
	return 0;
}
`

// Real programs do nothing that was not predicted, with the vDSO and without.
func TestVerifyPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, w := range []struct {
		name     string
		needs    string // commands, separated by spaces, and Python's modules
		script   string
		output   string // has this in it
		programs string // base names that must be among those that ran
		open     bool   // programs of it are known to be incomplete
	}{
		{"coreutils", "cat ls", `cat /etc/passwd | sort | tail -1 >/dev/null; ls -laR /etc/default; date`, "total", "cat sort tail ls date", false},
		{"sqlite3", "sqlite3", `sqlite3 t.db "create table t(x); insert into t values(6*7); select x from t; pragma integrity_check; vacuum"`, "42\nok", "sqlite3", false},
		{"curl", "curl", `echo hello >f; curl -s file://$PWD/f`, "hello", "curl", false},
		{"python", "/usr/bin/python3 python:threading,subprocess,socket", "cat >p.py <<'EOF'" + pythonWorkload + "EOF\n/usr/bin/python3 p.py", "0\n3 1\n", "ls", false},
		{"redis", "redis-server redis-cli", `redis-server --port PORT --save "" --appendonly yes --dir . --logfile log & retry redis-cli -p PORT ping
redis-cli -p PORT set a b; redis-cli -p PORT bgsave; redis-cli -p PORT get a; sleep 0.3; redis-cli -p PORT shutdown; wait`, "\nb\n", "redis-cli", false},
		{"nginx", "nginx curl", `mkdir logs; cat >n.conf <<EOF
daemon off; pid n.pid; error_log log; worker_processes 2; events {}
http { access_log a.log; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
server { listen 127.0.0.1:PORT; location / { return 200 "served\n"; } } }
EOF
nginx -p $PWD -c n.conf & retry curl -s http://127.0.0.1:PORT/; curl -s http://127.0.0.1:PORT/; kill -HUP $(cat n.pid); sleep 0.5
curl -s http://127.0.0.1:PORT/; kill -QUIT $(cat n.pid); wait`, "served\nserved\n", "nginx curl", false},
		{"haproxy", "haproxy curl", `cat >h.cfg <<EOF
defaults
  mode http
  timeout client 2s
  timeout server 2s
  timeout connect 1s
frontend f
  bind 127.0.0.1:PORT
  http-request return status 200 content-type text/plain string served
EOF
haproxy -W -f h.cfg & h=$!; retry curl -s http://127.0.0.1:PORT/; curl -s http://127.0.0.1:PORT/; kill -USR1 $h
{ sleep 2; kill -USR1 $h; } 2>/dev/null & # haproxy -W may still execute itself, and forget the first one
wait`, "served", "haproxy", false},
		{"memcached", "memcached bash", `memcached -u root -l 127.0.0.1 -p PORT & m=$!
retry bash -c 'exec 3<>/dev/tcp/127.0.0.1/PORT'; bash -c 'exec 3<>/dev/tcp/127.0.0.1/PORT; printf "set a 0 0 1\r\nx\r\nget a\r\nquit\r\n" >&3; cat <&3'; kill $m; wait`, "VALUE a", "memcached", false},
		{"lighttpd", "lighttpd curl", `echo served >f; printf 'server.document-root="%s"\nserver.port=PORT\nserver.bind="127.0.0.1"\n' $PWD >l.conf
lighttpd -D -f l.conf & l=$!; retry curl -s http://127.0.0.1:PORT/f; curl -s http://127.0.0.1:PORT/f; kill -INT $l; wait`, "served", "lighttpd", false},
		{"busybox", "busybox", `busybox sh -c 'busybox ls / | busybox wc -l; busybox date; busybox wget -q http://127.0.0.1:1/; sleep 0.01; exit 0'`, "", "busybox", false},
		{"jq rg rsync", "jq rg rsync", `jq -n 6*7; rg -j2 root /etc/passwd; echo x >a; rsync -a a b; cat b`, "42", "jq rg rsync", false},
		{"go", "go", "cat >g.go <<'EOF'\n" + goWorkload + "EOF\ngo build -o g g.go >&2 && ./g", "served true", "g", true},
		{"static musl", "musl-gcc", "cat >m.c <<'EOF'" + cWorkload + "EOF\nmusl-gcc -static -o m m.c && ./m", "piped 1", "m true cat", true},
		{"glibc", "gcc", "cat >m.c <<'EOF'" + cWorkload + "EOF\ngcc -pthread -o m m.c && ./m && gcc -static -pthread -o s m.c && ./s", "piped 1\npiped 1", "m s true cat", true},
		{"gates", "gcc", "gcc -nostdlib -static -o g " + abs(t, "internal/trace/testdata/gates.s") + " && ./g", "", "g", true},
		{"no such numbers", "gcc", "gcc -nostdlib -static -o n " + abs(t, "internal/trace/testdata/minus.s") + " && ./n", "", "n", true},
		{"signals", "gcc", "gcc -o s " + abs(t, "internal/trace/testdata/signals.c") + " && ./s; echo $?", "138", "s", true},
		{"threads", "gcc", "gcc -pthread -o t " + abs(t, "internal/trace/testdata/threads.c") + " && ./t 1000; echo $?", "9", "t", true},
	} {
		for _, need := range strings.Fields(w.needs) {
			_, err := exec.LookPath(need)
			if modules, ok := strings.CutPrefix(need, "python:"); ok { // Debian's smallest Python lacks most
				err = bounded.Command(t, "/usr/bin/python3", "-c", "import "+modules).Run()
			}
			if err != nil {
				t.Logf("%s: no %s", w.name, need)
				w.script = ""
			}
		}
		if w.script == "" {
			continue
		}
		for _, mode := range []gofind.VerifyOptions{{Options: gofind.Options{Arguments: true}}, {Options: gofind.Options{Arguments: true}, NoVDSO: true, Seccomp: true}} {
			t.Run(fmt.Sprintf("%s/novdso=%v", w.name, mode.NoVDSO), func(t *testing.T) {
				v, out := inDir(t, mode, retry+strings.ReplaceAll(w.script, "PORT", freePort(t)))
				if v.Verdict == gofind.VerdictMissed {
					t.Errorf("missed:\n%s", missing(v))
				}
				if !strings.Contains(out, w.output) {
					t.Errorf("output:\n%s", out)
				}
				var ran []string
				for _, p := range v.Programs {
					ran = append(ran, filepath.Base(p.Program))
					if p.Scan != "complete" && !w.open {
						t.Errorf("%s: scan %s: %s", p.Program, p.Scan, p.Error)
					}
					if p.Scan == "complete" && p.Seen == 0 {
						t.Errorf("%s: no predicted call was seen", p.Program)
					}
					for _, s := range p.Elsewhere {
						t.Errorf("%s: %s is not listed at %s %s %s", p.Program, s.Name, s.Image, s.Address, s.Function)
					}
				}
				for _, name := range strings.Fields(w.programs) {
					if !slices.Contains(ran, name) {
						t.Errorf("%s did not run; %q did", name, ran)
					}
				}
			})
		}
	}
}

func abs(t *testing.T, path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A document has no null, and the fields of the types.
func TestVerifyDocument(t *testing.T) {
	v, _ := inDir(t, gofind.VerifyOptions{}, "exit 3")
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(":null")) {
		t.Errorf("null in %s", data)
	}
	if v.Schema != "gofind.verify/v1" || v.Exit == nil || v.Exit.Code != 3 || v.Exit.Signal != "" || len(v.Programs) != 1 {
		t.Errorf("%s", data)
	}
}

// What the environment says is taken into account; where the scan fails, the verdict says so.
func TestVerifyEnvironment(t *testing.T) {
	v, _ := inDir(t, gofind.VerifyOptions{Env: append(os.Environ(), "GLIBC_TUNABLES=glibc.malloc.hugetlb=1", "LD_LIBRARY_PATH=/nonexistent")}, "cat /dev/null")
	if v.Verdict != gofind.VerdictHolds {
		t.Errorf("verdict %s\n%s", v.Verdict, missing(v))
	}
	for _, p := range v.Programs {
		if !slices.Equal(p.Environment, []string{"GLIBC_TUNABLES", "LD_LIBRARY_PATH"}) {
			t.Errorf("%s: environment %q", p.Program, p.Environment)
		}
	}
	v, out := inDir(t, gofind.VerifyOptions{}, "head -c 4096 /bin/cat >cut; chmod +x cut; ./cut; true")
	if v.Verdict != gofind.VerdictHolds {
		t.Errorf("a program that does not start: verdict %s\n%s", v.Verdict, out)
	}
}

// A program that is deleted while it runs is scanned all the same.
func TestVerifyDeleted(t *testing.T) {
	v, out := inDir(t, gofind.VerifyOptions{}, "cp /bin/true prog; ./prog; rm prog")
	if v.Verdict != gofind.VerdictHolds || len(v.Programs) != 4 {
		t.Errorf("verdict %s of %d programs\n%s", v.Verdict, len(v.Programs), out)
	}
}

func TestVerifyErrors(t *testing.T) {
	for _, argv := range [][]string{nil, {"nosuchcommand"}, {"/nonexistent"}, {"/etc/passwd"}, {"/"}} {
		if v, err := gofind.Verify(t.Context(), argv, gofind.VerifyOptions{}); err == nil {
			t.Errorf("%q: verdict %s", argv, v.Verdict)
		}
	}
	if _, err := gofind.Verify(t.Context(), []string{"true"}, gofind.VerifyOptions{Options: gofind.Options{SinceMain: true}}); err == nil {
		t.Error("SinceMain is accepted")
	}
}

// Under a terminal, keys reach the command once; a stop and a continuation stop and
// continue both; signals for gofind alone are passed on.
func TestCommandTerminal(t *testing.T) {
	command := filepath.Join(t.TempDir(), "gofind")
	goTool(t, "build", "-o", command, "./cmd/gofind")
	script := `trap 'echo INT' INT; trap 'echo TERM; exit 3' TERM; echo ready; while :; do read line && echo "got $line"; done`
	for _, how := range [][]string{nil, {command, "verify", "--"}, {command, "run", "--audit", "--exec", "deny", "--"}, {command, "run", "--exec", "deny", "--"}} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			pty, tty := openTerminal(t)
			argv := append(slices.Clone(how), "bash", "-c", script)
			cmd := bounded.Command(t, argv[0], argv[1:]...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Skip(err)
			}
			defer cmd.Process.Kill()
			tty.Close()
			var seen strings.Builder
			wait := func(text string) {
				t.Helper()
				buf := make([]byte, 4096)
				for limit := time.Now().Add(20 * time.Second); !strings.Contains(seen.String(), text); {
					pty.SetReadDeadline(limit)
					n, err := pty.Read(buf)
					seen.Write(buf[:n])
					if err != nil {
						t.Fatalf("no %q: %v: %s", text, err, seen.String())
					}
				}
			}
			wait("ready")
			// A signal that comes just before the shell reads is noticed behind the next line.
			done := make(chan struct{})
			go func() {
				for tick := time.Tick(200 * time.Millisecond); ; {
					select {
					case <-done:
						return
					case <-tick:
						pty.Write([]byte("\n"))
					}
				}
			}()
			defer close(done)
			pty.Write([]byte{3})
			wait("INT\r\n")
			pty.Write([]byte("line\n"))
			wait("got line")
			if n := strings.Count(seen.String(), "INT\r\n"); n != 1 {
				t.Errorf("%d interrupts: %s", n, seen.String())
			}
			// The whole group stops and continues.
			syscall.Kill(-cmd.Process.Pid, syscall.SIGSTOP)
			var ws syscall.WaitStatus
			if _, err := syscall.Wait4(cmd.Process.Pid, &ws, syscall.WUNTRACED, nil); err != nil || !ws.Stopped() {
				t.Fatalf("not stopped: %v %v", err, ws)
			}
			syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT)
			pty.Write([]byte("more\n"))
			wait("got more")
			cmd.Process.Signal(syscall.SIGTERM)
			wait("TERM\r\n")
			err := cmd.Wait()
			want := 3
			if len(how) > 1 && how[1] == "verify" {
				want = 0
			}
			if cmd.ProcessState.ExitCode() != want {
				t.Errorf("ended with %v, want %d: %s", err, want, seen.String())
			}
		})
	}
}

// openTerminal makes a pseudoterminal.
func openTerminal(t *testing.T) (pty, tty *os.File) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { pty.Close() })
	raw, err := pty.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Skip(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	return pty, tty
}

// The command has the signals, limits and files that gofind was given, whatever the Go
// runtime made of them.
func TestCommandInheritance(t *testing.T) {
	command := filepath.Join(t.TempDir(), "gofind")
	goTool(t, "build", "-o", command, "./cmd/gofind")
	parent := filepath.Join(t.TempDir(), "parent")
	if out, err := bounded.Command(t, "gcc", "-o", parent, "internal/launch/testdata/parent.c").CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	show := [][]string{
		{"/bin/grep", "-E", "^(Sig(Blk|Ign|Cgt|Pnd)|ShdPnd)", "/proc/self/status"},
		{"/bin/grep", "open files", "/proc/self/limits"},
	}
	for _, s := range show {
		want, err := bounded.Command(t, parent, s...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range [][]string{{"verify", "--"}, {"verify", "--seccomp", "--no-vdso", "--"}, {"run", "--"}, {"run", "--audit", "--"}} {
			got, err := bounded.Command(t, parent, slices.Concat([]string{command}, how, s)...).Output()
			if err != nil || string(got) != string(want) {
				t.Errorf("gofind %q %q: %v\n%s\nwant\n%s", how, s, err, got, want)
			}
		}
	}
}
