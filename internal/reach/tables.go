package reach

import "github.com/gofind-dev/gofind/internal/image"

// RootTable makes what the words of a table hold live, which code comes to other
// than by the address of a word: the tables of a unikernel's linker script, which
// are read from one symbol of the script to another. Others may write it.
func (g *Graph) RootTable(img int, r image.Range) {
	g.sync()
	m := g.Members[img]
	for _, x := range m.relocsIn(r.Start, r.End) {
		g.reloc(img, x, cause{how: Data})
	}
	for o := max(m.object(r.Start), 0); o < len(m.starts) && m.starts[o] < r.End; o++ {
		g.expose(img, o, cause{how: Data})
	}
}

// SymbolsBound says that symbols give the extent of all functions, as in the image of a kernel that was not
// stripped: an address inside of a function, and not at its start, is a place to jump to for that function alone,
// and what looks like one elsewhere is a number; an address of a text is not one just before another object.
func (g *Graph) SymbolsBound() {
	g.sync()
	g.strict = true
	for _, m := range g.Members {
		m.strict = true
	}
}

// dataIn is data among code.
type dataIn struct {
	img int
	r   image.Range
}

// DataInCode says that a range in an executable section holds no code: an address in
// it that is taken makes nothing live.
func (g *Graph) DataInCode(img int, r image.Range) { g.data = append(g.data, dataIn{img, r}) }

// Leads reports whether an address may lead to code: it is that of code, or of an object of data
// that holds addresses.
func (g *Graph) Leads(img int, a uint64) bool {
	m := g.Members[img]
	if m.Exec(a) {
		return true
	}
	o := m.object(a)
	if o < 0 {
		return false
	}
	end := min(o+2, len(m.starts)-1) // it may be just before the next object
	return len(m.relocsIn(m.starts[o], m.starts[end])) > 0 || m.Writable(a)
}

// elsewhere reports whether addr is inside of a function, and not at its start, which
// unit id is no part of: what looks like such an address is a number.
func (g *Graph) elsewhere(img int, addr uint64, id UnitID) bool {
	m := g.Members[img]
	if !m.InFunc(addr) || !m.isLabel(addr) {
		return false
	}
	if id == 0 {
		return true
	}
	from, to := m.FuncExtent(g.Unit(id).Entry), m.FuncExtent(addr)
	return from != to
}

// text reports whether a text begins at an address of memory that is not written: behind the end of
// another one, or of zeros.
func (m *member) text(a uint64) bool {
	b := m.Bytes(a - 1)
	return !m.Writable(a) && len(b) > 1 && b[0] == 0 && m.Text(a) != ""
}
