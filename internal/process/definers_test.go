package process

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
)

// TestDefiners: an image that a name is found in may define it, also one that comes later or has no GNU hashes, and
// of a name that has many versions there is one for each image.
func TestDefiners(t *testing.T) {
	const versions = 300
	b := newBuilder(t)
	var source, script strings.Builder
	for i := range versions {
		fmt.Fprintf(&source, "int f%d(){return %d;}\n__asm__(\".symver f%d,many@V%d\");\n", i, i, i, i)
		fmt.Fprintf(&script, "V%d {};\n", i)
	}
	mods := []string{
		b.bare("many.so", source.String(), "-Wl,--version-script="+b.write("map", script.String())),
		b.bare("old.so", "int sysv(){return 1;} int both(){return 1;}", "-Wl,--hash-style=sysv"),
		b.bare("new.so", "int gnu(){return 1;} int both(){return 2;}", "-Wl,--hash-style=gnu"),
		b.bare("none.so", "static int nothing;", "-Wl,--hash-style=gnu"),
	}
	p := load(t, b.prog("prog", "int main(){return 0;}"), Options{})
	check := func() {
		t.Helper()
		names := map[string]bool{"gnu": true, "sysv": true, "both": true, "nowhere": true}
		for _, m := range p.Images {
			for i := 1; i < m.NumSymbols(); i++ {
				names[m.SymbolName(i)] = true
			}
		}
		found, spared := 0, 0
		for name := range names {
			hash := image.GNUHash(name)
			any := p.defined.ask(p.Images, hash)
			for id, m := range p.Images {
				_, newest := m.LookupNewest(name)
				_, oldest := m.Lookup(name, "")
				switch is := newest || oldest; {
				case is && !(any && p.defined.may(id)):
					t.Errorf("%s defines %s and is not asked", m.Path, name)
				case is:
					found++
				case !p.defined.may(id):
					spared++
				}
			}
		}
		if found < 1000 || spared < 1000 {
			t.Errorf("%d are found, %d not asked", found, spared)
		}
	}
	check()
	for _, m := range mods {
		if _, err := p.Add(m, "test", OriginDlopen); err != nil {
			t.Fatal(err)
		}
		check()
	}
	n, hash := 0, image.GNUHash("many")&^1
	for i := p.defined.last[p.defined.place(hash)]; i != 0; i = p.defined.names[i].before {
		if p.defined.names[i].hash == hash {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d are asked of a name in %d versions", n, versions)
	}
}
