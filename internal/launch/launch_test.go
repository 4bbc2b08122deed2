package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// launcher is testdata/launcher, built.
var launcher string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "launch")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // others run it too
		panic(err)
	}
	launcher = filepath.Join(dir, "launcher")
	ctx, cancel := context.WithTimeout(context.Background(), bounded.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", launcher, "./testdata/launcher")
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// launched makes a command that runs under a filter.
func launched(t *testing.T, filter string, argv ...string) *exec.Cmd {
	return bounded.Command(t, launcher, append([]string{filter}, argv...)...)
}

func compile(t *testing.T, name string, flags ...string) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(name, filepath.Ext(name)))
	if text, err := bounded.Command(t, "gcc", append([]string{"-o", out, "testdata/" + name}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// The program has what it would have without the launcher.
func TestInheritance(t *testing.T) {
	parent := compile(t, "parent.c")
	for _, tt := range []struct{ want, program, arg, text string }{
		{"77\n", "/bin/sh", "-c", `ulimit -Sn; ulimit -Hn; echo /proc/self/fd/*; umask; pwd; ps -o pgid= $$`},
		{"SigBlk:\t0000010000410800\nSigIgn:\t0000008000001005\n", "/bin/grep", "-E", "^(Sig(Blk|Ign|Cgt)|ShdPnd)"},
	} {
		argv := []string{tt.program, tt.arg, tt.text}
		if tt.program == "/bin/grep" {
			argv = append(argv, "/proc/self/status")
		}
		plain, err := bounded.Command(t, parent, argv...).Output()
		if err != nil {
			t.Fatal(err)
		}
		under, err := bounded.Command(t, parent, append([]string{launcher, "allow"}, argv...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(plain) != string(under) {
			t.Errorf("launched:\n%s\nelse:\n%s", under, plain)
		}
		if !strings.Contains(string(plain), tt.want) {
			t.Errorf("the parent handed down nothing worth testing:\n%s", plain)
		}
	}
}

// Nothing but execve is called between the filter and the program.
func TestOnlyExecve(t *testing.T) {
	bare := compile(t, "bare.s", "-nostdlib", "-static")
	for range 30 {
		out, err := launched(t, "bare", bare).CombinedOutput()
		if err != nil || string(out) != "hi\n" {
			t.Fatalf("%v: %q", err, out)
		}
	}
}

// The process number is that of the launcher, and the filter holds.
func TestInPlace(t *testing.T) {
	cmd := launched(t, "allow", "sh", "-c", `echo $$; grep '^Seccomp:' /proc/self/status; exit 7`)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("ended with %v", err)
	}
	if want := fmt.Sprintf("%d\nSeccomp:\t2\n", cmd.Process.Pid); string(out) != want {
		t.Errorf("output %q, want %q", out, want)
	}
	cmd = launched(t, "bare", "sh", "-c", "true")
	if err := cmd.Run(); !errors.As(err, &exit) || !strings.Contains(err.Error(), "bad system call") {
		t.Errorf("a shell under a filter for nothing ended with %v", err)
	}
}

func TestErrors(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/nonexistent\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		filter, program string
		code            int
		message         string
	}{
		{"broken", "true", 1, "seccomp: invalid argument"},
		{"large", "true", 1, "5000 instructions and the kernel takes 4096"},
		{"none", "true", 1, "0 instructions"},
		{"noexec", "true", Failed, "execve failed under the filter"},
		{"allow", script, Failed, "execve failed under the filter"},
	} {
		out, err := launched(t, tt.filter, tt.program).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != tt.code || !strings.Contains(string(out), tt.message) {
			t.Errorf("%s: %v: %s", tt.filter, err, out)
		}
	}
	allow := []bpf.RawInstruction{{Op: 0x06, K: 0x7fff0000}}
	if err := Exec("/etc/passwd", []string{"x"}, nil, allow); !errors.Is(err, unix.EACCES) {
		t.Errorf("error %v", err)
	}
}

// Without privileges it takes no_new_privs, and the program has it.
func TestUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("is unprivileged in all other tests")
	}
	cmd := launched(t, "allow", "grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/self/status")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "NoNewPrivs:\t1\nSeccomp:\t2\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// Under a filter that answers seccomp in the kernel's place, nothing runs.
func TestLie(t *testing.T) {
	for range 20 { // each time the runtime may be busy with something else
		out, err := launched(t, "lie", launcher, "allow", "echo", "runs").CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Contains(string(out), "runs\n") || !strings.Contains(string(out), "does nothing") {
			t.Fatalf("%v: %s", err, out)
		}
	}
}
