package unikernel

import (
	"bufio"
	"cmp"
	"debug/dwarf"
	"path"
	"slices"
	"sort"
	"strings"

	_ "embed"
	"sync"
)

// CompileUnit is a range of code that one source file was compiled to.
type CompileUnit struct {
	Start, End uint64
	File       string // path of the source
	Offset     dwarf.Offset
}

// Dwarf returns the debug information of the image, nil if it has none that can be read.
func (m *Image) Dwarf() *dwarf.Data {
	s := m.File.SectionData
	info := s(".debug_info")
	if info == nil {
		return nil
	}
	d, err := dwarf.New(s(".debug_abbrev"), nil, nil, info, s(".debug_line"), nil, s(".debug_ranges"), s(".debug_str"))
	if err != nil {
		return nil
	}
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists", ".debug_loclists"} {
		if b := s(name); b != nil {
			if d.AddSection(name, b) != nil {
				return nil
			}
		}
	}
	return d
}

// compileUnits reads the ranges of all compilation units. Broken DWARF is as good as none,
// also where it makes the reader panic.
func (m *Image) compileUnits() {
	defer func() {
		if recover() != nil {
			m.CompileUnits = nil
		}
	}()
	d := m.Dwarf()
	if d == nil {
		return
	}
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		if e.Tag == dwarf.TagCompileUnit {
			name, _ := e.Val(dwarf.AttrName).(string)
			if ranges, err := d.Ranges(e); err == nil && name != "" {
				for _, x := range ranges {
					if x[0] < x[1] {
						m.CompileUnits = append(m.CompileUnits, CompileUnit{x[0], x[1], name, e.Offset})
					}
				}
			}
		}
		r.SkipChildren()
	}
	slices.SortFunc(m.CompileUnits, func(a, b CompileUnit) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
}

// CompileUnitAt returns the unit that code at an address is from.
func (m *Image) CompileUnitAt(addr uint64) *CompileUnit {
	i := sort.Search(len(m.CompileUnits), func(i int) bool { return m.CompileUnits[i].Start > addr }) - 1
	for n := 0; i >= 0 && n < 4; i, n = i-1, n+1 {
		if addr < m.CompileUnits[i].End {
			return &m.CompileUnits[i]
		}
	}
	return nil
}

// debug finds the library of functions by their source file.
func (m *Image) debug() {
	known := map[string]int{}
	named := len(m.Libs) > 0
	for i := range m.Funcs {
		f := &m.Funcs[i]
		if f.Lib >= 0 {
			continue
		}
		u := m.CompileUnitAt(f.Addr)
		if u == nil {
			continue
		}
		lib, ok := known[u.File]
		if !ok {
			lib = m.libOfSource(u.File, named)
			known[u.File] = lib
		}
		if lib >= 0 {
			f.Lib, f.Source = lib, Debug
			if m.How == Nowhere {
				m.How = Debug
			}
		}
	}
}

//go:embed libraries.txt
var librariesTxt string

// sourceRule says that files below a part of a path are of a library.
type sourceRule struct{ part, lib string }

var sourceRules = sync.OnceValue(func() []sourceRule { return parseRules(librariesTxt) })

func parseRules(text string) []sourceRule {
	var out []sourceRule
	sc := bufio.NewScanner(strings.NewReader(text))
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		if w := strings.Fields(line); len(w) == 2 {
			out = append(out, sourceRule{w[0], w[1]})
		} else if len(w) != 0 {
			panic("libraries.txt: " + sc.Text())
		}
	}
	return out
}

// libOfSource returns the library that a source file is of, -1 if it is not known:
// that of build/<library>/, of lib/<name>/ or lib-<name>/, of app-<name>/ and apps/<name>/,
// and what libraries.txt says. A library must be one of the image's (named: it names them), unless the path
// says build/lib<name>/ or lib/<name>/ and the image names none.
func (m *Image) libOfSource(file string, named bool) int {
	file = path.Clean(file)
	best, size := -1, 0
	for _, r := range sourceRules() {
		if len(r.part) > size && strings.Contains(file, "/"+r.part) {
			if i := m.FindLib(r.lib); i >= 0 {
				best, size = i, len(r.part)
			}
		}
	}
	if best >= 0 {
		return best
	}
	dirs := strings.Split(path.Dir(file), "/")
	for i := len(dirs) - 1; i >= 0; i-- {
		dir := dirs[i]
		under := strings.ReplaceAll(dir, "-", "_")
		before := ""
		if i > 0 {
			before = dirs[i-1]
		}
		candidates := []string{under, "lib" + under}
		if rest, ok := strings.CutPrefix(dir, "lib-"); ok {
			candidates = append(candidates, "lib"+strings.ReplaceAll(rest, "-", "_"))
		}
		if rest, ok := strings.CutPrefix(dir, "app-"); ok {
			candidates = append(candidates, "app"+strings.ReplaceAll(rest, "-", "_"))
		}
		if before == "apps" || i == len(dirs)-1 {
			candidates = append(candidates, "app"+under)
		}
		for _, c := range candidates {
			if k := m.FindLib(c); k >= 0 {
				return k
			}
		}
		if !named && (before == "build" && (strings.HasPrefix(dir, "lib") || strings.HasPrefix(dir, "app")) || before == "lib") {
			if before == "lib" {
				under = "lib" + under
			}
			return m.lib(under)
		}
	}
	return -1
}
