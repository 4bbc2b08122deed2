package unikraft

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/specimen"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// calls makes a set from names.
func calls(t *testing.T, names ...string) compartment.Calls {
	var c compartment.Calls
	for _, n := range names {
		nr, ok := sysno.Number(sysno.X86_64, n)
		if !ok {
			t.Fatalf("no call %s", n)
		}
		c.Add(nr)
	}
	return c
}

// planOf is a plan for the specimen, by hand: core may make all calls, net and plugin what
// they need. Gates are at all their functions.
func planOf(t *testing.T, f *File) *compartment.Plan {
	plan := &compartment.Plan{Compartments: []compartment.Compartment{
		{Name: "core", Default: true},
		{Name: "net", Needs: calls(t, "socket", "bind", "getpid", "clock_gettime", "getuid", "clone", "futex", "sched_yield", "exit", "gettid", "exit_group", "open", "write", "close", "getppid")},
		{Name: "plugin", Needs: calls(t, "open", "read", "close", "getuid", "clone", "futex", "sched_yield", "exit", "getpid", "exit_group", "getppid")},
	}}
	for _, s := range f.Symbols() {
		if s.Type != sttFunc {
			continue
		}
		for _, prefix := range []string{"uk_syscall_r_", "uk_syscall_e_", "__uk_syscall_r_"} {
			if name, ok := strings.CutPrefix(s.Name, prefix); ok {
				nr, ok := sysno.Number(sysno.X86_64, name)
				if !ok {
					t.Fatal(s.Name)
				}
				plan.Entries = append(plan.Entries, compartment.Entry{Func: s.Name, Addr: s.Addr, Size: s.Size, Number: nr, Errno: prefix == "uk_syscall_e_"})
				plan.Compartments[0].Needs.Add(nr)
			}
		}
		if strings.HasPrefix(s.Name, "net_") {
			plan.Gates = append(plan.Gates, compartment.Gate{Func: s.Name, Addr: s.Addr, Size: s.Size, To: 1})
		}
		if strings.HasPrefix(s.Name, "plugin_") || s.Name == "work" {
			plan.Gates = append(plan.Gates, compartment.Gate{Func: s.Name, Addr: s.Addr, Size: s.Size, To: 2})
		}
	}
	return plan
}

func TestSeal(t *testing.T) {
	dir := t.TempDir()
	if d := os.Getenv("KEEP"); d != "" {
		dir = d
	}
	img, err := specimen.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	debug, err := Open(img.Debug)
	if err != nil {
		t.Fatal(err)
	}
	final, err := Open(img.Final)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Seal(planOf(t, debug), debug, final, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", rep.Rules.Gaps)
	t.Logf("%+v", rep)
	for _, f := range []*File{debug, final} {
		b, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, filepath.Base(f.Path)+".sealed"), b, 0o666)
	}
}
