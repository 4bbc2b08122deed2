package rpc

import (
	"errors"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/specimen"
	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/x86"
)

func open(t *testing.T) []*unikernel.Image {
	t.Helper()
	set, err := specimen.BuildVMEPT(t.TempDir())
	if errors.Is(err, specimen.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []*unikernel.Image
	for _, img := range set {
		m, err := unikernel.Open(img.Debug)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		out = append(out, m)
	}
	return out
}

// What the source of the specimen has: all gates name their function and their compartment, and what can be called are
// the functions that its source says.
func TestFind(t *testing.T) {
	for n, m := range open(t) {
		f := Find(m)
		exports := [][]string{nil, nil}
		for _, g := range f.Gates {
			if g.Computed || len(g.To) != 1 || g.To[0] == Any {
				t.Errorf("comp%d: gate at %#x in %s: to %v, computed %v", n, g.Call, m.At(g.In).Name, g.To, g.Computed)
				continue
			}
			for _, a := range g.Targets {
				exports[g.To[0]] = append(exports[g.To[0]], m.At(a).Name)
			}
		}
		for c, want := range specimen.VMEPTExports {
			slices.Sort(exports[c])
			if got := slices.Compact(exports[c]); !slices.Equal(got, want) {
				t.Errorf("comp%d: called in %d: %v, want %v", n, c, got, want)
			}
		}
		if len(f.Gates) != 5 { // one in plugin_sum, three in workload, one in word
			t.Errorf("comp%d: %d gates", n, len(f.Gates))
		}
		if len(f.Servers) == 0 {
			t.Errorf("comp%d: no server", n)
		}
		for _, s := range f.Servers {
			if s.Reg != x86.RAX {
				t.Errorf("comp%d: server at %#x in %s: register %d", n, s.Call, s.Whose, s.Reg)
			}
		}
	}
}
