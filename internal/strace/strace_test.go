package strace

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		line string
		want line
	}{
		{`close(3)                                = 0`, line{kind: kindCall, name: "close", args: "3", ret: "0"}},
		{`12 close(3) = 0`, line{kind: kindCall, pid: 12, name: "close", args: "3", ret: "0"}},
		{`12345 close(3) = ?`, line{kind: kindCall, pid: 12345, name: "close", args: "3", ret: "?"}},
		{`[pid  12] close(3) = 0 <0.000012>`, line{kind: kindCall, pid: 12, name: "close", args: "3", ret: "0"}},
		{`[pid 12<a b>] close(3<a = b>) = 0`, line{kind: kindCall, pid: 12, name: "close", args: "3<a = b>", ret: "0"}},
		{`12<cat> close(3) = 0`, line{kind: kindCall, pid: 12, name: "close", args: "3", ret: "0"}},
		{`12:34:56 close(3) = 0`, line{kind: kindCall, name: "close", args: "3", ret: "0"}},
		{`12    12:34:56.789012 close(3) = 0`, line{kind: kindCall, pid: 12, name: "close", args: "3", ret: "0"}},
		{`1700000000.123456 close(3) = 0`, line{kind: kindCall, name: "close", args: "3", ret: "0"}},
		{`     0.000123 close(3) = 0`, line{kind: kindCall, name: "close", args: "3", ret: "0"}},
		{`12         0.000123 close(3) = 0`, line{kind: kindCall, pid: 12, name: "close", args: "3", ret: "0"}},
		{`12:34:56 (+     0.000100) close(3) = 0`, line{kind: kindCall, name: "close", args: "3", ret: "0"}},
		{`[   3] [00007f3c1b2c3d4e] close(3) = 0`, line{kind: kindCall, number: 3, name: "close", args: "3", ret: "0"}},
		{`7 [1073741827] [????????????????] close(3) = 0`, line{kind: kindCall, pid: 7, number: 1073741827, name: "close", args: "3", ret: "0"}},
		{`[f7fc9559] close(3) = 0`, line{kind: kindCall, name: "close", args: "3", ret: "0"}},
		{`openat(AT_FDCWD, "a) = 1", O_RDONLY) = -1 ENOENT (No such file or directory)`, line{kind: kindCall, name: "openat", args: `AT_FDCWD, "a) = 1", O_RDONLY`, ret: "-1"}},
		{`poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])`, line{kind: kindCall, name: "poll", args: `[{fd=3, events=POLLIN}], 1, -1`, ret: "1"}},
		{`7 read(0,  <unfinished ...>`, line{kind: kindUnfinished, pid: 7, name: "read", args: "0,  "}},
		{`7 <... read resumed>"x", 1) = 1`, line{kind: kindResumed, pid: 7, name: "read", args: `"x", 1`, ret: "1"}},
		{`[pid 7] <... clone resumed>, child_tidptr=0x7f) = 9`, line{kind: kindResumed, pid: 7, name: "clone", args: `, child_tidptr=0x7f`, ret: "9"}},
		{`exit_group(0)                           = ?`, line{kind: kindCall, name: "exit_group", args: "0", ret: "?"}},
		{`syscall_0x1d5(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)`, line{kind: kindCall, name: "syscall_0x1d5", args: "0x1, 0x2, 0x3, 0x4, 0x5, 0x6", ret: "-1"}},
		{`restart_syscall(<... resuming interrupted nanosleep ...>) = 0`, line{kind: kindCall, name: "restart_syscall", args: "<... resuming interrupted nanosleep ...>", ret: "0"}},
		{`7 +++ exited with 0 +++`, line{kind: kindExited, pid: 7}},
		{`7 +++ killed by SIGKILL (core dumped) +++`, line{kind: kindExited, pid: 7}},
		{`7 +++ superseded by execve in pid 9 +++`, line{kind: kindSuperseded, pid: 7, other: 9}},
		{`--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---`, line{}},
		{`7 --- stopped by SIGSTOP ---`, line{pid: 7}},
		{`strace: Process 9 attached`, line{kind: kindAttached, pid: 9}},
		{`strace: Process 9 detached`, line{kind: kindAttached, pid: 9}},
		{`[ Process PID=9 runs in 32 bit mode. ]`, line{kind: kindMode, pid: 9, mode: "32"}},
		{`9 [  20] [ Process PID=9 runs in x32 mode. ]`, line{kind: kindMode, pid: 9, number: 20, mode: "x32"}},
		{` > /usr/lib/libc.so.6(write+0x14) [0xf8324]`, line{kind: kindFrame, image: "/usr/lib/libc.so.6", function: "write", offset: 0xf8324}},
		{` > /a (b)/c() [0x1]`, line{kind: kindFrame, image: "/a (b)/c", offset: 1}},
		{` > unexpected_backtracing_error [0x1]`, line{}},
		{`???( <unfinished ...>`, line{name: "???"}},
		{``, line{}},
		{`hello`, line{kind: kindBad}},
		{`he llo(`, line{kind: kindBad}},
		{`<... x`, line{kind: kindBad}},
		{`12345678901 x`, line{kind: kindBad}},
	} {
		if tt.want.number == 0 {
			tt.want.number = -1
		}
		if got := parse(tt.line); got != tt.want {
			t.Errorf("%s\ngot  %+v\nwant %+v", tt.line, got, tt.want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{
		`"/bin/a", x`:     "/bin/a",
		`"a\"b\\c\n\x41"`: "a\"b\\cnA",
		`"\1\0123\377"`:   "\x01\n3\xff",
	} {
		want = strings.Replace(want, "cnA", "c\nA", 1)
		if got, ok := quoted(in); got != want || !ok {
			t.Errorf("%s: %q, %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{``, `x`, `"abc`, `"abc"...`, `"a\`, `"\xzz"`, `0x7ffc1234`} {
		if got, ok := quoted(in); ok {
			t.Errorf("%s: %q", in, got)
		}
	}
}

// seen is a log as calls by program.
func seen(l *Log) map[string][]string {
	out := map[string][]string{}
	for _, p := range l.Programs {
		for _, c := range p.Calls() {
			for range c.Count {
				out[p.Path] = append(out[p.Path], c.String())
			}
		}
	}
	return out
}

func readText(t *testing.T, text string, o Options) *Log {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Root = t.TempDir() // has no file
	l, err := Read(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, log string
		want      map[string][]string
		problems  int
	}{
		{"one thread", `execve("/a", ["a"], 0x7ffe /* 3 vars */) = 0
getpid() = 7
exit_group(0) = ?
+++ exited with 0 +++
`, map[string][]string{"/a": {"getpid", "exit_group"}}, 0},
		{"failed execve", `7 execve("/x", [], []) = -1 ENOENT (No such file)
7 execve("/a", [], []) = 0
7 execve("/b", [], []) = -1 ENOENT (No such file)
7 execve("/b", [], []) = 0
7 getpid() = 7
`, map[string][]string{"": {"execve", "execve"}, "/a": {"execve", "execve"}, "/b": {"getpid"}}, 0},
		{"children", `7 execve("/a", [], []) = 0
7 fork() = 8
8 getpid() = 8
7 vfork( <unfinished ...>
9 getppid() = 7
9 execve("/b", [], []) = 0
7 <... vfork resumed>) = 9
9 getuid() = 0
8 getgid() = 0
`, map[string][]string{"/a": {"getpid", "fork", "vfork", "execve", "getgid", "getppid"}, "/b": {"getuid"}}, 0},
		{"a child that executes at once, and exits before it is announced", `7 execve("/a", [], []) = 0
7 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
9 execve("/b", [], []) = 0
9 exit_group(0) = ?
9 +++ exited with 0 +++
7 <... clone resumed>, child_tidptr=0x7f) = 9
7 clone(child_stack=NULL, flags=SIGCHLD) = 9
9 getuid() = 0
`, map[string][]string{"/a": {"clone", "clone", "execve", "getuid"}, "/b": {"exit_group"}}, 0},
		{"grandchildren before their parents", `7 execve("/a", [], []) = 0
7 fork( <unfinished ...>
8 fork( <unfinished ...>
9 getpid() = 9
8 <... fork resumed>) = 9
9 getuid() = 0
7 <... fork resumed>) = 8
9 getgid() = 0
8 getppid() = 7
`, map[string][]string{"/a": {"getpid", "fork", "fork", "getuid", "getgid", "getppid"}}, 0},
		{"an execution by a thread", `7 execve("/a", [], []) = 0
7 clone(flags=CLONE_THREAD) = 8
7 pause( <unfinished ...>
8 execve("/b", [], [] <unfinished ...>
7 <... pause resumed>) = ?
7 +++ superseded by execve in pid 8 +++
7 <... execve resumed>) = 0
7 getpid() = 7
`, map[string][]string{"/a": {"pause", "clone", "execve"}, "/b": {"getpid"}}, 0},
		{"threads that are killed", `7 execve("/a", [], []) = 0
7 clone(flags=CLONE_THREAD) = 8
8 nanosleep({tv_sec=1}, NULL <unfinished ...>
7 exit_group(0 <unfinished ...>
8 <... nanosleep resumed>) = 0
8 read(0, 0x1, 2 <unfinished ...>
9 syscall_0xb(0x1, 0x2 <unfinished ...>
10 exit_group(0 <unfinished ...>
11 getpid( <unfinished ...>
11 <... getpid resumed>) = 7
12 execve("/b", [], [] <unfinished ...>
7 <... exit_group resumed>) = ?
8 <... read resumed>) = ?
9 <... ??? resumed>) = ?
12 +++ exited with 0 +++
13 getuid( <unfinished ...>
`, map[string][]string{"": {"getpid", "getuid"}, "/a": {"clone", "nanosleep", "exit_group"}}, 0},
		{"directories", `7 execve("./a", [], []) = 0
7 chdir("/d") = 0
7 chdir("nowhere") = -1 ENOENT (x)
7 fork() = 8
8 chdir("e") = 0
8 execve("b", [], []) = 0
8 getpid() = 8
7 execveat(AT_FDCWD, "c", [], [], 0) = 0
7 getpid() = 7
7 execveat(3</f>, "g", [], [], 0) = 0
7 getuid() = 0
7 execveat(3, "", [], [], AT_EMPTY_PATH) = 0
7 getgid() = 0
`, map[string][]string{"/start/a": {"fork", "chdir", "chdir", "execveat", "chdir", "execve"}, "/d/e/b": {"getpid"}, "/d/c": {"getpid", "execveat"}, "/f/g": {"getuid", "execveat"}, "": {"getgid"}}, 0},
		{"ABIs", `7 execve("/a", [], []) = 0
7 [ Process PID=7 runs in 32 bit mode. ]
7 getpid() = 7
7 waitpid(1, 0, 0) = 1
7 [ Process PID=7 runs in x32 mode. ]
7 getpid() = 7
7 [ Process PID=7 runs in 64 bit mode. ]
7 getpid() = 7
7 [  20] getpid() = 7
7 [1073741863] getpid() = 7
7 syscall_0x1ff(0) = -1
7 execve("/b", [], []) = 0
`, map[string][]string{"/a": {"getpid", "execve", "#511", "i386:waitpid", "i386:getpid", "i386:getpid", "x32:getpid", "x32:getpid"}}, 0},
		{"without -o", `execve("/a", [], []) = 0
clone(flags=SIGCHLDstrace: Process 8 attached
, child_tidptr=0x7f) = 8
[pid     8] getpid() = 8
[pid     7] getuid() = 0
[pid     8] +++ exited with 0 +++
--- SIGCHLD {si_pid=8} ---
getgid() = 0
vfork(strace: Process 9 attached
 <unfinished ...>
[pid     9] execve("/b", [], []) = 0
[pid     7] <... vfork resumed>) = 9
[pid     9] getppid() = 7
[pid     9] +++ exited with 0 +++
+++ exited with 0 +++
`, map[string][]string{"/a": {"getpid", "clone", "vfork", "execve", "getuid", "getgid"}, "/b": {"getppid"}}, 0},
		{"nonsense", `7 execve("/a", [], []) = 0
hello, world
7 nosuchcall(1) = 0
7 getpid() = 7
`, map[string][]string{"/a": {"getpid"}}, 2},
		{"its own parent", `7 fork() = 7
7 getpid() = 7
8 fork() = 9
9 fork() = 8
8 getpid() = 8
`, map[string][]string{"": {"getpid", "getpid", "fork", "fork", "fork"}}, 0},
		{"an execve that does not return", `7 execve("/a", [], []) = 0
7 execve("/b", [], [] <unfinished ...>
7 +++ killed by SIGKILL +++
`, map[string][]string{"/a": {"execve"}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := readText(t, tt.log, Options{Dir: "/start"})
			got := seen(l)
			calls := 0
			for _, list := range []map[string][]string{got, tt.want} {
				for k := range list {
					slices.Sort(list[k])
				}
			}
			for _, list := range got {
				calls += len(list)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if calls != int(l.Calls) {
				t.Errorf("%d calls, but %d in all programs", l.Calls, calls)
			}
			if len(l.Problems) != tt.problems {
				t.Errorf("problems %q", l.Problems)
			}
		})
	}
}

func TestAttached(t *testing.T) {
	l := readText(t, "7 getpid() = 7\n8 getuid() = 0\n7 execve(\"/b\", [], []) = 0\n", Options{Program: "/a"})
	want := map[string][]string{"/a": {"getpid", "execve", "getuid"}}
	if d := cmp.Diff(want, seen(l)); d != "" {
		t.Error(d)
	}
}

func TestFrames(t *testing.T) {
	l := readText(t, `7 execve("/a", [], []) = 0
 > /lib/ld.so(_start+0x0) [0x1000]
7 getpid() = 7
 > /lib/libc.so.6(getpid+0x7) [0x2007]
 > /a(main+0x7) [0x17]
7 getpid() = 7
 > /a(other+0x7) [0x27]
`, Options{})
	where := trace.NewLocator()
	defer where.Close()
	got := l.Programs[0].Calls()[0].Stack.Frames(where)
	want := []trace.Frame{{Image: "/lib/libc.so.6", Address: 0x2007, Function: "getpid", How: trace.HowCall}, {Image: "/a", Address: 0x17, Function: "main", How: trace.HowRecorded}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNotALog(t *testing.T) {
	if _, err := Read(filepath.Join(t.TempDir(), "no"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, []byte("a() = 0\n"+strings.Repeat("x", maxLine+1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(long, Options{}); err == nil || !strings.Contains(err.Error(), "long:2: ") {
		t.Errorf("error %v", err)
	}
}

// A log of strace, in each of its forms, shows what the tracer sees.
func TestForms(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("no strace")
	}
	// Each process waits for the one before, so that runs are alike.
	command := []string{"sh", "-c", "cd /; cat /etc/passwd >/dev/null; (ls /usr >/dev/null); x=$(echo a); exec true"}
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := trace.Run(t.Context(), trace.Options{Path: sh, Argv: command, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	want := calls(tr.Programs)
	for _, flags := range []string{"", "-i", "-k", "-n", "-t", "-ttt", "-r", "-T", "-y", "-e raw=!execve", "-X raw", "-n -i -tt -T -yy -k", "-ff"} {
		t.Run(flags, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			args := append(strings.Fields(flags), "-f", "-o", log)
			cmd := bounded.Command(t, "strace", append(args, command...)...)
			cmd.Env = env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Skipf("strace %s: %v\n%s", flags, err, out)
			}
			l, err := Read(log, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(l.Problems) > 0 {
				t.Errorf("problems %q", l.Problems)
			}
			if d := cmp.Diff(want, calls(l.Programs)); d != "" {
				t.Errorf("tracer against log: %s", d)
			}
		})
	}
	t.Run("stderr", func(t *testing.T) {
		cmd := bounded.Command(t, "strace", append([]string{"-f"}, command...)...)
		cmd.Env = env
		var text strings.Builder
		cmd.Stderr = &text
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		log := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(log, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := Read(log, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, calls(l.Programs)); d != "" || len(l.Problems) > 0 {
			t.Errorf("tracer against log: %s\nproblems: %q", d, l.Problems)
		}
	})
}

// calls are the names of the calls of each program. How often a call is made depends on timing.
func calls(programs []*trace.Program) map[string][]string {
	out := map[string][]string{}
	for _, p := range programs {
		names := map[string]bool{}
		for _, c := range p.Calls() {
			if c.Call != (sysno.Call{ABI: sysno.X86_64, Nr: 15}) { // rt_sigreturn depends on when a child ends
				names[c.String()] = true
			}
		}
		out[p.Path] = slices.Sorted(maps.Keys(names))
	}
	return out
}

func FuzzRead(f *testing.F) {
	f.Add("7 execve(\"/a\", [], []) = 0\n7 fork( <unfinished ...>\n8 getpid() = 8\n7 <... fork resumed>) = 8\n")
	f.Add("execve(\"/a\", [], []) = 0\nclone(flags=SIGCHLDstrace: Process 8 attached\n, x) = 8\n[pid 8] getpid() = 8\n")
	f.Add("7 fork() = 8\n8 fork() = 9\n9 fork() = 7\n7 +++ superseded by execve in pid 8 +++\n7 +++ exited with 0 +++\n")
	f.Add("[ Process PID=7 runs in 32 bit mode. ]\n7 [  20] getpid() = 7\n > /a(b+0x1) [0x2]\n")
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader(Options{Root: root, Dir: "/"})
		if err := r.read(strings.NewReader(text), "log", 0); err != nil {
			return
		}
		l := r.finish()
		var total uint64
		where := trace.NewLocator()
		defer where.Close()
		for _, p := range l.Programs {
			for _, c := range p.Calls() {
				total += c.Count
				var sites uint64
				for _, s := range c.Sites() {
					sites += s.Count
				}
				if sites != c.Count || c.Count == 0 {
					t.Errorf("%s: %s: %d calls, %d by sites", p.Path, c.Call, c.Count, sites)
				}
			}
		}
		if total != l.Calls {
			t.Errorf("%d calls, %d in all programs", l.Calls, total)
		}
	})
}
