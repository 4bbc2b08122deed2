package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// A build is a way to make a program.
type build struct {
	name     string
	compiler string
	args     []string
}

var builds = []build{
	{"dynamic", "gcc", []string{"-no-pie", "-pthread"}},
	{"pie", "gcc", []string{"-pie", "-fPIE", "-pthread"}},
	{"static", "gcc", []string{"-static", "-no-pie", "-pthread"}},
	{"static-pie", "gcc", []string{"-static-pie", "-fPIE", "-pthread"}},
	{"stripped", "gcc", []string{"-pie", "-fPIE", "-pthread", "-s"}},
	{"cet", "gcc", []string{"-pie", "-fPIE", "-pthread", "-fcf-protection=full"}},
	{"bare-notes", "gcc", []string{"-pie", "-fPIE", "-pthread", "-fcf-protection=none", "-Wl,--build-id=sha1", "-Wa,-mx86-used-note=no", "-fuse-ld=bfd"}},
	{"lld", "gcc", []string{"-pie", "-fPIE", "-pthread", "-fuse-ld=lld"}},
	{"lld-static", "gcc", []string{"-static", "-no-pie", "-pthread", "-fuse-ld=lld"}},
	{"gold", "gcc", []string{"-pie", "-fPIE", "-pthread", "-fuse-ld=gold"}},
	{"large-pages", "gcc", []string{"-pie", "-fPIE", "-pthread", "-Wl,-z,max-page-size=0x200000"}},
	{"no-relro", "gcc", []string{"-no-pie", "-pthread", "-Wl,-z,norelro,-z,noseparate-code"}},
	{"musl", "musl-gcc", []string{"-pthread"}},
	{"musl-static", "musl-gcc", []string{"-static", "-pthread"}},
	{"musl-static-pie", "musl-gcc", []string{"-static-pie", "-fPIE", "-pthread"}},
	{"musl-lld", "musl-gcc", []string{"-pthread", "-fuse-ld=lld"}},
}

// program compiles testdata/probe.c.
func (b *build) program(t testing.TB) string {
	t.Helper()
	need(t, b.compiler)
	out := filepath.Join(t.TempDir(), "prog")
	args := append([]string{"-O1", "-o", out, "testdata/probe.c"}, b.args...)
	if text, err := bounded.Command(t, b.compiler, args...).CombinedOutput(); err != nil {
		if s := string(text); strings.Contains(s, "cannot find 'ld'") || strings.Contains(s, "invalid linker") {
			t.Skip("needs the linker")
		}
		t.Fatalf("%s %v: %v\n%s", b.compiler, args, err, text)
	}
	return out
}

// allBut allows every call of x86_64 but some.
func allBut(action policy.Action, names ...string) *policy.Policy {
	p := &policy.Policy{Default: action, Unknown: policy.Errno(policy.ENOSYS)}
	for nr := range 512 {
		name, ok := sysno.Name(sysno.X86_64, nr)
		if ok && !slices.Contains(names, name) {
			p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{ABI: sysno.X86_64, Nr: nr}, Clauses: []policy.Clause{{Action: policy.Allow}}})
		}
	}
	return p
}

// sealed writes a sealed program beside path.
func sealed(t testing.TB, path string, p *policy.Policy) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Children(p); err != nil {
		t.Fatal(err)
	}
	out, err := Seal(path, data, p, Meta{Tool: "test", Program: path, Policy: json.RawMessage("{}")}, false)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, path+".sealed", out)
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// read reads a sealed program, and its bytes.
func read(t testing.TB, path string) (*Sealed, []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return s, data
}

// outcome is what a run showed.
type outcome struct {
	out, errs string
	code      int // exit code, or minus the signal
}

func start(t testing.TB, path string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	var c *exec.Cmd
	var err error
	for range 100 {
		out.Reset()
		errs.Reset()
		c = bounded.Command(t, path, args...)
		c.Stdout, c.Stderr = &out, &errs
		c.Env = append(os.Environ(), "MARK=x")
		// A file that was just written is busy until what other tests forked meanwhile has been executed.
		if err = c.Run(); !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	code := c.ProcessState.ExitCode()
	if s := c.ProcessState.Sys().(syscall.WaitStatus); s.Signaled() {
		code = -int(s.Signal())
	}
	return outcome{out.String(), errs.String(), code}
}

const (
	sigsys     = -int(syscall.SIGSYS)
	nrSync     = "162"
	nrSyncX32  = "0x400000a2"
	nrSyncI386 = "36"
)

// What is allowed works as before; what is not is stopped.
func TestBuilds(t *testing.T) {
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			plain := b.program(t)
			seal := sealed(t, plain, allBut(policy.KillProcess, "sync"))
			for _, args := range [][]string{{}, {"hello", "a b"}, {"call", "39"}, {"fork", "39"}, {"thread", "39"}, {"int80", "20"}} {
				want, got := start(t, plain, args...), start(t, seal, args...)
				if args != nil && len(args) > 0 && args[0] == "int80" {
					want = outcome{code: sigsys}
				}
				if got != want {
					t.Errorf("%q: %+v, want %+v", args, got, want)
				}
			}
			for _, args := range [][]string{{"call", nrSync}, {"call", nrSyncX32}, {"call", "0x40000027"}, {"call", "-1"}, {"int80", nrSyncI386}, {"thread", nrSync}, {"exec", seal, "call", nrSync}} {
				if got := start(t, seal, args...); got.code != sigsys || got.out != "" {
					t.Errorf("%q: %+v, want SIGSYS", args, got)
				}
			}
			if got := start(t, seal, "again", "20"); got.out != "filters 1 no_new_privs 0\n" && os.Getuid() == 0 {
				t.Errorf("after 20 execs: %+v", got)
			}
			s, _ := read(t, seal)
			back, err := s.Original()
			if err != nil {
				t.Fatal(err)
			}
			if was, _ := os.ReadFile(plain); !bytes.Equal(back, was) {
				t.Error("Original is not the original")
			}
		})
	}
}
