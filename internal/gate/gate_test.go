package gate

import (
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/assume"
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
		"-":                       {},
		"-vdso":                   {without: "vdso"},
		"%clone,clone3":           {calls: []string{"clone", "clone3"}},
		"^dlopen":                 {symbol: "dlopen"},
		"$GCONV_PATH":             {env: "GCONV_PATH"},
		"~dlopen":                 {opens: true},
		"~paths":                  {paths: true},
		"~tokens":                 {tokens: true},
		"~libraries":              {libraries: true},
		"~tls":                    {tls: true},
		"?f":                      {name: "f", lacks: true},
		"*p.T~F/f,g":              {goType: "p.T~F", but: "f,g"},
		"%clone/clone,_Fork":      {calls: []string{"clone"}, but: "clone,_Fork"},
		"@f/g,h":                  {name: "f", outside: true, but: "g,h"},
		"@clone":                  {name: "clone", outside: true},
		"syscall=56,435":          {name: "syscall", first: []int64{56, 435}},
		"f&0x10":                  {name: "f", mask: 16},
		"#sd_event_add_signal":    {text: "sd_event_add_signal"},
		"+sd_event_new":           {text: "sd_event_new", runs: true},
		"<abort":                  {byWay: []function{{"name", []string{"abort"}}}},
		"<text:rce;calls:g,f":     {byWay: []function{{"text", []string{"rce"}}, {"calls", []string{"f", "g"}}}},
		"f[2&7,3&-1]":             {name: "f", bits: []bits{{x86.RDX, 7}, {x86.RCX, -1}}},
		"[1&-1]":                  {bits: []bits{{x86.RSI, -1}}},
		"dlopen~path":             {name: "dlopen", path: true},
		"!arm_watchdog":           {but: "arm_watchdog"},
		"fopen~ccs":               {name: "fopen", charset: true},
		"bindtextdomain~relative": {name: "bindtextdomain", relative: true},
	} {
		got, err := parseNeed(s)
		if err != nil || !same(got, want) {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"-nothing", "f=x", "f&x", "f[1]", "f[6&1]", "f[]", "*p.T/f", "*p.T~F"} {
		if _, err := parseNeed(s); err == nil {
			t.Errorf("%s is taken", s)
		}
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
	return a.name == b.name && a.without == b.without && slices.Equal(a.calls, b.calls) && a.symbol == b.symbol && a.env == b.env && a.text == b.text && a.runs == b.runs && slices.EqualFunc(a.byWay, b.byWay, func(x, y function) bool { return x.how == y.how && slices.Equal(x.names, y.names) }) && slices.Equal(a.bits, b.bits) && a.path == b.path && a.but == b.but &&
		a.lacks == b.lacks && a.goType == b.goType && a.libraries == b.libraries && a.tls == b.tls && a.opens == b.opens && a.paths == b.paths && a.tokens == b.tokens && a.outside == b.outside && slices.Equal(a.first, b.first) && a.mask == b.mask && a.relative == b.relative && a.charset == b.charset
}
