package needs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/callgraph"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// TestBadImages: what is wrong with an image is said, with its name.
func TestBadImages(t *testing.T) {
	build := mini(t)
	image := filepath.Join(build, "mini_qemu-x86_64.dbg")
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	stripped := filepath.Join(dir, "stripped.dbg")
	if out, err := bounded.Command(t, "strip", "-o", stripped, image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	source := write("plain.c", []byte("void _start(void) { for (;;); }\n"))
	plain := filepath.Join(dir, "plain.dbg")
	if out, err := bounded.Command(t, "gcc", "-nostdlib", "-static", "-no-pie", "-o", plain, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wrapped := make([]byte, 128)
	copy(wrapped, "\x7fELF\x01\x01\x01")
	wrapped[18] = 3
	copy(wrapped[64:], "\x02\xb0\xad\x1b\x03\x00\x00\x00\xfb\x4f\x52\xe4") // of multiboot
	for _, c := range []struct{ path, want string }{
		{stripped, "has no symbols; name the .dbg"},
		{plain, "not a unikernel"},
		{write("boot", wrapped), "32-bit boot image"},
		{"/proc/self/exe", ""},
		{write("text.dbg", []byte("hello")), "not an ELF file"},
		{filepath.Join(dir, "no.dbg"), "no such file"},
	} {
		m, err := unikernel.Open(c.path)
		if err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ...%s...", c.path, err, c.want)
		}
	}
	// Of a truncated image nothing is taken for the whole.
	for n := 0; n < len(data); n += 1 + n/8 {
		if m, err := unikernel.Parse("mini.dbg", data[:n]); err == nil || m != nil {
			t.Errorf("%d of %d bytes: no error", n, len(data))
		}
	}
	for n := len(data) - 1; n > len(data)*3/4; n -= 1 + (len(data)-n)/4 {
		if _, err := unikernel.Parse("mini.dbg", data[:n]); err == nil || !strings.Contains(err.Error(), "mini.dbg: the file is cut") {
			t.Errorf("%d of %d bytes: %v", n, len(data), err)
		}
	}
	// A broken object is named; a missing one leaves the rest to DWARF.
	object := filepath.Join(build, "libplugin.o")
	if err := os.Truncate(object, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := unikernel.Open(image); err == nil || !strings.Contains(err.Error(), object) {
		t.Errorf("broken object: %v", err)
	}
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	r := find(t, image)
	if l := r.Image.At(r.Image.Named("plugin_run").Addr); r.Image.Libs[l.Lib].Name != "libplugin" || l.Source != unikernel.Debug {
		t.Errorf("plugin_run: %+v", l)
	}
}

// TestMap: a link map says the same as the objects.
func TestMap(t *testing.T) {
	build := mini(t)
	image := filepath.Join(build, "mini_qemu-x86_64.dbg")
	want := got(find(t, image))
	cmd, err := os.ReadFile(image + ".cmd")
	if err != nil {
		t.Fatal(err)
	}
	args := append(strings.Fields(string(cmd))[1:], "-Map="+image+".map")
	if out, err := bounded.Command(t, "ld", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := find(t, image)
	if r.Image.How != unikernel.Map {
		t.Errorf("libraries by %v", r.Image.How)
	}
	have := got(r)
	for set := range want {
		if strings.Join(have[set], " ") != strings.Join(want[set], " ") {
			t.Errorf("%s: %v, want %v", set, have[set], want[set])
		}
	}
}

// TestUnknownLibrary: kraft.yaml assigns what the image does not have.
func TestUnknownLibrary(t *testing.T) {
	f, err := kraft.Parse("kraft.yaml", []byte("compartments: [{name: k, default: true}, {name: x}]\nlibraries:\n  nginx: {compartment: x}\n  lwip: {compartment: k}\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := unikernel.Open(filepath.Join(mini(t), "mini_qemu-x86_64.dbg"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, err = Find(context.Background(), m, f, Options{})
	var e *UnknownLibrary
	if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "kraft.yaml:3:3: ") || len(e.Libraries) != 2 || !strings.Contains(e.Of(1), "libplugin") {
		t.Errorf("%v", err)
	}
}

// TestChains: each chain begins in the compartment, or for the default one in another, and ends in an entry or a body of the call.
func TestChains(t *testing.T) {
	r := find(t, filepath.Join(mini(t), "mini_qemu-x86_64.dbg"))
	for c := range r.Plan.Compartments {
		for n, chain := range r.Details[c].Chains {
			if k, _ := r.Of(chain[0].Unit); k != c && !r.Plan.Compartments[c].Default {
				t.Errorf("%s: call %d: the chain begins in %s", r.Plan.Compartments[c].Name, n, r.Graph.Name(chain[0].Unit))
			}
			last := chain[len(chain)-1].Unit
			inlined := false
			for _, x := range r.Graph.Inlined[last] {
				inlined = inlined || x == n
			}
			if e, ok := r.Graph.Entries[last]; !inlined && (!ok || e.Number != n) {
				t.Errorf("%s: call %d: the chain ends in %s", r.Plan.Compartments[c].Name, n, r.Graph.Name(last))
			}
		}
	}
	// The gates: functions that others call or see, and no entry.
	gates := map[string]string{}
	for _, g := range r.Plan.Gates {
		gates[g.Func] = r.Plan.Compartments[g.To].Name
	}
	for name, comp := range map[string]string{"main": "app", "on_event": "app", "compare": "app", "plugin_run": "plugin", "plugin_tail": "plugin", "first": "plugin", "worker_main": "worker", "worker_start": "worker", "last": "worker"} {
		if gates[name] != comp {
			t.Errorf("gate %s: %q, want %s", name, gates[name], comp)
		}
	}
	// How control comes to each.
	ways := map[string]string{}
	for c := range r.Details {
		for _, x := range r.Details[c].Crossings {
			ways[r.Graph.Name(x.Unit)] = fmt.Sprint(x.Ways)
		}
	}
	for name, want := range map[string]string{"plugin_run": "[call]", "plugin_tail": "[tail call]", "on_event": "[callback]", "compare": "[callback]", "worker_main": "[callback]", "first": "[table]", "second": "[table]"} {
		if ways[name] != want {
			t.Errorf("crossing %s: %s, want %s", name, ways[name], want)
		}
	}
	for name := range gates {
		if strings.HasPrefix(name, "uk_syscall") || name == "put" || name == "file_write" {
			t.Errorf("%s is a gate", name)
		}
	}
	// Functions that have a body inlined are checked like entries, live or not: nothing else could be.
	inline := map[string]int{}
	for _, e := range r.Plan.Entries {
		if e.Inline {
			inline[e.Func] = e.Number
		}
	}
	if len(inline) != 2 || inline["eaccess"] != 21 || inline["euidaccess"] != 21 {
		t.Errorf("functions with inlined bodies: %v", inline)
	}
	// The body of open, and what write does, can be called around the entries.
	bypasses := map[string]string{}
	for c := range r.Details {
		for _, b := range r.Details[c].Bypasses {
			bypasses[r.Graph.Name(b.Unit)] += r.Plan.Compartments[c].Name + " "
		}
	}
	if len(bypasses) != 0 {
		t.Errorf("bypasses: %v, but everything goes through entries", bypasses)
	}
}

// TestNoDebug: without debug information nothing says into which functions bodies are inlined, which is said; without
// objects besides, no library of any function is known, and there is no answer.
func TestNoDebug(t *testing.T) {
	image := filepath.Join(mini(t), "mini_qemu-x86_64.dbg")
	open := func(r *Result) bool {
		return slices.ContainsFunc(r.Graph.Unresolved, func(u callgraph.Unresolved) bool { return u.Open && u.Kind == "inlined-bodies" })
	}
	if open(find(t, image)) {
		t.Error("the image with debug information leaves something open")
	}
	if out, err := bounded.Command(t, "strip", "--strip-debug", image).CombinedOutput(); err != nil {
		t.Fatalf("strip: %v\n%s", err, out)
	}
	r := find(t, image)
	if r.Image.How != unikernel.Objects || !open(r) {
		t.Errorf("libraries by %v, unresolved %+v", r.Image.How, r.Graph.Unresolved)
	}
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "mini.dbg")
	if err := os.WriteFile(alone, data, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := unikernel.Open(alone)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	f, err := kraft.Read("testdata/mini/kraft.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Find(context.Background(), m, f, Options{Transparent: TransparentByDefault})
	var none *NoFunctions
	if !errors.As(err, &none) || !strings.HasPrefix(err.Error(), alone+": no function of compartment \""+none.Compartment) {
		t.Errorf("%v", err)
	}
}

func TestTransparentNotInImage(t *testing.T) {
	m, err := unikernel.Open(filepath.Join(mini(t), "mini_qemu-x86_64.dbg"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := Find(context.Background(), m, nil, Options{Transparent: []string{"plugin", "mussl"}}); err == nil || !strings.Contains(err.Error(), `library "mussl", which is to be transparent, is not in the image`) {
		t.Error(err)
	}
}
