package seal

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
)

// pie builds testdata/probe.c in the usual way.
func pie(t testing.TB) string { return builds[1].program(t) }

// asm builds a program without a C library.
func asm(t testing.TB, source string, args ...string) string {
	t.Helper()
	need(t, "gcc")
	out := filepath.Join(t.TempDir(), "prog")
	run(t, "gcc", append([]string{"-nostdlib", "-static", "-o", out, source}, args...)...)
	return out
}

// All registers, the flags and the stack are as the kernel left them.
func TestRegisters(t *testing.T) {
	for _, mode := range []string{"-no-pie", "-static-pie"} {
		plain := asm(t, "testdata/registers.s", mode)
		seal := sealed(t, plain, allBut(policy.KillProcess))
		want, got := start(t, plain, "a", "b"), start(t, seal, "a", "b")
		if len(want.out) != 136 || got != want || want.code != 5 {
			t.Errorf("%s: % x, %d, want\n% x, %d", mode, got.out, got.code, want.out, want.code)
		}
		if argc := binary.LittleEndian.Uint64([]byte(want.out)); argc != 3 {
			t.Errorf("argc %d", argc)
		}
	}
}

// The same program after a thousand execs has one filter.
func TestThousandExecs(t *testing.T) {
	seal := sealed(t, pie(t), allBut(policy.KillProcess, "sync"))
	if got := start(t, seal, "again", "1000"); !strings.HasPrefix(got.out, "filters 1 ") {
		t.Errorf("%+v", got)
	}
	if got := unprivileged(t, seal, "again", "1000"); got.out != "filters 1 no_new_privs 1\n" {
		t.Errorf("without privileges: %+v", got)
	}
}

// Two programs that execute each other have two filters, however often they do.
func TestPingPong(t *testing.T) {
	a := sealed(t, pie(t), allBut(policy.KillProcess, "sync"))
	b := sealed(t, pie(t), allBut(policy.KillProcess, "sync", "swapon"))
	var args []string
	for range 200 {
		args = append(args, "exec", b, "exec", a)
	}
	got := start(t, a, append(args, "again", "0")...)
	if !strings.HasPrefix(got.out, "filters 2 ") {
		t.Errorf("%+v", got)
	}
}

// A program with privileges keeps them, and needs no_new_privs only without CAP_SYS_ADMIN.
func TestPrivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a setuid program")
	}
	seal := sealed(t, pie(t), allBut(policy.KillProcess, "sync"))
	if err := os.Chmod(seal, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if got := unprivileged(t, seal, "call", "161", "0"); got.out != "errno 14\n" { // chroot(NULL): EFAULT, not EPERM
		t.Skipf("setuid programs have no effect here: %+v", got)
	}
	if got := unprivileged(t, seal, "again", "0"); got.out != "filters 1 no_new_privs 0\n" {
		t.Errorf("setuid: %+v", got)
	}
	if got := unprivileged(t, seal, "call", nrSync); got.code != sigsys {
		t.Errorf("setuid: %+v", got)
	}
	if err := os.Chmod(seal, 0o755); err != nil {
		t.Fatal(err)
	}
	// CAP_SYS_CHROOT (18), effective and permitted.
	if err := syscall.Setxattr(seal, capability, []byte{1, 0, 0, 2, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0); err != nil {
		t.Skip("no file capabilities here")
	}
	if got := unprivileged(t, seal, "call", "161", "0"); got.out != "errno 14\n" {
		t.Errorf("capabilities: %+v", got)
	}
	if got := unprivileged(t, seal, "again", "0"); got.out != "filters 1 no_new_privs 1\n" {
		t.Errorf("capabilities: %+v", got)
	}
}

// Filters that are too large together: the last program says so, and does not run.
func TestTooMany(t *testing.T) {
	plain := pie(t)
	large := func(n int) *policy.Policy {
		p := allBut(policy.KillProcess, "kill")
		r := policy.Rule{Call: call("kill")}
		for i := range 400 {
			r.Clauses = append(r.Clauses, policy.Clause{Tests: []policy.Test{is(0, 64, uint64(i*7919+n)), is(1, 64, uint64(i*31)<<33)}, Action: policy.Errno(uint16(1 + i%90))})
		}
		p.Rules = append(p.Rules, r)
		if err := p.Sort(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	var args []string
	var first string
	for n := range 40 {
		path := sealed(t, plain, large(n))
		moved := filepath.Join(filepath.Dir(path), fmt.Sprint(n))
		if err := os.Rename(path, moved); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first = moved
		} else {
			args = append(args, "exec", moved)
		}
	}
	got := start(t, first, append(args, "hello")...)
	if got.code != ExitCode || got.out != "" || !strings.Contains(got.errs, "error 12 (ENOMEM: too many filters add up") {
		t.Errorf("%+v", got)
	}
}

// unprivileged runs a program without capabilities, so that it needs no_new_privs.
func unprivileged(t testing.TB, path string, args ...string) outcome {
	t.Helper()
	if os.Getuid() != 0 {
		return start(t, path, args...)
	}
	need(t, "setpriv")
	// The directories of the test are not for others.
	for dir := filepath.Dir(path); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, "setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", path}, args...)...)
}

