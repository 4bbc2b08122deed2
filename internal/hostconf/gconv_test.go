package hostconf

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestGconv(t *testing.T) {
	files := tree{
		"/usr/lib64/gconv/gconv-modules": `# comment
alias	iso8859-1//	ISO-8859-1//   # x
module	iso-8859-1//	INTERNAL	ISO8859-1	1
module	INTERNAL	ISO-8859-1//	ISO8859-1.so
  module A// B// /opt/ab 2
module	TOO// FEW//
alias ALONE//
other X// Y// Z
`,
		"/usr/lib64/gconv/gconv-modules.d/extra.conf": "module INTERNAL C// C 1\nmodule C// A// CA 1\nalias CC// C//\nalias CCC// CC//\n",
		"/usr/lib64/gconv/gconv-modules.d/extra.cnf":  "module INTERNAL NO// NO 1\n",
		"/usr/lib64/gconv/gconv-modules.d/.conf":      "module INTERNAL NO// NO 1\n",
	}
	c := Gconv(files.read, files.dir)
	const want = `gconv ISO8859-1 /usr/lib64/gconv/ISO8859-1.so gconv,gconv_end,gconv_init /usr/lib64/gconv/gconv-modules:3
gconv ab /opt/ab.so gconv,gconv_end,gconv_init /usr/lib64/gconv/gconv-modules:5
gconv C /usr/lib64/gconv/C.so gconv,gconv_end,gconv_init /usr/lib64/gconv/gconv-modules.d/extra.conf:1
gconv CA /usr/lib64/gconv/CA.so gconv,gconv_end,gconv_init /usr/lib64/gconv/gconv-modules.d/extra.conf:2
`
	if got := summary(c.Modules); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if !slices.Equal(c.Dirs, []string{"/usr/lib64/gconv"}) || len(c.Conversions) != 5 || len(c.Errors) > 0 {
		t.Errorf("%+v", c)
	}
	for _, q := range []struct{ charset, want string }{
		{"iso-8859-1", "ISO8859-1"},
		{"ISO8859-1//TRANSLIT", "ISO8859-1"},
		{"UTF-8", ""},
		{"INTERNAL", ""},
		{"a", "ab CA C"},
		{"ccc", "C CA ab"},
	} {
		var names []string
		for _, m := range c.For(q.charset) {
			names = append(names, m.Name)
		}
		if got := strings.Join(names, " "); got != q.want {
			t.Errorf("For(%q) = %s, want %s", q.charset, got, q.want)
		}
	}
}

// cacheFile makes a gconv-modules.cache: INTERNAL, A// with modules in both directions
// and a conversion through B// to C//, B// and C// without modules; alias AA//.
func cacheFile() []byte {
	le := binary.LittleEndian
	strtab := "\x00"
	str := func(s string) uint16 {
		i := len(strtab)
		strtab += s + "\x00"
		return uint16(i)
	}
	dir, internal, a, b, c, aa := str("/g/"), str("INTERNAL"), str("A//"), str("B//"), str("C//"), str("AA//")
	amod, abmod := str("A.so"), str("AB.so")
	builtin := str("=builtin")
	modules := [][6]uint16{
		{internal, 0, 0, 0, 0, 0},
		{a, dir, amod, dir, amod, 1},
		{b, 0, 0, 0, 0, 0},
		{c, 0, 0, 0, 0, 0},
	}
	others := []uint16{2, 2, dir, abmod, 3, 0, builtin, 0}
	hash := [][2]uint16{{a, 1}, {0, 0}, {aa, 1}}

	var out []byte
	stringOff := 16
	hashOff := stringOff + (len(strtab)+1)&^1
	moduleOff := hashOff + 4*len(hash)
	otherOff := moduleOff + 12*len(modules)
	out = le.AppendUint32(out, gconvCacheMagic)
	for _, v := range []int{stringOff, hashOff, len(hash), moduleOff, otherOff, 0} {
		out = le.AppendUint16(out, uint16(v))
	}
	out = append(out, strtab...)
	for len(out) < hashOff {
		out = append(out, 0)
	}
	for _, h := range hash {
		out = le.AppendUint16(le.AppendUint16(out, h[0]), h[1])
	}
	for _, m := range modules {
		for _, v := range m {
			out = le.AppendUint16(out, v)
		}
	}
	for _, v := range others {
		out = le.AppendUint16(out, v)
	}
	return out
}

