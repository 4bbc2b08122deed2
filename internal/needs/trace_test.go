package needs

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

var images = flag.String("unikernels", "", "a directory with images NAME/kraft.yaml, NAME/build/ and traces of their boots NAME/trace.json")

// trace is what breakpoints on every entry and body saw in a boot: each call with its
// callers, the innermost first, as return addresses. Those that are guessed do not count.
type trace struct {
	Records []struct {
		Call, Func string
		Chain      []struct {
			Func string
			Addr uint64
			How  string
		}
	}
}

// TestTraces: each call that was made in a boot is in the needs of every compartment on its chain.
// It runs on images that -unikernels names, as their build takes long.
func TestTraces(t *testing.T) {
	if *images == "" {
		t.Skip("-args -unikernels DIR")
	}
	files, err := filepath.Glob(filepath.Join(*images, "*", "trace.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces in %s", *images)
	}
	for _, f := range files {
		dir := filepath.Dir(f)
		t.Run(filepath.Base(dir), func(t *testing.T) { checkTrace(t, dir, f) })
	}
}

func checkTrace(t *testing.T, dir, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var tr trace
	if err := json.Unmarshal(data, &tr); err != nil {
		t.Fatal(err)
	}
	k, err := kraft.Read(filepath.Join(dir, "kraft.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	path, err := unikernel.Locate(filepath.Join(dir, "build"), k.Name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := unikernel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := Find(context.Background(), m, k, Options{Transparent: TransparentByDefault})
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	for _, rec := range tr.Records {
		nr, ok := sysno.Number(sysno.X86_64, rec.Call)
		if !ok {
			t.Errorf("no call is named %s", rec.Call)
			continue
		}
		// Who makes it: the caller of the entry. What a dispatcher calls, and an entry its own body, is no call of theirs;
		// an inlined body has no caller.
		if len(rec.Chain) > 0 && rec.Chain[0].How != "guess" && !strings.Contains(rec.Func, " in ") {
			a := rec.Chain[0].Addr - 1
			if l := m.Owner(a); l >= 0 && !r.Libraries[l].Executes.Has(nr) && !passesOn(r, a, nr) {
				t.Errorf("%s is not executed by %s: %s <- %v", rec.Call, r.Libraries[l].Name, rec.Func, rec.Chain)
			}
		}
		for i, c := range rec.Chain {
			l := m.Owner(c.Addr - 1)
			if c.How == "guess" || l < 0 || r.Libraries[l].Transparent {
				continue
			}
			frames++
			comp := &r.Plan.Compartments[r.Libraries[l].Compartment]
			if comp.Needs.Has(nr) {
				continue
			}
			var chain []string
			for _, x := range rec.Chain {
				chain = append(chain, x.Func)
			}
			t.Errorf("%s is not in the needs of %s: frame %d of %s <- %s", rec.Call, comp.Name, i, rec.Func, strings.Join(chain, " <- "))
		}
	}
	t.Logf("%d chains, %d frames", len(tr.Records), frames)
}

// passesOn reports whether the function around an address is a dispatcher, or an
// entry of the call itself.
func passesOn(r *Result, addr uint64, nr int) bool {
	f := r.Image.At(addr)
	if f == nil {
		return false
	}
	u, ok := r.Graph.Reach.Lookup(0, f.Addr)
	if !ok {
		return false
	}
	e, entry := r.Graph.Entries[u]
	return r.Graph.Dispatches(u) || entry && e.Number == nr
}
