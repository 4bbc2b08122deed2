package trace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// seeAll is the filter that makes each call a stop.
var seeAll = []bpf.RawInstruction{{Op: 0x06, K: 0x7ff00000}}

// build compiles a program of testdata.
func build(t *testing.T, name string, flags ...string) string {
	t.Helper()
	cc := "gcc"
	if len(flags) > 0 && !strings.HasPrefix(flags[0], "-") {
		cc, flags = flags[0], flags[1:]
	}
	if _, err := exec.LookPath(cc); err != nil {
		t.Skip("no " + cc)
	}
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(name, filepath.Ext(name)))
	args := append([]string{"-O1", "-pthread", "-o", out, "testdata/" + name}, flags...)
	if text, err := bounded.Command(t, cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return out
}

// traced runs a command.
func traced(t *testing.T, o Options, argv ...string) *Trace {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		t.Skip("no " + argv[0])
	}
	o.Path, o.Argv = path, argv
	if o.Env == nil {
		o.Env = os.Environ()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tr, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// modes run a test with stops at entries and with a filter.
func modes(t *testing.T, f func(t *testing.T, o Options)) {
	t.Run("entries", func(t *testing.T) { f(t, Options{}) })
	t.Run("filter", func(t *testing.T) { f(t, Options{Filter: seeAll}) })
}

// count returns how often a call was made, by all programs.
func (t *Trace) count(c sysno.Call) (n uint64) {
	for _, p := range t.Programs {
		if s := p.calls[c]; s != nil {
			n += s.Count
		}
	}
	return n
}

func native(name string) sysno.Call {
	nr, ok := sysno.Number(sysno.X86_64, name)
	if !ok {
		panic(name)
	}
	return sysno.Call{ABI: sysno.X86_64, Nr: nr}
}

// Thousands of threads, forks from them and an execution from one: nothing is lost.
func TestThreads(t *testing.T) {
	modes(t, func(t *testing.T, o Options) {
		const n = 2500
		tr := traced(t, o, build(t, "threads.c"), strconv.Itoa(n))
		if tr.Status != (Status{Code: 9}) {
			t.Errorf("it ended with %+v, want exit code 9", tr.Status)
		}
		if got := tr.count(native("getppid")); got != 3*n {
			t.Errorf("%d calls of getppid, want %d", got, 3*n)
		}
		if got := tr.count(native("getpgrp")); got != n/100+1 {
			t.Errorf("%d calls of getpgrp, want %d", got, n/100+1)
		}
		if want := 1 + n + n/100 + 1; tr.Threads != want {
			t.Errorf("%d threads, want %d", tr.Threads, want)
		}
		if len(tr.Programs) != 1 || tr.Programs[0].Runs != 2 {
			t.Errorf("%d programs, the first with %d runs, want 1 with 2", len(tr.Programs), tr.Programs[0].Runs)
		}
	})
}

// The tracer does not show.
func TestSignals(t *testing.T) {
	modes(t, func(t *testing.T, o Options) {
		tr := traced(t, o, build(t, "signals.c"))
		if tr.Status != (Status{Code: 10, Signal: true}) { // SIGUSR1
			t.Errorf("it ended with %+v, want SIGUSR1", tr.Status)
		}
		if tr.count(native("restart_syscall")) == 0 {
			t.Error("no restart_syscall was seen")
		}
		if tr.count(native("rt_sigreturn")) == 0 {
			t.Error("no rt_sigreturn was seen")
		}
	})
}

// Each way into the kernel is told from the others, with its instruction.
func TestGates(t *testing.T) {
	modes(t, func(t *testing.T, o Options) {
		tr := traced(t, o, build(t, "gates.s", "-nostdlib", "-static"))
		want := map[sysno.Call]uint64{
			native("getppid"):         1,
			{ABI: sysno.I386, Nr: 64}: 1,
			{ABI: sysno.X32, Nr: 110}: 1,
			native("exit_group"):      1,
		}
		got := map[sysno.Call]uint64{}
		l := NewLocator()
		defer l.Close()
		for _, c := range tr.Programs[0].Calls() {
			got[c.Call] = c.Count
			for _, s := range c.Sites() {
				addr, f := l.Address(s.Place)
				if f == nil {
					t.Fatalf("%v: no file", c)
				}
				if b := f.Bytes(addr); len(b) < 2 || (b[0] != 0x0f || b[1] != 0x05) && (b[0] != 0xcd || b[1] != 0x80) {
					t.Errorf("%v: no gate at %#x", c.Call, addr)
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	})
}

// Numbers that there are not are seen as they are.
func TestNoSuchNumber(t *testing.T) {
	modes(t, func(t *testing.T, o Options) {
		tr := traced(t, o, build(t, "minus.s", "-nostdlib", "-static"))
		for _, c := range []sysno.Call{{ABI: sysno.X32, Nr: 1<<32 - 1 - sysno.X32Bit}, {ABI: sysno.X32, Nr: 0x3fffffff}, {ABI: sysno.I386, Nr: 1<<32 - 5}} {
			if tr.count(c) != 1 {
				t.Errorf("%v was not seen", c)
			}
		}
	})
}

// A 32-bit program is followed; it only cannot be given a filter.
func TestShort(t *testing.T) {
	dir := t.TempDir()
	object, prog := filepath.Join(dir, "short.o"), filepath.Join(dir, "short")
	for _, argv := range [][]string{{"as", "--32", "-o", object, "testdata/short.s"}, {"ld", "-m", "elf_i386", "-o", prog, object}} {
		if out, err := bounded.Command(t, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%v: %v %s", argv, err, out)
		}
	}
	for _, o := range []Options{{}, {NoVDSO: true}} {
		tr := traced(t, o, prog)
		if tr.Status.Code != 5 || tr.count(sysno.Call{ABI: sysno.I386, Nr: 64}) != 1 {
			t.Errorf("ended with %+v, calls %v", tr.Status, tr.Programs[0].Calls())
		}
	}
	tr := traced(t, Options{Filter: seeAll}, "sh", "-c", prog)
	if tr.Status.Code != 5 || tr.count(sysno.Call{ABI: sysno.I386, Nr: 64}) != 1 {
		t.Errorf("under a filter: ended with %+v", tr.Status)
	}
	if _, err := Run(t.Context(), Options{Path: prog, Argv: []string{prog}, Filter: seeAll}); err == nil || !strings.Contains(err.Error(), "32-bit") {
		t.Errorf("error %v", err)
	}
}

// A process that is killed while it makes threads leaves none behind that waits for ever.
func TestKilled(t *testing.T) {
	prog := build(t, "threads.c")
	modes(t, func(t *testing.T, o Options) {
		for i := range 10 {
			tr := traced(t, o, "sh", "-c", fmt.Sprintf("%s 2900 & sleep 0.%02d; kill -9 $!; wait $!; exit $?", prog, i*3))
			if tr.Status.Code != 137 && tr.Status.Code != 9 {
				t.Errorf("ended with %+v", tr.Status)
			}
		}
	})
}

// Calls through the vsyscall page are seen by a filter alone.
func TestVsyscall(t *testing.T) {
	prog := build(t, "vsyscall.s", "-nostdlib", "-static")
	if err := bounded.Command(t, prog).Run(); err != nil {
		t.Skip("no vsyscall page: ", err)
	}
	tr := traced(t, Options{Filter: seeAll}, prog)
	c := tr.Programs[0].calls[native("time")]
	if tr.Status != (Status{}) || c == nil || c.Count != 1 || c.Sites()[0].Image != "[vsyscall]" {
		t.Errorf("ended with %+v, call %+v", tr.Status, c)
	}
}

// A program's own filter hides nothing.
func TestSandbox(t *testing.T) {
	modes(t, func(t *testing.T, o Options) {
		tr := traced(t, o, build(t, "sandbox.c"))
		if tr.Status != (Status{}) {
			t.Errorf("it ended with %+v", tr.Status)
		}
		if got := tr.count(native("getppid")); got != 3 {
			t.Errorf("%d calls of getppid, want 3", got)
		}
	})
}

func stackOf(t *testing.T, tr *Trace, name string) (functions, how []string) {
	l := NewLocator()
	defer l.Close()
	c := tr.Programs[0].calls[native(name)]
	if c == nil {
		t.Fatalf("no call of %s", name)
	}
	for _, f := range c.Stack.Frames(l) {
		functions = append(functions, f.Function)
		how = append(how, f.How)
	}
	return functions, how
}

// Stacks are unwound by tables: also through a signal handler, and out of vfork,
// which keeps its return address in a register.
func TestStack(t *testing.T) {
	tr := traced(t, Options{}, build(t, "stack.c", "-fomit-frame-pointer"))
	functions, how := stackOf(t, tr, "getppid")
	at := slices.Index(functions, "third")
	if at < 0 || len(functions) < at+4 || !slices.Equal(functions[at:at+4], []string{"third", "second", "first", "handler"}) {
		t.Fatalf("functions %q", functions)
	}
	if main := slices.Index(functions, "main"); main < at+4 || !slices.Contains(functions[at+4:main], "raise") && !slices.Contains(functions[at+4:main], "__pthread_kill_implementation") {
		t.Errorf("functions %q, want raise and main behind the handler", functions)
	}
	for i, h := range how[1:] {
		if h != HowEHFrame {
			t.Errorf("frame %d, %s, was found by %s", i+1, functions[i+1], h)
		}
	}
}

func TestStackWithoutTables(t *testing.T) {
	tr := traced(t, Options{}, build(t, "frames.s", "-nostdlib", "-static"))
	functions, how := stackOf(t, tr, "getppid")
	if want := []string{"inner", "middle", "outer", "_start"}; !slices.Equal(functions, want) {
		t.Errorf("functions %q, want %q", functions, want)
	}
	// The frame pointer that inner has is middle's.
	if want := []string{HowCall, HowGuess, HowPointer, HowGuess}; !slices.Equal(how, want) {
		t.Errorf("found by %q, want %q", how, want)
	}
}

// Without the vDSO, the calls that it answers are made; with it, they are not.
func TestNoVDSO(t *testing.T) {
	clock := func(o Options) uint64 {
		tr := traced(t, o, "date")
		return tr.count(native("clock_gettime")) + tr.count(native("time")) + tr.count(native("gettimeofday"))
	}
	if n := clock(Options{}); n != 0 {
		t.Skipf("the vDSO of this machine does not answer: %d calls", n)
	}
	modes(t, func(t *testing.T, o Options) {
		o.NoVDSO = true
		if n := clock(o); n == 0 {
			t.Error("no call for the time")
		}
	})
}

// An environment as large as it can be is searched for the auxiliary vector.
func TestNoVDSOLargeEnvironment(t *testing.T) {
	env := []string{"LC_ALL=C"}
	for i := range 20000 {
		env = append(env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", 60)))
	}
	tr := traced(t, Options{NoVDSO: true, Env: env}, "date")
	if tr.count(native("clock_gettime")) == 0 {
		t.Error("no clock_gettime")
	}
}

var straceRow = regexp.MustCompile(`^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$`)

// The calls are those that strace counts.
func TestLikeStrace(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("no strace")
	}
	for _, command := range [][]string{
		{"cat", "/etc/passwd"},
		{"ls", "-la", "/usr"},
		{"sh", "-c", "echo a | cat | wc; ls / | sort | head -3"},
		{"sqlite3", ":memory:", "create table t(x); insert into t values(1); select * from t"},
		{"bash", "-c", "for i in 1 2 3; do (echo $i); done; cat </dev/null & wait"},
		{build(t, "threads.c"), "100"},
		{build(t, "gates.s", "-nostdlib", "-static")},
	} {
		if _, err := exec.LookPath(command[0]); err != nil {
			continue
		}
		want := map[string]bool{}
		table := filepath.Join(t.TempDir(), "table")
		cmd := bounded.Command(t, "strace", append([]string{"-f", "-c", "-o", table}, command...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if m := straceRow.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && m[2] != "total" {
				want[m[2]] = true
			}
		}
		modes(t, func(t *testing.T, o Options) {
			o.Env = cmd.Env
			got := map[string]bool{}
			for _, p := range traced(t, o, command...).Programs {
				for _, c := range p.Calls() {
					if name, ok := sysno.Name(c.ABI, c.Nr); ok {
						got[name] = true
					}
				}
			}
			// strace counts the execve that starts the command, and no call that does not return.
			for _, name := range []string{"execve", "exit", "exit_group", "rt_sigreturn", "pause"} {
				delete(got, name)
				delete(want, name)
			}
			if !maps.Equal(got, want) {
				t.Errorf("%q:\ngot  %v\nwant %v", command, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
		})
	}
}

// The file that ran is scanned, whatever has its name by then.
func TestScannable(t *testing.T) {
	dir := t.TempDir()
	prog := filepath.Join(dir, "prog")
	data, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(prog, data, 0o755); err != nil {
		t.Fatal(err)
	}
	tr := traced(t, Options{}, "sh", "-c", prog+"; rm "+prog)
	p := tr.Programs[1]
	if p.Path != prog {
		t.Fatalf("program %q", p.Path)
	}
	if got, err := os.ReadFile(p.Scannable()); err != nil || string(got) != string(data) {
		t.Errorf("%s: %v, %d bytes, want %d", p.Scannable(), err, len(got), len(data))
	}
}

func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	tr := traced(t, Options{Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH"), "LD_LIBRARY_PATH=a:/b::", "LD_DEBUG=none", "GLIBC_TUNABLES=glibc.malloc.check=0", "HOME=/"}}, "true")
	p := tr.Programs[0]
	if want := []string{filepath.Join(dir, "a"), "/b", dir, dir}; !slices.Equal(p.LibraryPath, want) {
		t.Errorf("library path %q, want %q", p.LibraryPath, want)
	}
	if want := []string{"GLIBC_TUNABLES", "LD_DEBUG"}; !slices.Equal(p.Environment, want) {
		t.Errorf("environment %q, want %q", p.Environment, want)
	}
}

func TestErrors(t *testing.T) {
	for _, path := range []string{"/nonexistent", "/", "/etc/passwd"} {
		if _, err := Run(context.Background(), Options{Path: path, Argv: []string{path}}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A run that is given up leaves nothing behind.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	mark := "31.7" + strconv.Itoa(os.Getpid())
	start := time.Now()
	_, err := Run(ctx, Options{Path: "/bin/sh", Argv: []string{"sh", "-c", "setsid sleep " + mark + " & trap '' TERM; sleep " + mark}, Env: os.Environ()})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
	if left, _ := bounded.Command(t, "pgrep", "-f", "sleep "+mark).Output(); len(left) > 0 {
		t.Errorf("still there: %s", left)
	}
}

// Processes that outlive the command are followed to their end.
func TestBackground(t *testing.T) {
	tr := traced(t, Options{}, "sh", "-c", "(sleep 0.3; getent passwd root >/dev/null) & exit 5")
	if tr.Status != (Status{Code: 5}) {
		t.Errorf("it ended with %+v", tr.Status)
	}
	var names []string
	for _, p := range tr.Programs {
		names = append(names, filepath.Base(p.Path))
	}
	if !slices.Contains(names, "getent") {
		t.Errorf("programs %q, want getent among them", names)
	}
}

func TestParseMaps(t *testing.T) {
	got := parseMaps([]byte("7f00-7f80 r-xp 00001000 103:02 77   /a b\\012c (deleted)\n" +
		"8000-9000 rw-p 00000000 00:00 0 \nffff-10000 --xp 00000000 00:00 0                  [vsyscall]\nbroken\n-\n1-2 r-xp z 0:0 0\n"))
	want := []mapping{{0x7f00, 0x7f80, 0x1000, 0x10302, 77, "/a b\nc (deleted)"}, {0xffff, 0x10000, 0, 0, 0, "[vsyscall]"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if m := find(got, 0x7f7f); m == nil || m.place(0x7f10) != (Place{"/a b\nc (deleted)", 0x1010, 0x10302, 77}) {
		t.Errorf("find: %+v", m)
	}
	for _, addr := range []uint64{0x7eff, 0x7f80, 0x8000, 0x10000, ^uint64(0)} {
		if m := find(got, addr); m != nil {
			t.Errorf("%#x is in %+v", addr, m)
		}
	}
}
