package gofind

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
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
