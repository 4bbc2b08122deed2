package gofind_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// The same program in two directories loads other libraries, and makes other calls.
func TestPolicySameFileElsewhere(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	dir := t.TempDir()
	gcc := func(source string, args ...string) {
		t.Helper()
		c := bounded.Command(t, "gcc", append([]string{"-x", "c", "-"}, args...)...)
		c.Dir, c.Stdin = dir, strings.NewReader(source)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, sub := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	gcc("int f(void) { return 1; }", "-shared", "-fPIC", "-Wl,-soname,libf.so", "-o", "a/libf.so")
	gcc("#include <unistd.h>\nint f(void) { sync(); return 1; }", "-shared", "-fPIC", "-Wl,-soname,libf.so", "-o", "b/libf.so")
	gcc("int f(void); int main(void) { return f(); }", "-x", "none", "a/libf.so", "-Wl,-rpath,$ORIGIN", "-o", "a/child")
	child := filepath.Join(dir, "a/child")
	data, err := os.ReadFile(child)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b/child"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := gofind.NewPolicy(context.Background(), []string{child, filepath.Join(dir, "b/child")}, gofind.PolicyOptions{Scan: gofind.Options{HostNone: true}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Programs) != 2 || !slices.ContainsFunc(p.Rules, func(r gofind.PolicyRule) bool { return r.Name == "sync" }) {
		t.Errorf("%d programs, and the second one's sync is refused", len(p.Programs))
	}
}

// What is executed is known and is no program: --exec PATH would not help, and is not offered.
func TestExecKnown(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	dir := t.TempDir()
	text, prog := filepath.Join(dir, "text"), filepath.Join(dir, "prog")
	if err := os.WriteFile(text, []byte("echo no interpreter is named\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := bounded.Command(t, "gcc", "-x", "c", "-", "-O1", "-o", prog)
	c.Stdin = strings.NewReader("#include <unistd.h>\nint main(void) { return execl(\"" + text + "\", \"x\", (char *)0); }\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, err := gofind.NewPolicy(context.Background(), []string{prog}, gofind.PolicyOptions{Scan: gofind.Options{HostNone: true}})
	if failed := (*gofind.ExecError)(nil); !errors.As(err, &failed) || failed.Program != text || strings.Contains(err.Error(), "--exec PATH") || !strings.Contains(err.Error(), "--exec deny") {
		t.Error(err)
	}
}
