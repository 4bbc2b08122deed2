package gofind

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

// A prediction that lacks a call is found wrong, with the functions that led to it, in each
// way of watching.
func TestVerifyWrongPrediction(t *testing.T) {
	nr, _ := sysno.Number(sysno.X86_64, "getuid")
	lacking := sysno.Call{ABI: sysno.X86_64, Nr: nr}
	for _, opts := range []VerifyOptions{{}, {NoVDSO: true}} {
		s := newScans(t.Context(), opts)
		run, err := trace.Run(t.Context(), trace.Options{
			Path: "/bin/sh", Argv: []string{"sh", "-c", "cat /dev/null"}, Env: os.Environ(), NoVDSO: opts.NoVDSO,
			Started: func(p *trace.Program) { // as late as can be: the stack is kept until then
				s.group.Go(func() {
					s.turn.Lock()
					defer s.turn.Unlock()
					delete(s.scan(p).calls, lacking)
				})
			},
			Keep: s.doubtful,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.wait()
		for _, p := range run.Programs {
			delete(s.of(p).calls, lacking)
		}
		v := &Verification{}
		if err := v.compare(context.Background(), run.Programs, s); err != nil {
			t.Fatal(err)
		}
		run.Close()
		if v.Verdict != VerdictMissed {
			t.Fatalf("verdict %s", v.Verdict)
		}
		shell := v.Programs[0]
		if len(shell.Missed) != 1 || shell.Missed[0].Name != "getuid" || len(v.Programs[1].Missed) != 0 {
			t.Fatalf("missed: %+v", v.Programs)
		}
		m := shell.Missed[0]
		var functions []string
		for _, f := range m.Stack {
			functions = append(functions, f.Function)
		}
		if len(functions) < 4 || functions[0] != "getuid" || !slices.Contains(functions, "__libc_start_main") {
			t.Errorf("stack %q", functions)
		}
		if len(m.Sites) != 1 || !strings.Contains(m.Sites[0].Image, "libc") || m.Sites[0].Function != "getuid" || m.Sites[0].Count != m.Count {
			t.Errorf("sites %+v", m.Sites)
		}
	}
}

// So is a value of an argument, with the place that passed it.
func TestVerifyWrongArguments(t *testing.T) {
	opts := VerifyOptions{Options: Options{Arguments: true}}
	s := newScans(t.Context(), opts)
	run, err := trace.Run(t.Context(), trace.Options{Path: "/bin/sh", Argv: []string{"sh", "-c", "exit 0"}, Env: os.Environ(),
		Started: s.start, Watched: watchedArguments,
		KeepValue: func(*trace.Program, sysno.Call, int, uint64) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	s.wait()
	v := &Verification{}
	if err := v.compare(t.Context(), run.Programs, s); err != nil || len(v.Programs[0].Arguments) > 0 {
		t.Fatalf("%v: %+v", err, v.Programs[0].Arguments)
	}
	// Take one value away of an argument that the program was seen to pass.
	var call *Syscall
	var values *ArgValues
	var value uint64
	for _, c := range run.Programs[0].Calls() {
		if known := s.of(run.Programs[0]).calls[c.Call]; known != nil {
			for i := range known.Args {
				a := &known.Args[i]
				if seen, _ := c.Values(a.Index); len(seen) > 0 {
					call, values, value = known, a, seen[0].Value
				}
			}
		}
	}
	if call == nil {
		t.Fatal("no argument was predicted and seen")
	}
	values.Values = slices.DeleteFunc(slices.Clone(values.Values), func(v uint64) bool { return v == value })
	v = &Verification{}
	if err := v.compare(t.Context(), run.Programs, s); err != nil {
		t.Fatal(err)
	}
	found := v.Programs[0].Arguments
	if v.Verdict != VerdictMissed || len(found) != 1 || found[0].Name != call.Name || found[0].Value != value || found[0].Argument != values.Name {
		t.Fatalf("verdict %s, found %+v, want %s %s %#x", v.Verdict, found, call.Name, values.Name, value)
	}
	if len(found[0].Stack) < 2 || found[0].Site.Image == "" {
		t.Errorf("stack %+v at %+v", found[0].Stack, found[0].Site)
	}
}

// A site that a scan does not list for a call is told apart.
func TestVerifyElsewhere(t *testing.T) {
	c := comparison{images: &images{known: map[string]string{}, result: &Result{}}}
	known := &Syscall{Sites: []Site{{Image: "/lib/a", Address: "0x10", Origin: "program"}}}
	for _, tt := range []struct {
		at   SeenSite
		want bool
	}{
		{SeenSite{Image: "/lib/a", Address: "0x10"}, true},
		{SeenSite{Image: "/lib/a", Address: "0x12"}, false},
		{SeenSite{Image: "/lib/b", Address: "0x10"}, false},
		{SeenSite{Image: "[vdso]", Address: "0x10"}, true},
	} {
		if got := c.expected(known, tt.at); got != tt.want {
			t.Errorf("%+v: %v", tt.at, got)
		}
	}
	known.Sites = append(known.Sites, Site{Image: "kernel", Origin: "kernel"})
	if !c.expected(known, SeenSite{Image: "/lib/b", Address: "0x10"}) {
		t.Error("a call that the kernel implies is made anywhere")
	}
}
