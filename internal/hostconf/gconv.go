package hostconf

import (
	"encoding/binary"
	"path"
	"slices"
	"strconv"
	"strings"
)

// gconvEntries are the symbols that iconv/gconv_dl.c looks up in a module.
var gconvEntries = []string{"gconv", "gconv_end", "gconv_init"}

// gconvCacheMagic begins gconv-modules.cache (iconv/iconvconfig.h).
const gconvCacheMagic = 0x20010324

// Conversion is a step between two character sets that a module provides.
type Conversion struct {
	From, To string // canonical names: "ISO-8859-1//", "INTERNAL"
	Path     string // of the module
	Source   string // "file:line", or the cache file
}

// GconvConfig is the configuration of glibc's character set conversion.
type GconvConfig struct {
	Dirs        []string     // directories that have a configuration
	Modules     []Module     // modules of all conversions, each once, in the order of the files
	Conversions []Conversion // each line and each entry of the cache
	Files       []string     // files that were looked for, whether they exist or not
	Errors      []string     // what may hide a module

	aliases map[string][]string // with repetitions
	paths   map[string]bool     // of Modules
	of      map[string][]int32  // Conversions by From and by To, in their order
}

// Gconv reads what modules iconv and the wide character functions may load. glibc reads
// gconv-modules.cache if it is there, and gconv-modules and gconv-modules.d otherwise;
// the answer is the union, as the cache can be out of date. Conversions that are built
// into libc need no module.
func Gconv(read ReadFile, readdir ReadDir) *GconvConfig {
	r := newReader(read, readdir)
	c := &GconvConfig{aliases: map[string][]string{}, paths: map[string]bool{}, of: map[string][]int32{}}
	for _, dir := range under("gconv") {
		found := false
		if data, ok := r.file(dir + "/gconv-modules"); ok {
			found = true
			c.parse(dir, dir+"/gconv-modules", string(data))
		}
		confdir := dir + "/gconv-modules.d"
		names, _ := r.dir(confdir)
		for _, name := range names {
			if len(name) > len(".conf") && strings.HasSuffix(name, ".conf") {
				if data, ok := r.file(confdir + "/" + name); ok {
					found = true
					c.parse(dir, confdir+"/"+name, string(data))
				}
			}
		}
		cache := dir + "/gconv-modules.cache"
		if data, ok := r.file(cache); ok {
			found = true
			if !c.parseCache(cache, data) {
				r.errorf("%s: not a cache of a known form, or cut off", cache)
			}
		}
		if found {
			c.Dirs = append(c.Dirs, dir)
		}
	}
	c.Files = r.files
	c.Errors = r.errs
	return c
}

// parse is read_conf_file. Unknown and incomplete lines are ignored, as there.
func (c *GconvConfig) parse(dir, file, text string) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(cString(line), "#")
		f := strings.FieldsFunc(line, isSpaceRune)
		switch {
		case len(f) >= 3 && f[0] == "alias":
			from := upper(f[1])
			c.aliases[from] = append(c.aliases[from], upper(f[2]))
		case len(f) >= 4 && f[0] == "module":
			name := f[3]
			if !strings.HasSuffix(name, ".so") {
				name += ".so"
			}
			p := name
			if !strings.HasPrefix(name, "/") {
				p = dir + "/" + name
			}
			c.add(Conversion{upper(f[1]), upper(f[2]), p, file + ":" + strconv.Itoa(n)})
		}
	}
}

func (c *GconvConfig) add(v Conversion) {
	v.Path = path.Clean(v.Path)
	n := int32(len(c.Conversions))
	c.of[v.From] = append(c.of[v.From], n)
	if v.To != v.From {
		c.of[v.To] = append(c.of[v.To], n)
	}
	c.Conversions = append(c.Conversions, v)
	if !c.paths[v.Path] {
		c.paths[v.Path] = true
		c.Modules = append(c.Modules, v.module())
	}
}

