package image

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const namesC = `
int counter; long table[4] = {1}; static int hidden[3] = {1, 2, 3}; __thread int tls = 1;
static __attribute__((noinline)) int inner(int x) { return x * table[x & 3] + hidden[x & 1] + tls; }
int outer(int x) { counter++; return inner(x) + inner(x + 1); }
int __outer(int x) __attribute__((alias("outer")));
static int __GI_outer(int x) __attribute__((alias("outer"), used));
int main(int argc, char **argv) { return outer(argc); }
__asm__(".text\n.globl label\nlabel: nop\nnop\nnop\nret\n");
`

func TestNames(t *testing.T) {
	full := build(t, map[string]string{"n.c": namesC}, "gcc", "-O1", "-fno-omit-frame-pointer", "-Wl,--build-id=sha1", "n.c")
	f := open(t, full)
	want := map[string]uint64{}
	for i := range f.fullSym.len() {
		s := f.fullSym.at(i)
		want[f.fullSym.name(s)] = s.value
	}
	check := func(f *File, names ...string) {
		t.Helper()
		for _, n := range names {
			a := want[n]
			if got, off, ok := f.FuncName(a + 1); !ok || got != n || off != 1 {
				t.Errorf("FuncName(%s+1) = %q, %d, %v", n, got, off, ok)
			}
		}
		if n, _, ok := f.FuncName(want["table"]); ok {
			t.Errorf("data has the name %q", n)
		}
	}
	check(f, "inner", "outer", "main", "label", "_start")
	for _, n := range []string{"inner", "outer", "main"} {
		if _, ok := slices.BinarySearch(f.FuncStarts(), want[n]); !ok {
			t.Errorf("FuncStarts lacks %s", n)
		}
	}
	for _, n := range []string{"counter", "table", "hidden"} {
		if i, ok := slices.BinarySearchFunc(f.DataSymbols(), want[n], func(r Range, a uint64) int { return cmpU64(r.Start, a) }); !ok || f.DataSymbols()[i].End <= want[n] {
			t.Errorf("DataSymbols lacks %s", n)
		}
	}

	// The same names from a separate debug file, found by build id.
	need(t, "objcopy")
	dir := t.TempDir()
	id := f.BuildID
	if len(id) != 40 {
		t.Fatalf("build id %q", id)
	}
	dbg := filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug")
	if err := os.MkdirAll(filepath.Dir(dbg), 0o777); err != nil {
		t.Fatal(err)
	}
	run(t, "objcopy", "--only-keep-debug", full, dbg)
	stripped := filepath.Join(dir, "stripped")
	run(t, "objcopy", "--strip-all", full, stripped)
	g := open(t, stripped)
	g.DebugRoot = dir
	check(g, "inner", "outer", "main", "label", "_start")
	h := open(t, stripped)
	h.DebugRoot = ""
	if n, _, ok := h.FuncName(want["inner"]); ok {
		t.Errorf("a stripped file has the name %q", n)
	}
	if _, err := Open(dbg); err == nil || !strings.Contains(err.Error(), "separate debug file") {
		t.Errorf("debug file: %v", err)
	}
	// FDEs prove the starts of a stripped file's functions, too.
	for _, n := range []string{"inner", "outer", "main"} {
		if _, ok := slices.BinarySearch(g.FuncStarts(), want[n]); !ok {
			t.Errorf("stripped: FuncStarts lacks %s", n)
		}
	}
}

// The handler of a signal frame starts one byte after its FDE.
func TestSignalFDE(t *testing.T) {
	f := installed(t, libc)
	n := 0
	for _, d := range f.FDEs {
		if d.Signal {
			n++
			if b := f.Bytes(d.Start + 1); len(b) < 9 || string(b[:9]) != "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05" {
				t.Errorf("signal FDE at %#x: % x", d.Start, b[:9])
			}
			if _, ok := slices.BinarySearch(f.FuncStarts(), d.Start+1); !ok {
				t.Error("FuncStarts lacks __restore_rt")
			}
		}
	}
	if n == 0 {
		t.Error("no signal FDE in libc")
	}
}