func TestGconvCache(t *testing.T) {
	const file = "/usr/lib/gconv/gconv-modules.cache"
	files := tree{file: string(cacheFile())}
	c := Gconv(files.read, files.dir)
	want := []Conversion{
		{"INTERNAL", "A//", "/g/A.so", file},
		{"A//", "INTERNAL", "/g/A.so", file},
		{"A//", "B//", "/g/AB.so", file},
	}
	if !slices.Equal(c.Conversions, want) || len(c.Errors) > 0 {
		t.Errorf("%v, errors %q", c.Conversions, c.Errors)
	}
	if got := c.For("aa"); len(got) != 2 {
		t.Errorf("%v", got)
	}
	for n := range cacheFile() {
		cut := Gconv(tree{file: files[file][:n]}.read, files.dir)
		if len(cut.Errors) != 1 {
			t.Errorf("%d bytes of it: errors %q", n, cut.Errors)
		}
	}
}

// On a real system, the cache and the text that it was made from agree.
func TestGconvHost(t *testing.T) {
	c := Gconv(hostRead, hostDir)
	if len(c.Errors) > 0 {
		t.Errorf("%q", c.Errors)
	}
	if len(c.Modules) == 0 {
		t.Skip("no configuration")
	}
	found := 0
	for _, m := range c.Modules {
		if _, ok := firstFile(m.Paths); ok {
			found++
		}
	}
	t.Logf("%d conversions, %d modules, %d found", len(c.Conversions), len(c.Modules), found)
	if found == 0 {
		t.Error("no module found")
	}
	var text, cache []string
	for _, v := range c.Conversions {
		if strings.HasSuffix(v.Source, ".cache") {
			cache = append(cache, v.Path)
		} else if _, err := os.Stat(v.Path); err == nil {
			text = append(text, v.Path)
		}
	}
	if text, cache = union(nil, text), union(nil, cache); len(cache) > 0 {
		for _, p := range cache {
			if !slices.Contains(text, p) {
				t.Errorf("%s is only in the cache", p)
			}
		}
		t.Logf("%d modules in the text, %d in the cache", len(text), len(cache))
	}
	for _, charset := range []string{"ISO-8859-1", "latin1", "EUC-JP", "big5"} {
		mods := c.For(charset)
		t.Logf("%s: %s", charset, summary(mods))
		if len(mods) == 0 || len(mods) > 10 {
			t.Errorf("%s: %d modules", charset, len(mods))
		}
	}
}

func FuzzGconv(f *testing.F) {
	f.Add("module A// INTERNAL A 1\nalias B// A//\n", cacheFile())
	f.Add("module a b /x.so\nmodule", []byte("\x24\x03\x01\x20"))
	f.Fuzz(func(t *testing.T, text string, cache []byte) {
		files := tree{"/usr/lib/gconv/gconv-modules": text, "/usr/lib/gconv/gconv-modules.cache": string(cache)}
		c := Gconv(files.read, files.dir)
		for _, m := range c.Modules {
			if len(m.Paths) != 1 || m.Source == "" {
				t.Errorf("%+v", m)
			}
		}
		for _, v := range c.Conversions {
			if v.From != "INTERNAL" && v.From == upper(v.From) && strings.HasSuffix(v.From, "//") && !strings.Contains(strings.TrimSuffix(v.From, "//"), "/") {
				if !slices.ContainsFunc(c.For(v.From), func(m Module) bool { return m.Paths[0] == v.Path }) {
					t.Errorf("For(%q) lacks %s", v.From, v.Path)
				}
				break
			}
		}
	})
}
