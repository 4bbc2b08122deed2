package gofind

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/policy"
)

func test(arg uint8, width uint8, op policy.Op, values ...uint64) policy.Test {
	t := policy.Test{Arg: arg, Width: width, Op: op, Values: values}
	if op == policy.MaskedEq {
		t.Mask, t.Values = values[0], values[1:]
	}
	return t
}

func allowIf(tests ...policy.Test) policy.Clause {
	return policy.Clause{Tests: tests, Action: policy.Allow}
}

var kill = policy.Clause{Action: policy.KillProcess}

func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []policy.Clause
		want bool
	}{
		{"same", []policy.Clause{allowIf(test(0, 32, policy.In, 1, 2)), kill}, []policy.Clause{allowIf(test(0, 32, policy.In, 1)), allowIf(test(0, 32, policy.In, 2)), kill}, false},
		{"a value more", []policy.Clause{allowIf(test(0, 32, policy.In, 1, 2)), kill}, []policy.Clause{allowIf(test(0, 32, policy.In, 1)), kill}, true},
		{"width", []policy.Clause{allowIf(test(0, 32, policy.In, 1)), kill}, []policy.Clause{allowIf(test(0, 64, policy.In, 1)), kill}, true},
		{"bounds", []policy.Clause{allowIf(test(2, 64, policy.Lt, 8)), kill}, []policy.Clause{allowIf(test(2, 64, policy.Le, 7)), kill}, false},
		{"bounds that differ", []policy.Clause{allowIf(test(2, 64, policy.Lt, 8)), kill}, []policy.Clause{allowIf(test(2, 64, policy.Le, 8)), kill}, true},
		{"mask", []policy.Clause{allowIf(test(0, 32, policy.MaskedEq, 0x7e020000, 0)), kill}, []policy.Clause{allowIf(test(0, 32, policy.MaskedEq, 0x7c020000, 0)), kill}, true},
		{"ranges as masks", []policy.Clause{allowIf(test(0, 32, policy.Le, 15)), kill}, []policy.Clause{allowIf(test(0, 32, policy.MaskedEq, 0xfffffff0, 0)), kill}, false},
		{"two arguments", []policy.Clause{allowIf(test(0, 32, policy.In, 1), test(1, 32, policy.In, 2)), kill}, []policy.Clause{allowIf(test(0, 32, policy.In, 1)), kill}, true},
		{"order", []policy.Clause{{Tests: []policy.Test{test(0, 32, policy.In, 1)}, Action: policy.Errno(1)}, allowIf()}, []policy.Clause{allowIf()}, true},
	} {
		if got := differ(c.a, c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if got := differ(c.b, c.a); got != c.want {
			t.Errorf("%s, swapped: %v", c.name, got)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		list    []policy.Clause
		known   []policy.Test
		refused int
		sure    bool
	}{
		{"all allowed", []policy.Clause{allowIf(), kill}, nil, 0, true},
		{"known and allowed", []policy.Clause{allowIf(test(1, 32, policy.In, 1, 3)), kill}, []policy.Test{test(1, 32, policy.In, 1)}, 0, true},
		{"known and refused", []policy.Clause{allowIf(test(1, 32, policy.In, 1, 3)), kill}, []policy.Test{test(1, 32, policy.In, 1, 2, 4)}, 2, true},
		{"the upper half", []policy.Clause{allowIf(test(1, 64, policy.In, 1)), kill}, []policy.Test{test(1, 32, policy.In, 1)}, 1, true},
		{"not known", []policy.Clause{allowIf(test(1, 32, policy.In, 1)), kill}, nil, 0, false},
		{"one known and refused, one not known", []policy.Clause{allowIf(test(0, 32, policy.In, 1), test(1, 32, policy.In, 1)), kill}, []policy.Test{test(0, 32, policy.In, 2)}, 1, true},
		{"one known and allowed, one not known", []policy.Clause{allowIf(test(0, 32, policy.In, 1), test(1, 32, policy.In, 1)), kill}, []policy.Test{test(0, 32, policy.In, 1)}, 0, false},
		{"not asked", []policy.Clause{allowIf(test(0, 32, policy.In, 1)), kill}, []policy.Test{test(0, 32, policy.In, 1), test(5, 64, policy.In, 7)}, 0, true},
	} {
		refused, sure := refuses(c.list, c.known)
		if len(refused) != c.refused || sure != c.sure {
			t.Errorf("%s: refused %q, sure %v", c.name, refused, sure)
		}
	}
}

// Borders find each difference between lists of values and ranges.
func TestDifferRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	numbers := []uint64{0, 1, 2, 7, 8, 0xffffffff, 0x100000000, 0xffffffffffffffff}
	random := func() []policy.Clause {
		out := []policy.Clause{}
		for range 1 + r.IntN(2) {
			var tests []policy.Test
			for range r.IntN(3) {
				v := numbers[r.IntN(len(numbers))]
				width := uint8(64)
				if r.IntN(2) == 0 {
					width, v = 32, uint64(uint32(v))
				}
				tests = append(tests, test(uint8(r.IntN(2)), width, policy.Op(r.IntN(6)), v))
			}
			out = append(out, allowIf(tests...))
		}
		return append(out, kill)
	}
	for range 3000 {
		a, b := random(), random()
		found := false
		for range 300 {
			var args [6]uint64
			for i := range 2 {
				args[i] = numbers[r.IntN(len(numbers))] + uint64(r.IntN(3)) - 1
			}
			found = found || outcome(a, args) != outcome(b, args)
		}
		if found && !differ(a, b) {
			t.Fatalf("differ overlooks a difference:\n%+v\n%+v", a, b)
		}
	}
}

func TestDiffFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a", `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","write"],"action":"SCMP_ACT_ALLOW"}]}`)
	b := write("b", "[Service]\nSystemCallFilter=read\nSystemCallArchitectures=native\n")
	d, err := NewDiff(t.Context(), a, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	names := func(list []DiffCall) []string {
		var out []string
		for _, c := range list {
			out = append(out, c.Name)
		}
		return out
	}
	if got := names(d.Gone); !slices.Equal(got, []string{"write"}) {
		t.Errorf("gone: %v", got)
	}
	if got := names(d.New); !slices.Contains(got, "execve") || slices.Contains(got, "read") {
		t.Errorf("new: %v", got)
	}
	if d.A.Format != "oci" || d.B.Format != "systemd" || d.A.Kind != "profile" {
		t.Errorf("%+v %+v", d.A, d.B)
	}
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "cut": `{"defaultAction":`, "scan": `{"schema":"gofind.scan/v1","syscalls":[{"name":"x","number":-1,"abi":"x86_64"}]}`,
	} {
		if _, err := NewDiff(t.Context(), write(name, text), a, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewDiff(t.Context(), dir, a, Options{}); err == nil {
		t.Error("no error for a directory")
	}
}

// A scan without arguments is compared without them: nothing has changed.
func TestDiffScanWithoutArguments(t *testing.T) {
	r, err := Scan(t.Context(), "cat", Options{HostNone: true})
	if err != nil {
		t.Skipf("no cat: %v", err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "old.json")
	if err := os.WriteFile(old, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, sides := range [][2]string{{old, "cat"}, {"cat", old}} {
		d, err := NewDiff(t.Context(), sides[0], sides[1], Options{HostNone: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.New)+len(d.Gone)+len(d.Changed) > 0 || len(d.Notes) != 1 {
			t.Errorf("%d new, %d gone, %d changed, notes %q", len(d.New), len(d.Gone), len(d.Changed), d.Notes)
		}
	}
}