// Headers, sections and the dynamic section against debug/elf.
func TestDebugELF(t *testing.T) {
	self, _ := os.Executable()
	for _, p := range append(libraries(t), self) {
		t.Run(p, func(t *testing.T) {
			f := open(t, p)
			e, err := elf.Open(p)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if f.Entry != e.Entry || f.Type != uint16(e.Type) || f.Machine != uint16(e.Machine) {
				t.Error("header differs")
			}
			needed, _ := e.ImportedLibraries()
			soname, _ := e.DynString(elf.DT_SONAME)
			if !slices.Equal(f.Needed, needed) || len(soname) > 0 && f.Soname != soname[0] {
				t.Errorf("needed %q, soname %q; want %q, %q", f.Needed, f.Soname, needed, soname)
			}
			n := 0
			for _, s := range e.Sections {
				if s.Flags&elf.SHF_ALLOC == 0 || s.Size == 0 || s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_TLS != 0 {
					continue
				}
				n++
				g := f.Section(s.Addr)
				if g == nil || g.Name != s.Name || g.Start != s.Addr || g.End != s.Addr+s.Size || g.X != (s.Flags&elf.SHF_EXECINSTR != 0) || g.W != (s.Flags&elf.SHF_WRITE != 0) {
					t.Errorf("section %s is %+v", s.Name, g)
				}
				if d, _ := s.Data(); s.Type != elf.SHT_NOBITS && f.DynFlags&DFTextrel == 0 && string(f.Bytes(s.Addr)[:s.Size]) != string(d) {
					t.Errorf("bytes of %s differ", s.Name)
				}
			}
			if n != len(f.Sections) {
				t.Errorf("%d sections, want %d", len(f.Sections), n)
			}
			for _, pr := range e.Progs {
				switch pr.Type {
				case elf.PT_TLS:
					if f.TLS.Addr != pr.Vaddr || f.TLS.MemSize != pr.Memsz {
						t.Error("TLS differs")
					}
				case elf.PT_GNU_RELRO:
					if f.Relro != (Range{pr.Vaddr, pr.Vaddr + pr.Memsz}) {
						t.Error("relro differs")
					}
				case elf.PT_INTERP:
					b := make([]byte, pr.Filesz-1)
					pr.ReadAt(b, 0)
					if f.Interp != string(b) {
						t.Error("interpreter differs")
					}
				}
			}
			for _, tag := range []struct {
				tag elf.DynTag
				got uint64
			}{{elf.DT_FLAGS_1, f.Flags1}, {elf.DT_INIT, f.Init}, {elf.DT_INIT_ARRAY, f.InitArray.Start}, {elf.DT_PLTGOT, f.GotPLT}} {
				if v, err := e.DynValue(tag.tag); err == nil && len(v) > 0 && v[0] != tag.got {
					t.Errorf("%v is %#x, want %#x", tag.tag, tag.got, v[0])
				}
			}
		})
	}
}

// A File may be used by many goroutines.
func TestConcurrent(t *testing.T) {
	for _, p := range libraries(t)[:1] {
		f := open(t, p)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { exerciseSome(f) })
		}
		wg.Wait()
	}
}

func exerciseSome(f *File) {
	f.SHA256()
	f.FuncStarts()
	f.DataSymbols()
	f.GoVersion()
	for i := range f.FDEs {
		f.FuncName(f.FDEs[i].Start)
		f.FDEAt(f.FDEs[i].Start)
	}
	f.Lookup("malloc", "")
}

// Well-known facts of the C library.
func TestLibc(t *testing.T) {
	f := installed(t, libc)
	if f.Soname != "libc.so.6" || f.BuildID == "" || f.TLS.MemSize == 0 || f.GotPLT == 0 || !f.HasDynamic {
		t.Errorf("%q %q %+v", f.Soname, f.BuildID, f.TLS)
	}
	i, ok := f.Lookup("memcpy", "GLIBC_2.14")
	j, ok2 := f.Lookup("memcpy", "GLIBC_2.2.5")
	k, ok3 := f.LookupNewest("memcpy")
	if !ok || !ok2 || !ok3 || i == j || k != i || f.Symbol(i).Type != STTGNUIFunc {
		t.Errorf("memcpy: %d %d %d", i, j, k)
	}
	// An unversioned reference takes the first version, where that is the base one (index 2).
	if u, ok := f.Lookup("memcpy", ""); !ok || u != j {
		t.Errorf("unversioned memcpy: %d, want %d", u, j)
	}
	if _, ok := f.Lookup("malloc", "GLIBC_9"); ok {
		t.Error("found a version that does not exist")
	}
	if name, off, ok := f.FuncName(f.Symbol(mustLookup(t, f, "getpid")).Value + 2); !ok || off != 2 || !strings.HasSuffix(name, "getpid") {
		t.Errorf("FuncName(getpid+2) = %q, %d, %v", name, off, ok)
	}
	if len(f.ExecRanges()) == 0 || len(f.SHA256()) != 64 {
		t.Error("no code, or no hash")
	}
}

func mustLookup(t *testing.T, f *File, name string) int {
	t.Helper()
	i, ok := f.LookupNewest(name)
	if !ok {
		t.Fatal("no ", name)
	}
	return i
}