// The action that was asked for happens.
func TestActions(t *testing.T) {
	plain := pie(t)
	for _, c := range []struct {
		action string
		args   []string
		want   outcome
	}{
		{"kill", []string{"call", nrSync}, outcome{code: sigsys}},
		{"errno", []string{"call", nrSync}, outcome{out: "errno 1\n"}},
		{"errno:38", []string{"call", nrSync}, outcome{out: "errno 38\n"}},
		{"errno:38", []string{"call", nrSyncX32}, outcome{out: "errno 38\n"}},
		{"errno:38", []string{"int80", nrSyncI386}, outcome{out: "errno 38\n"}},
		{"log", []string{"call", nrSync}, outcome{out: "returned\n"}},
		{"trap", []string{"trap", nrSync}, outcome{out: "trapped 162\n", code: 7}},
		{"kill", []string{"trap", nrSync}, outcome{code: sigsys}},
		{"kill", []string{"call", "600"}, outcome{out: "errno 38\n"}}, // given out later, perhaps
		{"errno", []string{"thread", nrSync}, outcome{out: "errno 1\n"}},
		{"kill", []string{"fork", nrSync}, outcome{out: fmt.Sprintf("child %d\n", sigsys)}},
	} {
		action, err := policy.ParseAction(c.action)
		if err != nil {
			t.Fatal(err)
		}
		seal := sealed(t, plain, allBut(action, "sync"))
		if got := start(t, seal, c.args...); got != c.want {
			t.Errorf("%s: %q: %+v, want %+v", c.action, c.args, got, c.want)
		}
	}
}

// Arguments are tested, at their width.
func TestArguments(t *testing.T) {
	p := allBut(policy.Errno(1), "kill")
	p.Rules = append(p.Rules, policy.Rule{Call: call("kill"), Clauses: []policy.Clause{{Tests: []policy.Test{is(1, 32, 0)}, Action: policy.Allow}}})
	if err := p.Sort(); err != nil {
		t.Fatal(err)
	}
	pid := fmt.Sprint(os.Getpid())
	seal := sealed(t, pie(t), p)
	for signal, want := range map[string]string{"0": "returned\n", "0x100000000": "returned\n", "18": "errno 1\n", "0x100000012": "errno 1\n"} {
		if got := start(t, seal, "call", "62", pid, signal); got.out != want {
			t.Errorf("kill(self, %s): %+v, want %q", signal, got, want)
		}
	}
}