// module returns the module of a conversion.
func (v Conversion) module() Module {
	return Module{
		Kind:    GconvModule,
		Name:    strings.TrimSuffix(path.Base(v.Path), ".so"),
		Paths:   []string{v.Path},
		Entries: slices.Clone(gconvEntries),
		Source:  v.Source,
	}
}

// parseCache reads the tables of gconv-modules.cache (iconv/iconvconfig.h): a header of a
// 32-bit magic and five 16-bit offsets; at string_offset, strings; at hash_offset, pairs of
// (string, module index) for names and aliases; at module_offset, six 16-bit numbers a
// character set: canonical name, directory and name of the module from INTERNAL, and to
// INTERNAL, and one plus the offset of other conversions after otherconv_offset, which are
// lists of (count, then count times: index of the target, directory, name) ended by a count
// of 0. A directory of "" means that the conversion is built in. It reports whether
// all of it could be read.
func (c *GconvConfig) parseCache(file string, data []byte) bool {
	ok := true
	u16 := func(off int) int {
		if off < 0 || off+2 > len(data) {
			ok = false
			return 0
		}
		return int(binary.LittleEndian.Uint16(data[off:]))
	}
	if len(data) < 16 || binary.LittleEndian.Uint32(data) != gconvCacheMagic {
		return false
	}
	strtab, hash, hashSize, modules, others := u16(4), u16(6), u16(8), u16(10), u16(12)
	str := func(off int) string {
		off += strtab
		if off >= len(data) {
			ok = false
			return ""
		}
		s, _, _ := strings.Cut(string(data[off:min(len(data), off+256)]), "\x00")
		return s
	}
	added := 0
	add := func(from, to string, dir, name int) {
		if added++; added > 1<<16 {
			ok = false // overlapping lists
			return
		}
		if d := str(dir); d != "" {
			c.add(Conversion{from, to, d + str(name), file})
		}
	}
	const entrySize = 12
	count := (others - modules) / entrySize
	if others < modules {
		return false
	}
	canonical := func(i int) string { return str(u16(modules + i*entrySize)) }
	// Entry 0 is INTERNAL.
	for i := 1; i < count && ok; i++ {
		e := modules + i*entrySize
		name := canonical(i)
		add("INTERNAL", name, u16(e+2), u16(e+4))
		add(name, "INTERNAL", u16(e+6), u16(e+8))
		extra := u16(e + 10)
		if extra == 0 {
			continue
		}
		// Every conversion list of a set is at most as long as the file.
		for off := others + extra - 1; ok; {
			steps := u16(off)
			if steps == 0 {
				break
			}
			off += 2
			from := name
			for range steps {
				if !ok {
					break
				}
				to := canonical(u16(off))
				add(from, to, u16(off+2), u16(off+4))
				from = to
				off += 6
			}
		}
	}
	for i := 0; i < hashSize && ok; i++ {
		if s := u16(hash + 4*i); s != 0 {
			alias, name := str(s), canonical(u16(hash+4*i+2))
			if alias != name {
				c.aliases[alias] = append(c.aliases[alias], name)
			}
		}
	}
	return ok
}

// For returns the modules that a conversion from or to the character set can use: those
// of all conversions from which INTERNAL is not needed to get to it. The name is as for
// iconv_open, in any case, with or without suffixes such as "//TRANSLIT". For a set that
// is built into libc, or unknown, it returns nil.
func (c *GconvConfig) For(charset string) []Module {
	charset = upper(charset)
	name, _, _ := strings.Cut(charset, "/")
	todo := []string{name + "//", name, charset} // the last for ISO-10646/UCS4/ and the like
	done := map[string]bool{"INTERNAL": true}
	var mods moduleSet
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if done[name] {
			continue
		}
		done[name] = true
		todo = append(todo, c.aliases[name]...)
		for _, i := range c.of[name] {
			v := &c.Conversions[i]
			mods.add(v.module())
			todo = append(todo, v.From, v.To)
		}
	}
	return mods.list
}
