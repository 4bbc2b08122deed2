package unikernel

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
)

// maxCommand is how much of a recorded command is read, in bytes.
const maxCommand = 1 << 20

// linked returns the objects that the recorded link command names, in its order,
// as files of the build directory; if there is no command, all objects of libraries there.
func (m *Image) linked() []string {
	var out []string
	if cmd, err := os.ReadFile(m.Path + ".cmd"); err == nil && len(cmd) <= maxCommand {
		for _, word := range strings.FieldsFunc(string(cmd), func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '"' || r == '\'' }) {
			if strings.HasSuffix(word, ".o") && !strings.HasPrefix(word, "-") {
				p := filepath.Join(m.Build, filepath.Base(word)) // the directory may have moved
				if !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	files, err := os.ReadDir(m.Build)
	if err != nil {
		return nil
	}
	for _, f := range files {
		if n := f.Name(); strings.HasSuffix(n, ".o") && !strings.HasSuffix(n, ".ld.o") && (strings.HasPrefix(n, "lib") || strings.HasPrefix(n, "app")) {
			out = append(out, filepath.Join(m.Build, n))
		}
	}
	return out
}

// symbolKey is what a linker keeps of a symbol.
type symbolKey struct {
	name  string
	size  uint64
	local bool
	file  string // of local ones
}

// objects finds the libraries by the symbols of their objects. An object that is
// missing is no error, as all are: DWARF may do.
func (m *Image) objects() error {
	exact := map[symbolKey][]int{}
	loose := map[string][]int{}
	add := func(k symbolKey, lib int) {
		if !slices.Contains(exact[k], lib) {
			exact[k] = append(exact[k], lib)
		}
		if !slices.Contains(loose[k.name], lib) {
			loose[k.name] = append(loose[k.name], lib)
		}
	}
	n := 0
	for _, path := range m.linked() {
		o, err := image.OpenObject(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		n++
		lib := m.lib(strings.TrimSuffix(filepath.Base(path), ".o"))
		file := ""
		for s := range o.Symbols {
			if s.Type == image.STTFile {
				file = strings.Clone(s.Name)
				continue
			}
			if s.Shndx == 0 || s.Shndx >= 0xff00 || s.Type == image.STTSection || s.Name == "" {
				continue
			}
			k := symbolKey{strings.Clone(s.Name), s.Size, s.Bind == image.STBLocal, ""}
			if k.local {
				k.file = file
			}
			add(k, lib)
		}
		o.Close()
	}
	if n == 0 {
		return nil
	}
	m.How = Objects
	for _, list := range [][]Func{m.Funcs, m.Data} {
		// First what has one answer, then what its neighbours decide.
		for i := range list {
			f := &list[i]
			libs := loose[f.Name]
			if len(libs) != 1 {
				k := symbolKey{f.Name, f.Size, f.Local, ""}
				if f.Local {
					k.file = f.file
				}
				libs = exact[k]
			}
			if len(libs) == 1 {
				f.Lib, f.Source = libs[0], Objects
			}
		}
		for i := range list {
			f := &list[i]
			if f.Lib >= 0 || len(loose[f.Name]) < 2 {
				continue
			}
			for d := 1; d < 64 && f.Lib < 0; d++ {
				for _, j := range []int{i - d, i + d} {
					if j >= 0 && j < len(list) && list[j].Source == Objects && slices.Contains(loose[f.Name], list[j].Lib) {
						f.Lib, f.Source = list[j].Lib, Near
						break
					}
				}
			}
		}
	}
	return nil
}

// linkMap reads a map that the linker wrote beside the image (<image>.map, or what
// the recorded command names). Lines are ` .text.f  0xADDR  0xSIZE FILE`, of which a long
// name is on a line of its own.
func (m *Image) linkMap() error {
	base := strings.TrimSuffix(m.Path, ".dbg")
	for _, path := range []string{m.Path + ".map", base + ".map"} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		ranges := m.parseMap(bufio.NewScanner(f))
		f.Close()
		if len(ranges) == 0 {
			return errorf(path, "this is no map of a link: it has no line with an address, a size and an object; remove it")
		}
		m.How = Map
		for _, list := range [][]Func{m.Funcs, m.Data} {
			for i := range list {
				if lib, ok := ranges.find(list[i].Addr); ok {
					list[i].Lib, list[i].Source = lib, Map
				}
			}
		}
		return nil
	}
	return nil
}

// mapRanges are input sections, by address.
type mapRanges []mapRange

type mapRange struct {
	start, end uint64
	lib        int
}

func (r mapRanges) find(a uint64) (int, bool) {
	i, ok := slices.BinarySearchFunc(r, a, func(r mapRange, a uint64) int {
		switch {
		case r.end <= a:
			return -1
		case r.start > a:
			return 1
		}
		return 0
	})
	if !ok {
		return -1, false
	}
	return r[i].lib, true
}

func (m *Image) parseMap(sc *bufio.Scanner) mapRanges {
	sc.Buffer(nil, 1<<20)
	var out mapRanges
	for sc.Scan() {
		line := sc.Text()
		if !strings.HasPrefix(line, " ") {
			continue
		}
		w := strings.Fields(line)
		if len(w) > 0 && !strings.HasPrefix(w[0], "0x") {
			w = w[1:]
		}
		if len(w) < 3 || !strings.HasPrefix(w[0], "0x") || !strings.HasPrefix(w[1], "0x") {
			continue
		}
		a, err1 := strconv.ParseUint(w[0], 0, 64)
		n, err2 := strconv.ParseUint(w[1], 0, 64)
		file := strings.Join(w[2:], " ")
		if err1 != nil || err2 != nil || n == 0 || n > 1<<40 || !strings.HasSuffix(file, ".o") || m.File.Section(a) == nil {
			continue
		}
		out = append(out, mapRange{a, a + n, m.lib(strings.TrimSuffix(filepath.Base(file), ".o"))})
	}
	slices.SortFunc(out, func(a, b mapRange) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
	return out
}