// A filter in force that does not let the program install its own: the program says so and
// does not run.
func TestRefused(t *testing.T) {
	inner := sealed(t, pie(t), allBut(policy.KillProcess, "sync"))
	for _, c := range []struct {
		change func(*policy.Policy)
		want   string
	}{
		{refuse("seccomp", policy.Errno(38)), "error 38 (ENOSYS: "},
		{refuse("seccomp", policy.Errno(22)), "error 22 (EINVAL: "},
		{refuse("seccomp", policy.Errno(1)), "error 1 (EPERM: "},
		{refuse("seccomp", policy.Errno(13)), "error 13 (EACCES: "},
		{refuse("seccomp", policy.Errno(0)), "error 4001 (seccomp(2) reported success, but "},
		{refuse("seccomp", policy.Errno(99)), "error 99 (an error that seccomp(2) does not document)"},
	} {
		p := allBut(policy.KillProcess, "seccomp", "prctl")
		c.change(p)
		// As an outer filter, without what Extend adds.
		got := under(t, p, inner, "hello")
		if got.code != ExitCode || got.out != "" || !strings.HasPrefix(got.errs, "gofind: "+strings.TrimSuffix(inner, ".sealed")+": cannot install its filter: "+c.want) || !strings.HasSuffix(got.errs, ")\n") {
			t.Errorf("%+v, want %s", got, c.want)
		}
	}
}

// refuse adds a rule with an action, and allows prctl.
func refuse(name string, action policy.Action) func(*policy.Policy) {
	return func(p *policy.Policy) {
		p.Rules = append(p.Rules,
			policy.Rule{Call: call(name), Clauses: []policy.Clause{{Action: action}}},
			policy.Rule{Call: call("prctl"), Clauses: []policy.Clause{{Action: policy.Allow}}})
		if err := p.Sort(); err != nil {
			panic(err)
		}
	}
}

// A sealed child of a sealed parent with another filter is held by both.
func TestChild(t *testing.T) {
	parent := sealed(t, pie(t), allBut(policy.KillProcess, "sync", "seccomp", "prctl"))
	child := sealed(t, pie(t), allBut(policy.KillProcess, "syncfs", "seccomp", "prctl"))
	for _, run := range []func(testing.TB, string, ...string) outcome{start, unprivileged} {
		if got := run(t, parent, "exec", child, "hello"); got.code != 3 || !strings.HasPrefix(got.out, "hello 2 1") {
			t.Errorf("%+v", got)
		}
		for _, nr := range []string{nrSync, "306"} { // syncfs
			if got := run(t, parent, "exec", child, "call", nr, "0"); got.code != sigsys {
				t.Errorf("%s: %+v", nr, got)
			}
		}
	}
}

// underFilter names a file with a filter that this test binary is to execute a program under.
const underFilter = "SEAL_TEST_FILTER"

// under runs a program under a filter that is not one of ours.
func under(t testing.TB, p *policy.Policy, path string, args ...string) outcome {
	t.Helper()
	filter, err := bpf.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(underFilter, write(t, filepath.Join(t.TempDir(), "filter"), filter.Bytes()))
	return start(t, os.Args[0], append([]string{path}, args...)...)
}

func TestMain(m *testing.M) {
	if file := os.Getenv(underFilter); file != "" {
		fmt.Fprintln(os.Stderr, installAndExec(file, os.Args[1:]))
		os.Exit(99)
	}
	if os.Getenv(copyInstead) != "" {
		os.Exit(copyMain(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// installAndExec executes a program under a filter. It returns only with an error.
func installAndExec(file string, args []string) error {
	runtime.LockOSThread()
	filter, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	prog := struct {
		n      uint16
		filter *byte
	}{uint16(len(filter) / 8), &filter[0]}
	if _, _, e := syscall.RawSyscall6(157, setNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(317, setModeFilter, 0, uintptr(unsafe.Pointer(&prog))); e != 0 {
		return e
	}
	return syscall.Exec(args[0], args, os.Environ())
}
