package gate

import (
	"context"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

func TestRows(t *testing.T) {
	if len(rows) == 0 {
		t.Fatal("gates.txt has no rows")
	}
	for _, r := range rows {
		for _, f := range r.function {
			if f.how == "local" && !slices.ContainsFunc(r.function, func(f function) bool { return f.how == "file" }) {
				t.Errorf("a static function %v may be the program's own: no file", f.names)
			}
		}
		if len(r.function) == 0 || len(r.function[0].names) == 0 || len(r.needs) == 0 || r.name == "" {
			t.Errorf("incomplete row: %+v", r)
		}
		// A row of the environment must open without its assumption.
		if assume.Find(r.name) != nil && !slices.ContainsFunc(r.needs, func(n need) bool { return n.without == r.name }) {
			t.Errorf("row for %v rests on %s, but does not wait for it to be switched off", r.function, r.name)
		}
	}
	if slices.ContainsFunc(Names(), func(n string) bool { return assume.Find(n) != nil }) {
		t.Error("Names lists assumptions of the environment")
	}
}

func TestNeeds(t *testing.T) {
	for s, want := range map[string]need{
		"-":                        {},
		"-vdso":                    {without: "vdso"},
		"%clone,clone3":            {calls: []string{"clone", "clone3"}},
		"^dlopen":                  {symbol: "dlopen"},
		"$GCONV_PATH":              {env: "GCONV_PATH"},
		"~dlopen":                  {opens: true},
		"~paths":                   {paths: true},
		"~tokens":                  {tokens: true},
		"~libraries":               {libraries: true},
		"~tls":                     {tls: true},
		"?f":                       {name: "f", lacks: true},
		"*p.T~F/f,g":               {goType: "p.T~F", but: "f,g"},
		"%clone/clone,_Fork":       {calls: []string{"clone"}, but: "clone,_Fork"},
		"@f/g,h":                   {name: "f", outside: true, but: "g,h"},
		"@clone":                   {name: "clone", outside: true},
		"syscall=56,435":           {name: "syscall", first: []int64{56, 435}},
		"f&0x10":                   {name: "f", mask: 16},
		"#sd_event_add_signal":     {text: "sd_event_add_signal"},
		"+sd_event_new":            {text: "sd_event_new", runs: true},
		"<abort":                   {byWay: []function{{"name", []string{"abort"}}}},
		"<text:rce;calls:g,f":      {byWay: []function{{"text", []string{"rce"}}, {"calls", []string{"f", "g"}}}},
		"f[2&7,3&-1]":              {name: "f", bits: []bits{{reg: x86.RDX, mask: 7}, {reg: x86.RCX, mask: -1}}},
		"[1&-1]":                   {bits: []bits{{reg: x86.RSI, mask: -1}}},
		"syscall[0=56,1&0x10100]":  {name: "syscall", bits: []bits{{reg: x86.RDI, n: 56}, {reg: x86.RSI, mask: 0x10100}}},
		"f[1!0x200]/g":             {name: "f", bits: []bits{{reg: x86.RSI, mask: 512, clear: true}}, but: "g"},
		"f[0&2]/os/exec.g":         {name: "f", bits: []bits{{reg: x86.RDI, mask: 2}}, but: "os/exec.g"},
		">f,g/h/p.T~F/os/exec.k,l": {called: []string{"f", "g"}, but: "h", pointed: "p.T~F", referrers: []string{"os/exec.k", "l"}},
		"dlopen~path":              {name: "dlopen", path: true},
		"!arm_watchdog":            {but: "arm_watchdog"},
		"fopen~ccs":                {name: "fopen", charset: true},
		"bindtextdomain~relative":  {name: "bindtextdomain", relative: true},
		"%mmap~without-vdso":       {calls: []string{"mmap"}, unless: "vdso"},
		"syscall=9~without-vdso":   {name: "syscall", first: []int64{9}, unless: "vdso"},
		"~shared/f,g~without-vdso": {shares: true, but: "f,g", unless: "vdso"},
	} {
		got, err := parseNeed(s)
		if err != nil || !same(got, want) {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"-nothing", "f=x", "f&x", "f[1]", "f[6&1]", "f[]", "f[1&0]", "f[1!0]", "f[x=1]", "*p.T/f", "*p.T~F", ">f/g", ">f/g/p.T/h", "f~without-nothing"} {
		if _, err := parseNeed(s); err == nil {
			t.Errorf("%s is taken", s)
		}
	}
}

// What was let go may make units live that are not analysed yet: they are looked at once they are, not passed over.
func TestUnitsWait(t *testing.T) {
	p, err := process.Load("/bin/true", process.Options{NoHostConf: true})
	if err != nil {
		t.Skip(err)
	}
	defer p.Close()
	assumed := assume.New(func(string) bool { return true })
	for name, look := range map[string]func(*Keeper, *reach.Graph) reach.UnitID{
		"says":  func(k *Keeper, g *reach.Graph) reach.UnitID { k.says(g, &rows[0], 0, &need{text: "x"}); return k.read },
		"gives": func(k *Keeper, g *reach.Graph) reach.UnitID { k.gives(g, 0, "x"); return k.tableRead },
		"makes": func(k *Keeper, g *reach.Graph) reach.UnitID {
			n := &need{goType: "p.T~F", but: "f"}
			k.types[n.goType] = &made{read: 1, found: &image.GoType{}}
			k.makes(g, n)
			return k.types[n.goType].read
		},
	} {
		k, g := New(p, assumed), reach.New(p, reach.Options{})
		for i := range uint64(3) {
			g.Root(0, p.Images[0].ExecRanges()[0].Start+i, "test")
		}
		g.Unit(1).Sum, g.Unit(3).Sum = &summary.Unit{}, &summary.Unit{}
		if got := look(k, g); got != 2 {
			t.Errorf("%s: went on to unit %d, although unit 2 is not analysed", name, got)
		}
	}
}

// No row that is about a unit is passed over because nothing says that it may be.
func TestCandidates(t *testing.T) {
	found := 0
	for _, program := range []string{"/bin/true", "/bin/bash", "/usr/bin/curl"} {
		p, err := process.Load(program, process.Options{NoHostConf: true})
		if err != nil {
			t.Log(err)
			continue
		}
		defer p.Close()
		k, g := New(p, assume.New(func(string) bool { return true })), reach.New(p, reach.Options{})
		g.Hold = func(g *reach.Graph, id reach.UnitID) reach.Held {
			img := g.Unit(id).Image
			k.view.id = 0
			may := slices.Clone(k.candidates(g, img).of(g, id))
			for i, r := range k.rows(img) {
				if k.about(g, id, r) {
					found++
					if !slices.Contains(may, i) {
						t.Errorf("%s: %s at %#x: %v is about it, and no candidate", program, p.Images[img].Soname, g.Unit(id).Entry, r.function)
					}
				}
			}
			return k.Hold(g, id)
		}
		g.Startup()
		if err := g.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("no row is about any unit")
	}
}

func TestRelativePath(t *testing.T) {
	for path, want := range map[string]bool{
		"": false, "/a:/b/c": false, "$ORIGIN/../lib:${ORIGIN}": false,
		".": true, "lib": true, "/a::/b": true, "/a:": true, ":": true, "/a:$LIB/x": true, "$PLATFORM": true,
	} {
		if got := relativePath(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestRowImages(t *testing.T) {
	r := row{images: []string{"libc.so.6", "libsystemd-shared-*"}}
	for soname, want := range map[string]bool{"libc.so.6": true, "libsystemd-shared-252.so": true, "libsystemd-shared": false, "libc.so.60": false, "": false} {
		if r.in(soname) != want {
			t.Errorf("%q: %v", soname, !want)
		}
	}
}

func TestIsText(t *testing.T) {
	for b, want := range map[string]bool{
		"text\x00": true, "text\n\x00": true, "text\n\n\x00x": true,
		"text": false, "text\n": false, "texts\x00": false, "tex\x00": false, "\ntext\x00": false, "": false,
	} {
		if isText([]byte(b), "text") != want {
			t.Errorf("%q: %v", b, !want)
		}
	}
}

func same(a, b need) bool {
	return a.name == b.name && a.unless == b.unless && a.shares == b.shares && a.without == b.without && slices.Equal(a.calls, b.calls) && a.symbol == b.symbol && a.env == b.env && a.text == b.text && a.runs == b.runs && slices.EqualFunc(a.byWay, b.byWay, func(x, y function) bool { return x.how == y.how && slices.Equal(x.names, y.names) }) && slices.Equal(a.bits, b.bits) && a.path == b.path && a.but == b.but &&
		a.lacks == b.lacks && slices.Equal(a.called, b.called) && a.pointed == b.pointed && slices.Equal(a.referrers, b.referrers) && a.goType == b.goType && a.libraries == b.libraries && a.tls == b.tls && a.opens == b.opens && a.paths == b.paths && a.tokens == b.tokens && a.outside == b.outside && slices.Equal(a.first, b.first) && a.mask == b.mask && a.relative == b.relative && a.charset == b.charset
}
