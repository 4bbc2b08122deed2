package hostconf

import (
	_ "embed"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
)

//go:embed plugin-entries.txt
var textPluginEntries string

//go:embed plugin-dirs.txt
var textPluginDirs string

// pluginPattern is a row of plugin-entries.txt.
type pluginPattern struct {
	parts   []string // of the pattern, between its stars
	kind    string
	proves  bool   // that the object is of the kind
	implied string // "" is none
}

// pluginTable is plugin-entries.txt: patterns without and with stars.
type pluginTable struct {
	exact    map[string]pluginPattern
	patterns []pluginPattern
}

var pluginEntries = sync.OnceValue(func() *pluginTable {
	t, err := parsePluginEntries("plugin-entries.txt", textPluginEntries)
	if err != nil {
		panic("hostconf: " + err.Error())
	}
	return t
})

func parsePluginEntries(file, text string) (*pluginTable, error) {
	t := &pluginTable{exact: map[string]pluginPattern{}}
	seen := map[string]bool{}
	err := facts.Parse(file, text, 4, func(f []string) error {
		if seen[f[0]] {
			return fmt.Errorf("pattern %q is there twice", f[0])
		}
		seen[f[0]] = true
		p := pluginPattern{parts: strings.Split(f[0], "*")}
		var weak bool
		p.kind, weak = strings.CutSuffix(f[1], "?")
		p.proves = !weak
		if f[2] != "-" {
			if p.implied = f[2]; len(p.parts) != 2 {
				return fmt.Errorf("%q implies %q, but has not one star", f[0], f[2])
			}
		}
		switch {
		case len(p.parts) == 1:
			t.exact[f[0]] = p
		case strings.Trim(f[0], "*_") == "" || strings.Contains(f[0], "**"):
			return fmt.Errorf("pattern %q matches too much", f[0])
		default:
			t.patterns = append(t.patterns, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// match reports whether s has the parts in order with something between each two, and
// returns what the first star stands for.
func match(parts []string, s string) (star string, ok bool) {
	s, ok = strings.CutPrefix(s, parts[0])
	if !ok {
		return "", false
	}
	for i, part := range parts[1:] {
		end := -1
		if i == len(parts)-2 {
			if strings.HasSuffix(s, part) {
				end = len(s) - len(part)
			}
		} else if len(s) > 0 {
			end = 1 + strings.Index(s[1:], part)
		}
		if end < 1 {
			return "", false
		}
		if i == 0 {
			star = s[:end]
		}
		s = s[end+len(part):]
	}
	return star, s == ""
}

// find returns the pattern that matches a symbol; one that proves a kind is preferred.
func (t *pluginTable) find(symbol string) (found pluginPattern, star string, ok bool) {
	if p, ok := t.exact[symbol]; ok {
		return p, "", true
	}
	for _, p := range t.patterns {
		if ok && !p.proves {
			continue
		}
		if s, matches := match(p.parts, symbol); matches {
			found, star, ok = p, s, true
			if p.proves {
				break
			}
		}
	}
	return found, star, ok
}

// PluginEntry reports whether hosts of a known kind enter their plugins through a symbol
// of this name.
//
// For an object that a program loads at run time, and of which nothing else tells how it is
// entered: if PluginProves one of its exports, its entries are the exports that are a
// PluginEntry, and what they imply; otherwise every export must be taken for an entry.
func PluginEntry(symbol string) (kind string, ok bool) {
	p, _, ok := pluginEntries().find(symbol)
	return p.kind, ok
}

// PluginProves reports whether an object that exports the symbol is a plugin of a known
// kind, which nothing enters through other symbols than those of PluginEntry. (A program may
// still look a name up with dlsym that it knows by itself.)
func PluginProves(symbol string) bool {
	p, _, ok := pluginEntries().find(symbol)
	return ok && p.proves
}

// PluginImplies returns the symbol that is an entry because the given one exists:
// PostgreSQL calls f if there is a pg_finfo_f.
func PluginImplies(symbol string) (other string, ok bool) {
	p, star, ok := pluginEntries().find(symbol)
	if !ok || p.implied == "" {
		return "", false
	}
	return strings.Replace(p.implied, "*", star, 1), true
}

// pluginDir is a row of plugin-dirs.txt.
type pluginDir struct {
	library string
	dir     string
	files   []string // parts of the pattern
	entries []string
}

var pluginDirs = sync.OnceValue(func() []pluginDir {
	var list []pluginDir
	facts.MustParse("plugin-dirs.txt", textPluginDirs, 5, func(f []string) error {
		d := pluginDir{library: f[0], dir: f[1], files: strings.Split(f[2], "*")}
		if len(d.files) != 2 {
			return fmt.Errorf("file pattern %q has not one star", f[2])
		}
		if f[3] != "-" {
			d.entries = strings.Fields(f[3])
		}
		list = append(list, d)
		return nil
	})
	return list
})

// PluginLibraries returns the sonames of the libraries for which Plugins knows
// directories, sorted.
func PluginLibraries() []string {
	var names []string
	for _, d := range pluginDirs() {
		names = append(names, d.library)
	}
	return union(nil, names)
}

// PluginConfig is what a library may load from its directories.
type PluginConfig struct {
	Modules []Module
	Files   []string // files and directories that were looked for, whether they exist or not
	Errors  []string // what may hide a module
}

// Plugins returns what the library with this soname loads from its plugin directories
// (plugin-dirs.txt).
func Plugins(read ReadFile, readdir ReadDir, soname string) *PluginConfig {
	r := newReader(read, readdir)
	var mods moduleSet
	for _, row := range pluginDirs() {
		if row.library != soname {
			continue
		}
		dirs := []string{row.dir}
		if rest, ok := strings.CutPrefix(row.dir, "$LIB/"); ok {
			dirs = under(rest)
		}
		for _, dir := range dirs {
			names, _ := r.dir(dir)
			for _, name := range names {
				if _, ok := match(row.files, name); !ok {
					continue
				}
				file := dir + "/" + name
				paths := []string{file}
				switch path.Ext(name) {
				case ".module":
					paths = p11Module(&r, file)
				case ".la":
					paths = libtoolModule(&r, dir, file)
				}
				if len(paths) == 0 {
					continue
				}
				object := path.Base(paths[0])
				mods.add(Module{
					Kind:    PluginModule,
					Name:    object,
					Paths:   paths,
					Entries: pluginSymbols(row.entries, object),
					Source:  file,
				})
			}
		}
	}
	return &PluginConfig{mods.list, r.files, r.errs}
}

// pluginSymbols fills the templates of a row in for an object's file name. Libraries cut
// different prefixes off, so there can be several candidates; those that do not exist do
// no harm.
func pluginSymbols(templates []string, file string) []string {
	base, _, _ := strings.Cut(file, ".")
	names := []string{base}
	for _, prefix := range []string{"lib", "libgio", "libgst", "gst"} {
		if rest, ok := strings.CutPrefix(base, prefix); ok && rest != "" {
			names = append(names, rest)
		}
	}
	var symbols []string
	for _, t := range templates {
		if !strings.Contains(t, "%m") {
			symbols = append(symbols, t)
			continue
		}
		for _, n := range names {
			symbols = append(symbols, strings.ReplaceAll(t, "%m", identifier(n)))
		}
	}
	return union(nil, symbols)
}

// identifier replaces what cannot be in a C identifier by underscores.
func identifier(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x80 && cnfAlnum(byte(c)) {
			return c
		}
		return '_'
	}, s)
}

// p11Module returns the candidates for the object that a p11-kit *.module file names;
// relative names are in the directory pkcs11 of a library directory.
func p11Module(r *reader, file string) []string {
	data, _ := r.file(file)
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); ok && strings.TrimSpace(key) == "module" && value != "" {
			if strings.HasPrefix(value, "/") {
				return []string{value}
			}
			return inDirs(under("pkcs11"), value)
		}
	}
	return nil
}

// libtoolModule returns the object that a libtool *.la file names.
func libtoolModule(r *reader, dir, file string) []string {
	data, _ := r.file(file)
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "dlname='"); ok {
			if name = strings.TrimSuffix(name, "'"); name != "" {
				return []string{dir + "/" + name}
			}
		}
	}
	return nil
}
