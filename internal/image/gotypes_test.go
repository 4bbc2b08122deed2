package image

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

const typesGo = `package main

import "os"

type Attr struct {
	name  string
	flags [5]bool
	list  []int
	Very  bool
	next  *Attr
}

type outer struct {
	n     []string
	inner Attr
}

var (
	single Attr
	made   = &Attr{name: "made"}
	array  [2]Attr
	nested = outer{n: []string{"n"}}
	sink   any
	kept   any
	other  struct{ a, b, c, d, e, f, g *int }
)

//go:noinline
func use(a *Attr) int { return len(a.name) }

type called struct{}

func (called) Name(a *Attr) string { return a.name }

//go:noinline
func closure(a *Attr) func() bool { return func() bool { return a.Very } }

//go:noinline
func frame() int { var a Attr; a.next = &a; return use(&a) }

//go:noinline
func value(a Attr) int { return use(&a) }

//go:noinline
func none() int { var a [9]string; return len(a[len(os.Args)]) }

func main() {
	println(use(&single) + use(made) + use(&array[1]) + use(&nested.inner) + frame() + value(single) + none())
	println(other.a)
	sink = new(Attr)
	kept = use
	sink = called{}
	sink.(interface{ Name(*Attr) string }).Name(made)
	sink = closure(made)
	sink = struct{ Other int }{1}
}
`

// What the descriptors and the collector's maps say is where the symbols are, in files with and without them.
func TestGoType(t *testing.T) {
	need(t, "go")
	for _, args := range [][]string{nil, {"-buildmode=pie"}, {"-ldflags=-linkmode=external"}} {
		name := "plain"
		if args != nil {
			name = args[0][1:]
		}
		t.Run(name, func(t *testing.T) {
			cgo := "0"
			if name == "ldflags=-linkmode=external" {
				if testing.Short() {
					t.Skip("slow: builds the runtime with cgo")
				}
				need(t, "gcc")
				cgo = "1"
			}
			dir := t.TempDir()
			os.WriteFile(filepath.Join(dir, "h.go"), []byte(typesGo), 0o666)
			out := filepath.Join(dir, "h")
			cmd := bounded.Command(t, "go", append(append([]string{"build", "-o", out}, args...), filepath.Join(dir, "h.go"))...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local")
			if msg, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, msg)
			}
			e, err := elf.Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			syms, err := e.Symbols()
			if err != nil {
				t.Fatal(err)
			}
			at := map[string]uint64{}
			for _, s := range syms {
				at[s.Name] = s.Value
			}
			f := open(t, out)
			got, ok := f.GoType("main.Attr", "Very")
			if !ok {
				t.Fatal("not found")
			}
			if want := []uint64{at["type:main.Attr"]}; !slices.Equal(got.Types, want) && want[0] != 0 {
				t.Errorf("type at %#x, want %#x", got.Types, want)
			}
			if want := []uint64{at["type:*main.Attr"]}; !slices.Equal(got.Pointers, want) && want[0] != 0 {
				t.Errorf("pointers to it at %#x, want %#x", got.Pointers, want)
			}
			const size = 64
			if len(got.Data) < 5 {
				t.Errorf("variables %#x", got.Data)
			}
			for _, want := range []uint64{at["main.single"], at["main..stmp_0"], at["main.array"], at["main.array"] + size, at["main.nested"] + 24} {
				if want != 0 && !slices.Contains(got.Data, Range{want, want + size}) {
					t.Errorf("no variable at %#x in %#x", want, got.Data)
				}
			}
			if slices.ContainsFunc(got.Data, func(r Range) bool { return r.Contains(at["main.other"]) }) {
				t.Errorf("%#x is no such variable", at["main.other"])
			}
			for name, want := range map[string]bool{"main.frame": true, "main.value": true, "main.none": false, "main.use": false} {
				if slices.Contains(got.Frames, at[name]) != want {
					t.Errorf("%s has one in its frame: %v", name, !want)
				}
			}
			if len(got.Elements) != 1 {
				t.Fatalf("elements at %#x", got.Elements)
			}
			if typ, closure, ok := f.GoReferrers().TypeOf(got.Elements[0]); !ok || closure || typ != got.Pointers[0] {
				t.Errorf("the word at %#x is of the type at %#x", got.Elements[0], typ)
			}
			m, _ := f.goModule()
			var own, closures, functions, methods int
			for w := m.types.Start; w < m.types.End; w += 8 {
				if a, ok := f.pointer(w); !ok || a != got.Pointers[0] {
					continue
				}
				switch typ, closure, ok := f.GoReferrers().TypeOf(w); {
				case !ok:
				case closure:
					closures++
				case typ == got.Types[0]:
					own++
				case f.GoFunctionType(typ) && f.GoMethod(typ):
					methods++
				case f.GoFunctionType(typ):
					functions++
				}
			}
			if own != 1 || closures == 0 || functions == 0 || methods == 0 {
				t.Errorf("pointers to it are in itself %d times, and in %d closures, %d functions, %d methods", own, closures, functions, methods)
			}
			if _, _, ok := f.GoReferrers().TypeOf(got.Types[0]); ok {
				t.Error("a descriptor's first word is of a type")
			}
			if _, ok := f.GoType("main.Attr", "Other"); ok {
				t.Error("another type with the same fields is not seen")
			}
			if _, ok := f.GoType("main.Nothing", "Very"); ok {
				t.Error("a type that there is not is found")
			}
			b := slices.Clone(f.Data)
			put64(b, 40, 0)
			g, err := Parse(out, b)
			if err != nil {
				t.Fatal(err)
			}
			bare, ok := g.GoType("main.Attr", "Very")
			if !ok || !slices.Equal(bare.Types, got.Types) || !slices.Equal(bare.Data, got.Data) || !slices.Equal(bare.Frames, got.Frames) || !slices.Equal(bare.Elements, got.Elements) {
				t.Errorf("without sections: %+v, want %+v", bare, got)
			}
		})
	}
}

func TestGCProg(t *testing.T) {
	for _, tt := range []struct {
		prog string
		n    int
		want string
	}{
		{"\x00", 3, "000"},
		{"\x03\x05\x00", 4, "1010"},
		{"\x02\x01\x82\x03\x00", 8, "10101010"},
		{"\x01\x01\x80\x01\x05\x00", 6, "111111"},
		{"\x09\xff\x01\x00", 9, "111111111"},
		{"\x03\x05\x00", 2, ""},                                     // more than there is
		{"\x83\x01\x00", 8, ""},                                     // nothing to repeat
		{"\x01\x01\x81", 8, ""},                                     // ends
		{"\x7f\x01", 200, ""},                                       // ends
		{"\x01\x01\x81\xff\xff", 8, ""},                             // ends in a number
		{"\x01\x01\x81\xff\xff\xff\xff\xff\xff\xff\x01\x00", 8, ""}, // a number that is too large
		{"", 8, ""},
	} {
		bits, ok := runGCProg([]byte(tt.prog), tt.n)
		got := ""
		for _, b := range bits {
			got += map[bool]string{true: "1", false: "0"}[b]
		}
		if ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%q: %s, %v; want %q", tt.prog, got, ok, tt.want)
		}
	}
}
