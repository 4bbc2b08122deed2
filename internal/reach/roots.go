package reach

import (
	"encoding/binary"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
)

// Startup adds the roots that every process has: the interpreter's and the
// program's entry, the initialisers and finalisers of every image, IFUNC
// resolvers, initialised thread-local data and, for Go, every function of its
// table (methods are reached through offsets in type data).
func (g *Graph) Startup() {
	g.sync()
	for _, m := range g.Members {
		g.imageRoots(m)
	}
}

// imageRoots adds the roots of one image. Images that were added later get
// theirs by AddImage.
func (g *Graph) imageRoots(m *member) {
	switch m.Origin {
	case process.OriginProgram, process.OriginLoader:
		g.Root(m.id, m.Entry, "entry")
		if m.Origin == process.OriginLoader {
			m.looks = LooksEverywhere
		}
	default:
		if m.id < len(g.P.Images) && g.isInterp(m) {
			g.Root(m.id, m.Entry, "entry")
			m.looks = LooksEverywhere
		}
	}
	if m.id == 0 || m.Type != 2 {
		g.Root(m.id, m.Init, "DT_INIT")
		g.Root(m.id, m.Fini, "DT_FINI")
	}
	g.array(m, m.PreinitArray, "DT_PREINIT_ARRAY")
	g.array(m, m.InitArray, "DT_INIT_ARRAY")
	g.array(m, m.FiniArray, "DT_FINI_ARRAY")
	for _, r := range m.Relocs {
		if r.Type == rIRel {
			g.resolverRoot(m.id, r.Addend, cause{how: Resolver}, false)
		}
	}
	for i := 1; i < m.NumSymbols(); i++ {
		s := m.Symbol(i)
		if s.Type == sttIFunc && s.Shndx != 0 {
			g.resolverRoot(m.id, s.Value, cause{how: Resolver}, false)
		}
	}
	// Addresses in code that the loader relocates.
	if m.DynFlags&image.DFTextrel != 0 {
		for _, r := range m.relocs {
			if m.Exec(r.Addr) {
				g.reloc(m.id, r, cause{how: Root})
			}
		}
	}
	// Nothing but unwind information need name what the unwinder calls.
	for _, p := range m.Personalities {
		if p.Indirect {
			g.array(m, image.Range{Start: p.Addr, End: p.Addr + 8}, "personality routine")
		} else {
			g.Root(m.id, p.Addr, "personality routine")
		}
	}
	// What ld.so looks up in an audit library (elf/rtld.c, load_audit_module).
	if m.Origin == process.OriginAudit {
		for i := 1; i < m.NumSymbols(); i++ {
			if s := m.Symbol(i); s.Shndx != 0 && strings.HasPrefix(m.SymbolName(i), "la_") {
				g.Root(m.id, s.Value, "audit interface")
			}
		}
	}
	if t := m.TLS; t.FileSize > 0 {
		for _, r := range m.relocsIn(t.Addr, t.Addr+t.FileSize) {
			g.reloc(m.id, r, cause{how: Data})
		}
	}
	if m.IsGo() {
		for _, a := range m.GoFuncs() {
			// Methods are called through type data, with arguments that Go checked:
			// nobody passes numbers to a wrapper this way, so they do not count as Taken.
			if m.Exec(a) {
				g.unit(m.id, a, cause{how: Root}, "Go function table")
			}
		}
	}
}

func (g *Graph) isInterp(m *member) bool {
	p := g.P.Images[0].Interp
	if p == "" {
		return false
	}
	base := p[strings.LastIndexByte(p, '/')+1:]
	return m.Path == p || m.Soname == base || strings.HasSuffix(m.Path, "/"+base)
}

// AddImage adds the roots of an image that was added after Startup.
func (g *Graph) AddImage(id int) {
	g.sync()
	g.imageRoots(g.Members[id])
}

// array roots what an array of code pointers holds.
func (g *Graph) array(m *member, r image.Range, why string) {
	if r.End <= r.Start {
		return
	}
	done := map[uint64]bool{}
	for _, x := range m.relocsIn(r.Start, r.End) {
		done[x.Addr] = true
		if x.Sym == 0 {
			g.Root(m.id, x.Addend, why)
		} else {
			g.reloc(m.id, x, cause{how: Root})
		}
	}
	b := m.Bytes(r.Start)
	for a := r.Start; a+8 <= r.End && a-r.Start+8 <= uint64(len(b)); a += 8 {
		if !done[a] {
			if v := binary.LittleEndian.Uint64(b[a-r.Start:]); v != 0 && v != ^uint64(0) {
				g.Root(m.id, v, why)
			}
		}
	}
}
