package gofind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// miniImage builds the image of internal/needs/testdata/mini and returns the options to analyse it.
func miniImage(t *testing.T) KraftOptions {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not installed")
	}
	const src = "internal/needs/testdata/mini"
	dir := t.TempDir()
	args := []string{"-g", "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-mno-red-zone", "-fcf-protection=none", "-w",
		"-nostdlib", "-no-pie", "-static", "-Wl,--build-id=none", "-Wl,-T," + src + "/image.ld", "-o", filepath.Join(dir, "build", "mini_qemu-x86_64.dbg")}
	copyTo := func(to, from string) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(src, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range [][2]string{{"libkvmplat", "boot.c"}, {"appmini", "app.c"}, {"libposix", "posix.c"}, {"libsyscall_shim", "shim.c"},
		{"libmusl", "libc.c"}, {"libplugin", "plugin.c"}, {"libworker", "worker.c"}} {
		to := filepath.Join(dir, "build", l[0], "origin", l[1]) // where Unikraft has sources: DWARF tells the library
		copyTo(to, l[1])
		copyTo(filepath.Join(filepath.Dir(to), "uk.h"), "uk.h")
		args = append(args, to)
	}
	if out, err := bounded.Command(t, "gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	copyTo(filepath.Join(dir, "kraft.yaml"), "kraft.yaml")
	return KraftOptions{Kraft: dir, Stale: true}
}

// analysed returns the needs of each compartment if a file is laid over kraft.yaml.
func analysed(t *testing.T, opts KraftOptions, overlay string) map[string][]string {
	t.Helper()
	opts.Compartments = filepath.Join(t.TempDir(), "overlay.yaml")
	if err := os.WriteFile(opts.Compartments, []byte(overlay), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := AnalyseCompartments(context.Background(), opts)
	if err != nil {
		t.Fatalf("%v, of:\n%s", err, overlay)
	}
	out := map[string][]string{}
	for _, c := range r.Compartments {
		out[c.Name] = []string{}
		for _, n := range c.Needs {
			out[c.Name] = append(out[c.Name], n.Name)
		}
	}
	return out
}

// What is suggested, and what a move is said to lead to, is what an analysis of such a kraft.yaml finds.
func TestSuggestedPoliciesAreTheAnalysis(t *testing.T) {
	opts := miniImage(t)
	seen := map[string]bool{}
	for n := 1; n <= 5; n++ {
		for _, price := range []uint32{0, 20, 5000} {
			s, err := SuggestSplit(context.Background(), SplitOptions{KraftOptions: opts, N: n, Price: price})
			if err != nil {
				t.Fatal(err)
			}
			if !s.Search.Exact || !s.Search.Agrees || s.Search.Bound != s.Suggestion.Cost {
				t.Errorf("n %d, price %d: search %+v", n, price, s.Search)
			}
			if k := len(s.Suggestion.Compartments); k > n || n >= len(s.Current.Compartments) && s.Suggestion.Cost > s.Current.Cost {
				t.Errorf("n %d, price %d: %d compartments, cost %d; now %d", n, price, k, s.Suggestion.Cost, s.Current.Cost)
			}
			got := analysed(t, opts, s.Overlay)
			if len(got) != len(s.Suggestion.Compartments) {
				t.Errorf("n %d: %d compartments in the overlay, %d suggested", n, len(got), len(s.Suggestion.Compartments))
			}
			for _, c := range s.Suggestion.Compartments {
				if !slices.Equal(got[c.Name], c.Needs) {
					t.Errorf("n %d, price %d: %s needs %v, analysis %v", n, price, c.Name, c.Needs, got[c.Name])
				}
			}
			seen[s.Overlay] = true
		}
	}
	if len(seen) < 3 {
		t.Errorf("only %d different suggestions", len(seen))
	}

	s, err := SuggestSplit(context.Background(), SplitOptions{KraftOptions: opts})
	if err != nil {
		t.Fatal(err)
	}
	if s.Most != 4 || len(s.Moves) == 0 {
		t.Fatalf("%d compartments at most, %d moves", s.Most, len(s.Moves))
	}
	before := map[string][]string{}
	for _, c := range s.Current.Compartments {
		before[c.Name] = c.Needs
	}
	for _, m := range s.Moves {
		var b strings.Builder
		b.WriteString("compartments:\n")
		for _, c := range s.Current.Compartments {
			fmt.Fprintf(&b, "- {name: %s, default: %t}\n", c.Name, c.Default)
		}
		to := m.To
		if to == "" {
			to = "new"
			b.WriteString("- {name: new}\n")
		}
		b.WriteString("libraries:\n")
		for _, p := range s.Pieces {
			if p.Movable {
				at := p.Current
				if p.Name == m.Piece {
					at = to
				}
				fmt.Fprintf(&b, "  %s: {compartment: %s}\n", p.Name, at)
			}
		}
		got := analysed(t, opts, b.String())
		if !slices.Equal(got[to], m.Policy) {
			t.Errorf("%s to %s: policy %v, analysis %v", m.Piece, to, m.Policy, got[to])
		}
		left := slices.DeleteFunc(slices.Clone(before[m.From]), func(n string) bool { return slices.Contains(m.Loses, n) })
		if !slices.Equal(got[m.From], left) {
			t.Errorf("%s to %s: %s keeps %v, analysis %v", m.Piece, to, m.From, left, got[m.From])
		}
	}
}

func TestSuggestErrors(t *testing.T) {
	opts := miniImage(t)
	for _, x := range []struct {
		opts SplitOptions
		want string
	}{
		{SplitOptions{N: 33}, "1 to 32 compartments, not 33"},
		{SplitOptions{Movable: []string{"plugin", "nothing"}}, `library "nothing", which may be moved, is not in the image`},
	} {
		x.opts.KraftOptions = opts
		_, err := SuggestSplit(context.Background(), x.opts)
		if wrong := (*SplitError)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v, want %s", err, x.want)
		}
	}
	s, err := SuggestSplit(context.Background(), SplitOptions{KraftOptions: opts, Movable: []string{"plugin"}, N: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Pieces {
		if p.Movable != (p.Name == "plugin") || !p.Movable && p.Suggested != "kernel" {
			t.Errorf("%s: movable %t, suggested %s", p.Name, p.Movable, p.Suggested)
		}
	}
	all, err := SuggestSplit(context.Background(), SplitOptions{KraftOptions: opts, Movable: []string{"all"}, N: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all.Pieces {
		if want := !p.Transparent && p.Name != "libkvmplat" && p.Name != "(unknown)"; p.Movable != want {
			t.Errorf("all: %s: movable %t", p.Name, p.Movable)
		}
	}
}
