package gofind

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

// groupsFile writes a file of groups.
func groupsFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "groups.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// One group of everything needs what the scan finds, and no group needs more.
func TestGroupsAgainstScan(t *testing.T) {
	const program = "/usr/bin/env"
	if _, err := os.Stat(program); err != nil {
		t.Skip(program + " is not there")
	}
	opts := Options{HostNone: true}
	scan, err := Scan(context.Background(), program, opts)
	if err != nil {
		t.Fatal(err)
	}
	var want []GroupCall
	for _, s := range scan.Syscalls {
		want = append(want, GroupCall{s.Name, s.Number, s.ABI})
	}
	calls := func(g GroupAnswer) []GroupCall {
		var out []GroupCall
		for _, n := range g.Needs {
			out = append(out, n.GroupCall)
		}
		return out
	}
	r, err := ScanGroups(context.Background(), program, groupsFile(t, "compartments: [{name: all, default: true}]\ntransparent: []\n"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := calls(r.Groups[0]); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("one group needs %v, the scan finds %v", got, want)
	}
	r, err = ScanGroups(context.Background(), program, groupsFile(t, "compartments: [{name: own, default: true}, {name: libc, libraries: [libc.so.6]}]\n"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Transparent) != 2 || !r.Groups[1].Transparent || r.Groups[0].Transparent {
		t.Errorf("transparent: %v, %v, %v", r.Transparent, r.Groups[0].Transparent, r.Groups[1].Transparent)
	}
	for _, g := range r.Groups {
		got := calls(g)
		if len(got) == 0 || slices.ContainsFunc(got, func(c GroupCall) bool { return !slices.Contains(want, c) }) {
			t.Errorf("%s needs %v, the scan finds %v", g.Name, got, want)
		}
		for _, e := range g.Executes {
			if !slices.Contains(want, e) {
				t.Errorf("%s executes %v", g.Name, e)
			}
		}
	}
	if len(r.Groups[1].Executes) <= len(r.Groups[0].Executes) { // libc has nearly all instructions
		t.Errorf("libc executes %d calls, the others %d", len(r.Groups[1].Executes), len(r.Groups[0].Executes))
	}
}

// Each file on the stack of a call that a program was seen to make needs the call: each library is a group of its own.
func TestGroupsNeedWhatIsTraced(t *testing.T) {
	if testing.Short() {
		t.Skip("scans and traces programs")
	}
	ran := false
	for _, argv := range [][]string{{"/usr/bin/curl", "-s", "http://127.0.0.1:9/"}, {"/usr/bin/openssl", "version"}, {"/usr/bin/ssh", "-V"}} {
		program, err := filepath.EvalSymlinks(argv[0])
		if err != nil {
			continue
		}
		ran = true
		scan, err := Scan(t.Context(), program, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString("compartments:\n- {name: main, default: true}\n")
		for i, m := range scan.Images {
			if i > 0 && m.Origin == "needed" {
				fmt.Fprintf(&b, "- {name: g%d, libraries: [%q]}\n", i, m.Path)
			}
		}
		r, err := ScanGroups(t.Context(), program, groupsFile(t, b.String()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		needs, in := map[string]map[string]bool{}, map[string]string{} // by group: calls; by file: group
		for _, g := range r.Groups {
			needs[g.Name] = map[string]bool{}
			for _, n := range g.Needs {
				needs[g.Name][n.Name] = true
			}
			for _, f := range g.Files {
				if real, err := filepath.EvalSymlinks(f); err == nil && !slices.Contains(r.Transparent, f) {
					in[real] = g.Name
				}
			}
		}
		run, err := trace.Run(t.Context(), trace.Options{Path: program, Argv: argv, Env: os.Environ()})
		if err != nil {
			t.Fatal(err)
		}
		checked, groups := 0, map[string]bool{}
		for _, c := range run.Programs[0].Calls() {
			name, _ := sysno.Name(c.ABI, c.Nr)
			if c.Stack == nil {
				continue
			}
			for _, f := range c.Stack.Frames(trace.NewLocator()) {
				if g := in[f.Image]; g != "" {
					checked++
					groups[g] = true
					if !needs[g][name] {
						t.Errorf("%s: %s was made with %s %s on the stack, which does not need it", argv[0], name, f.Image, f.Function)
					}
				}
			}
		}
		run.Close()
		t.Logf("%s: %d frames of %d groups checked", argv[0], checked, len(groups))
		if checked == 0 {
			t.Errorf("%s: nothing was checked", argv[0])
		}
	}
	if !ran {
		t.Skip("none of the programs is installed")
	}
}
