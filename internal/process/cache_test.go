package process

import (
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

type rawEntry struct {
	flags    uint32
	key, val string
	hwcap    uint64
}

// makeCache writes a cache in the new format, with an old one before it if compat.
func makeCache(entries []rawEntry, hwcaps []string, compat bool) []byte {
	le := binary.LittleEndian
	head := cacheHeaderNew + len(entries)*cacheEntryNew
	var strs []byte
	str := func(s string) uint32 {
		at := head + len(strs)
		strs = append(append(strs, s...), 0)
		return uint32(at)
	}
	out := append([]byte(cacheMagicNew), make([]byte, head-len(cacheMagicNew))...)
	le.PutUint32(out[20:], uint32(len(entries)))
	out[28] = 2
	for i, e := range entries {
		b := out[cacheHeaderNew+i*cacheEntryNew:]
		le.PutUint32(b, e.flags)
		le.PutUint32(b[4:], str(e.key))
		le.PutUint32(b[8:], str(e.val))
		le.PutUint64(b[16:], e.hwcap)
	}
	var names []uint32
	for _, h := range hwcaps {
		names = append(names, str(h))
	}
	le.PutUint32(out[24:], uint32(len(strs)))
	var old []byte
	if compat {
		old = append(append([]byte(cacheMagicOld), 0), 0, 0, 0, 0)
		old = append(old, make([]byte, (len(old)+7)&^7-len(old))...)
	}
	full := append(old, append(out, strs...)...)
	for len(full)%4 != 0 {
		full = append(full, 0)
	}
	if len(hwcaps) > 0 {
		ext := len(full)
		le.PutUint32(full[len(old)+32:], uint32(ext))
		full = le.AppendUint32(full, cacheExtMagic)
		full = le.AppendUint32(full, 1)
		for _, v := range []uint32{cacheExtHwcaps, 0, uint32(ext + 24), uint32(4 * len(names))} {
			full = le.AppendUint32(full, v)
		}
		for _, n := range names {
			full = le.AppendUint32(full, n)
		}
	}
	return full
}

const x64 = cacheLibc6X64

func TestCache(t *testing.T) {
	ext := func(i uint64, isa uint64) uint64 { return cacheExtension | isa<<32 | i }
	for _, compat := range []bool{false, true} {
		c, ok := parseCache(makeCache([]rawEntry{
			{x64, "liba.so.1", "/v4/liba.so.1", ext(2, 0)},
			{x64, "liba.so.1", "/v2/liba.so.1", ext(0, 1)},
			{x64, "liba.so.1", "/v3isa4/liba.so.1", ext(1, 3)},
			{x64, "liba.so.1", "/bad/liba.so.1", ext(9, 0)},
			{x64, "liba.so.1", "/other/liba.so.1", ext(3, 0)},
			{x64, "liba.so.1", "/haswell/liba.so.1", 1 << 50},
			{x64, "liba.so.1", "/base/liba.so.1", 0},
			{x64, "liba.so.1", "/base2/liba.so.1", 0},
			{0x0803, "libb.so", "/x32/libb.so", 0},
			{0x0003, "libb.so", "/i386/libb.so", 0},
			{x64, "libc.so", "relative/libc.so", 0},
			{x64, "", "/empty", 0},
		}, []string{"x86-64-v2", "x86-64-v3", "x86-64-v4", "zseries"}, compat))
		if !ok {
			t.Fatal("not parsed")
		}
		for level, want := range []string{1: "/base/liba.so.1", 2: "/v2/liba.so.1", 3: "/v2/liba.so.1", 4: "/v4/liba.so.1"} {
			if compat {
				want = "/base/liba.so.1" // ld.so cannot read the names either
			}
			if got := c.lookup("liba.so.1", level); level > 0 && got != want {
				t.Errorf("level %d: %s", level, got)
			}
		}
		if !compat && !c.varies("liba.so.1") || c.varies("libb.so") {
			t.Error("varies")
		}
		if got := c.legacy("liba.so.1"); !slices.Equal(got, []string{"/haswell/liba.so.1"}) {
			t.Error(got)
		}
		for _, n := range []string{"libb.so", "libc.so", ""} {
			if got := c.lookup(n, 4); got != "" {
				t.Error(n, got)
			}
		}
	}
	for _, bad := range []string{"", "x", cacheMagicNew, cacheMagicOld, cacheMagicNew + strings.Repeat("\xff", 100), cacheMagicOld + strings.Repeat("\xff", 100)} {
		if _, ok := parseCache([]byte(bad)); ok {
			t.Errorf("%.30q is accepted", bad)
		}
	}
	be := makeCache(nil, nil, false)
	be = append(be, 0)
	be[28] = 3
	if _, ok := parseCache(be); ok {
		t.Error("a big-endian cache is accepted")
	}
}

// TestCacheLdconfig compares with ldconfig -p, for the system's cache and for
// caches of every format that ldconfig writes.
func TestCacheLdconfig(t *testing.T) {
	ldconfig, err := exec.LookPath("ldconfig")
	if err != nil {
		if ldconfig = "/sbin/ldconfig"; bounded.Command(t, ldconfig, "-V").Run() != nil {
			t.Skip(err)
		}
	}
	b := newBuilder(t)
	b.bare("lib/libx.so.1", "int x;", "-Wl,-soname,libx.so.1")
	b.bare("lib/libx.so.10", "int x;", "-Wl,-soname,libx.so.10")
	b.bare("lib2/libx.so.1", "int x;", "-Wl,-soname,libx.so.1")
	for _, l := range hwcapsDirs[2:] {
		b.bare("lib/glibc-hwcaps/"+l+"/libx.so.1", "int x;", "-Wl,-soname,libx.so.1")
	}
	b.write("conf", b.path("lib")+"\n"+b.path("lib2")+"\n")
	caches := []string{"/etc/ld.so.cache"}
	for _, format := range []string{"new", "compat", "old"} {
		file := b.path(format)
		if out, err := bounded.Command(t, ldconfig, "-c", format, "-C", file, "-f", b.path("conf"), "-X").CombinedOutput(); err != nil {
			t.Logf("%v: %s", err, out)
			continue
		}
		caches = append(caches, file)
	}
	for _, file := range caches {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		out, err := bounded.Command(t, ldconfig, "-p", "-C", file).Output()
		if err != nil {
			t.Log(err)
			continue
		}
		var want []string
		for line := range strings.Lines(string(out)) {
			line = strings.TrimSpace(line)
			name, rest, ok := strings.Cut(line, " (libc6,x86-64")
			if !ok {
				continue
			}
			kind, path, _ := strings.Cut(rest, " => ")
			hw := ""
			if _, s, ok := strings.Cut(kind, "hwcap: \""); ok {
				hw, _, _ = strings.Cut(s, "\"")
			}
			want = append(want, name+" "+path+" "+hw)
		}
		c, ok := parseCache(data)
		if !ok {
			t.Errorf("%s: not parsed", file)
			continue
		}
		var got []string
		for name := range maps.Keys(c.first) {
			for e := range c.all(name) {
				got = append(got, name+" "+e.path+" "+e.hwcaps)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s:", file)
			for _, l := range got {
				if !slices.Contains(want, l) {
					t.Error("got ", l)
				}
			}
			for _, l := range want {
				if !slices.Contains(got, l) {
					t.Error("want", l)
				}
			}
		}
		t.Logf("%s: %d entries", filepath.Base(file), len(got))
		if filepath.Base(file) == "new" {
			for l := 2; l <= 4; l++ {
				if p := c.lookup("libx.so.1", l); p != b.path("lib/glibc-hwcaps/"+hwcapsDirs[l]+"/libx.so.1") {
					t.Errorf("level %d: %s", l, p)
				}
			}
		}
	}
}

// FuzzCache: no input is read beyond its end or for long, and what is found is sane.
func FuzzCache(f *testing.F) {
	f.Add(makeCache([]rawEntry{{x64, "liba.so.1", "/lib/liba.so.1", cacheExtension}, {x64, "liba.so.1", "/lib/liba.so.1", 0}}, []string{"x86-64-v3"}, false))
	f.Add(makeCache([]rawEntry{{x64, "liba.so.1", "/lib/liba.so.1", 0}}, nil, true))
	f.Add([]byte(cacheMagicOld))
	// Hostile: more entries than there is room for, offsets at and beyond the end,
	// strings without an end, an extension directory that overlaps itself.
	good := makeCache([]rawEntry{{x64, "liba.so.1", "/lib/liba.so.1", cacheExtension}, {x64, "libb.so.1", "/lib/libb.so.1", 0}}, []string{"x86-64-v3"}, false)
	for _, at := range []int{20, 32, 48 + 4, 48 + 8, len(good) - 24 + 4, len(good) - 8, len(good) - 12, len(good) - 4} {
		for _, v := range []uint32{0, 1, uint32(at), uint32(len(good) - 1), uint32(len(good)), 1<<31 - 1, 1 << 31, 1<<32 - 1} {
			bad := slices.Clone(good)
			binary.LittleEndian.PutUint32(bad[at:], v)
			f.Add(bad)
		}
	}
	for i := range good {
		f.Add(good[:i])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, ok := parseCache(data)
		if ok != (c != nil) {
			t.Fatal(ok, c)
		}
		if !ok {
			return
		}
		n := 0
		for name := range maps.Keys(c.first) {
			if !validName(name) {
				t.Fatalf("%q", name)
			}
			for e := range c.all(name) {
				n++
				if !strings.HasPrefix(e.path, "/") || strings.IndexByte(e.path, 0) >= 0 {
					t.Fatalf("%q", e.path)
				}
			}
			for l := 1; l <= 4; l++ {
				p := c.lookup(name, l)
				if p != "" && !strings.HasPrefix(p, "/") {
					t.Fatalf("%q", p)
				}
			}
		}
		if n != len(c.entries)-1 || n > len(data)/cacheEntryOld {
			t.Fatal(n, len(c.entries))
		}
	})
}
