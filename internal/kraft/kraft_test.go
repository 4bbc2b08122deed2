package kraft

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	var nf *NotFoundError
	if _, err := Find(dir); !errors.As(err, &nf) {
		t.Errorf("empty directory: %v", err)
	}
	// From the last to the first: each is found before those that are there already.
	for _, n := range slices.Backward(Names) {
		p := filepath.Join(dir, n)
		if err := os.WriteFile(p, []byte("name: x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(dir); err != nil || got != p {
			t.Errorf("%s: %s, %v", n, got, err)
		}
		if got, err := Find(p); err != nil || got != p {
			t.Errorf("%s itself: %s, %v", n, got, err)
		}
	}
	if _, err := Find(filepath.Join(dir, "no")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

const flexos = `specification: '0.6'
name: redis
unikraft: {version: staging, kconfig: [CONFIG_LIBFLEXOS=y]}
targets: [{architecture: x86_64, platform: kvm}]
compartments:
  - {name: comp1, mechanism: {driver: intel-pku, noisolstack: true}, default: true}
  - {name: comp2, mechanism: intel-pku}
libraries:
  newlib: {version: staging, compartment: comp1}
  lwip:   {version: staging, compartment: comp2, is_core: false}
  zlib: 1.2
  redis:
`

func TestParse(t *testing.T) {
	f, err := Parse("kraft.yaml", []byte(flexos))
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "redis" || f.Driver != "intel-pku" || f.Default() != 0 || len(f.Compartments) != 2 || !f.Compartments[0].NoIsolStack || f.Compartments[1].NoIsolStack {
		t.Errorf("%+v", f)
	}
	if len(f.Targets) != 1 || f.Targets[0].Arch != "x86_64" || f.Targets[0].Plat != "kvm" {
		t.Errorf("targets: %+v", f.Targets)
	}
	var got []string
	for _, l := range f.Libraries {
		got = append(got, l.Name+"="+f.Compartments[l.Compartment].Name)
	}
	if want := []string{"newlib=comp1", "lwip=comp2", "zlib=comp1", "redis=comp1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if p := f.Libraries[1].Pos; p.Line != 10 || p.Column != 3 {
		t.Errorf("lwip at %v", p)
	}
}

// TestTolerated: what upstream accepts is no error.
func TestTolerated(t *testing.T) {
	for _, text := range []string{
		"name: x\n",
		"spec: v0.6\nname: x\nlabels: {a: b}\nruntime: unikraft.org/base:latest\ncmd: [a, b]\n",
		"name: x\ntargets:\n- qemu/x86_64\n- fc/arm64\n",
		"name: x\ntargets:\n- {name: a, plat: qemu, arch: x86_64, kernel: /k, kconfig: {CONFIG_A: y}}\n- platform: {name: kvm}\n  architecture: x86_64\n",
		"name: x\nlibraries: {musl: stable, lwip: null, a: true, b: 1.0, c: {source: 'https://x', version: 1, unknown: [1, {a: b}]}}\n",
		"unknown: {deep: [1, 2, {x: y}]}\nname: x\nunikraft: stable\n",
		"x: &a {compartment: c}\ncompartments: [{name: c, default: true}]\nlibraries: {musl: *a}\n",
		"%YAML 1.1\n---\nname: x\n",
	} {
		if f, err := Parse("kraft.yaml", []byte(text)); err != nil || f == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestErrors: where, what, and an excerpt with the caret under the place.
func TestErrors(t *testing.T) {
	const two = "compartments:\n- {name: a, default: true}\n- {name: b}\n"
	for _, c := range []struct{ text, at, what string }{
		{two + "libraries: {musl: {compartment: c}}\n", "4:33", `no compartment "c"; there are a, b`},
		{"libraries: {musl: {compartment: c}}\n", "1:33", "the file has no list `compartments`"},
		{"compartments:\n- {name: a, default: true, mechanism: intel-mpk}\n", "2:39", `no driver "intel-mpk"; it is one of intel-pku, vmept, fcalls`},
		{"compartments:\n- {name: a, default: true, mechanism: {noisolstack: true}}\n", "2:39", "a mechanism needs a driver"},
		{"compartments:\n- {name: a, default: true, mechanism: {driver: fcalls, noisolstack: maybe}}\n", "2:69", "`noisolstack` must be true or false"},
		{"compartments:\n- {name: a, default: true, mechanism: vmept}\n- {name: b, mechanism: fcalls}\n", "3:24", "this is fcalls, line 2 has vmept"},
		{"compartments:\n- {name: a, default: true, mechanisms: [fcalls]}\n", "2:28", "the key is `mechanism`"},
		{"compartments:\n- {name: a, default: true}\n- {name: a}\n", "3:10", `already a compartment "a", in line 2`},
		{"compartments:\n- {name: a}\n- {name: b}\n", "1:1", "no compartment has `default: true`"},
		{"compartments:\n- {name: a, default: true}\n- {name: b, default: true}\n", "3:13", "line 2 is already the default"},
		{"compartments:\n- {default: true}\n", "2:3", "needs a name"},
		{"compartments:\n- {name: 'a b', default: true}\n", "2:10", "made of letters"},
		{"compartments: []\n", "1:1", "is empty"},
		{"compartments: {a: b}\n", "1:15", "must be a list"},
		{"compartments: [a]\n", "1:16", "a compartment is a mapping"},
		{"libraries: [musl]\n", "1:12", "must be a mapping"},
		{"libraries: {musl: [1]}\n", "1:19", `library "musl" must be`},
		{two + "libraries: {musl: {compartment: [a]}}\n", "4:33", "must be the name of one"},
		{"libraries:\n  musl: 1\n  musl: 2\n", "3:3", `"musl" is already in line 2`},
		{"targets: {a: b}\n", "1:10", "must be a list"},
		{"targets: [x86_64]\n", "1:11", "platform/architecture"},
		{"name: [a]\n", "1:7", "must be a text"},
		{"- a\n", "1:1", "must be a mapping"},
		{"", "1:1", "is empty"},
		{"name: x\nlibraries: {musl: [1\n\n", "2:21", "not YAML"},
		{"name: \"x\nlibraries:\n", "2:11", "not YAML"},
		{"12345678901234567890123456789012345678901234567890\n", "1:1", `not "1234567890123456789012345678901234567890"...`},
		{"name: x\n\tb: c\n", "2:1", "not YAML"},
	} {
		f, err := Parse("kraft.yaml", []byte(c.text))
		var e *Error
		if f != nil || !errors.As(err, &e) {
			t.Errorf("%q: %v, %v", c.text, f, err)
			continue
		}
		p := e.Problems[0]
		if got := strings.TrimPrefix(p.Pos.String(), "kraft.yaml:"); got != c.at || !strings.Contains(p.What, c.what) {
			t.Errorf("%q:\n got %s: %s\nwant %s: ...%s...", c.text, got, p.What, c.at, c.what)
		}
		lines := strings.Split(p.Excerpt, "\n")
		if c.text != "" && len(lines) == 2 && p.Pos.Column <= 60 && strings.Index(lines[1], "^") != len("    1 | ")+p.Pos.Column-1 {
			t.Errorf("%q: the caret is not under column %d:\n%s", c.text, p.Pos.Column, p.Excerpt)
		}
	}
}

// TestAll: every problem is reported, by place.
func TestAll(t *testing.T) {
	_, err := Parse("k", []byte("compartments:\n- {name: a, mechanism: x}\n- {name: a}\nlibraries: {m: {compartment: z}}\n"))
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) != 4 {
		t.Fatalf("%v", err)
	}
	for i := range e.Problems[1:] {
		if e.Problems[i].Pos.Line > e.Problems[i+1].Pos.Line {
			t.Errorf("not by line: %v", err)
		}
	}
}

func TestOverlay(t *testing.T) {
	f, err := ParseWith("kraft.yaml", []byte("name: x\nlibraries: {musl: stable, lwip: {version: stable}}\n"),
		"comps.yaml", []byte("compartments: [{name: k, default: true}, {name: net}]\nlibraries: {lwip: net, x: {compartment: net}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range f.Libraries {
		got = append(got, l.Name+"="+f.Compartments[l.Compartment].Name)
	}
	if want := []string{"musl=k", "lwip=net", "x=net"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	_, err = ParseWith("kraft.yaml", []byte("name: x\n"), "comps.yaml", []byte("libraries: {lwip: net}\n"))
	var e *Error
	if !errors.As(err, &e) || e.Problems[0].Pos.File != "comps.yaml" {
		t.Errorf("without compartments: %v", err)
	}
}

// FuzzParse: no panic, and an error means that there is no file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(flexos))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("libraries: &l\n  l: *l\ncompartments: *l\n"))
	f.Add([]byte("compartments:\n- {name: a, default: true}\nlibraries: {m: {compartment: b}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("kraft.yaml", data)
		if (file == nil) != (err != nil) {
			t.Fatalf("%v, %v", file, err)
		}
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || len(e.Problems) == 0 || e.Error() == "" {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		for _, l := range file.Libraries {
			if l.Compartment >= len(file.Compartments) || l.Compartment < 0 && len(file.Compartments) > 0 {
				t.Fatalf("%+v", l)
			}
		}
	})
}
