package unikraft

import (
	"fmt"
	"slices"
	"strings"
)

// protect clears the write permission of the text, of the code and rules that are
// added, and of the page table itself, in the boot page table of all files. Large pages that hold
// more than that are split; the new tables are a part of their own. Images that manage page tables
// themselves are refused, since they would undo it.
//
// Not protected is the page with the boot code, which changes itself after paging is on
// (plat/kvm/x86/lcpu_start.S) and holds the descriptor table, in which the processor marks
// what it uses; and the tag and the table of open gates, which must be written.
//
// The processor heeds the permission in supervisor mode only with CR0.WP, which Unikraft sets.
func (s *sealing) protect(files []*File, parts []part, rulesSize int) ([]part, error) {
	debug := files[0]
	top, ok := s.code.byName[bootTable]
	if !ok {
		return nil, debug.errorf(nil, "has no static boot page table (%s), so its rules cannot be write-protected; leave out --protect-rules", bootTable)
	}
	for _, r := range roles() {
		if y, ok := s.code.byName[r.symbol]; ok && r.kind == "paging" {
			return nil, debug.errorf(nil, "manages page tables itself (%s), so that rules would not stay write-protected; leave out --protect-rules, or build it without CONFIG_PAGING", y.Name)
		}
	}
	pages := map[uint64]bool{}
	add := func(start, end uint64) {
		for p := start &^ 4095; p < end; p += 4096 {
			pages[p] = true
		}
	}
	for i := range debug.segments {
		if g := &debug.segments[i]; g.typ == ptLoad && g.flags&(flagX|flagW) == flagX {
			add(g.vaddr, g.vaddr+g.memsz)
		}
	}
	var boot []string
	for _, r := range roles() {
		if y, ok := s.code.byName[r.symbol]; ok && r.kind == "boot" && pages[y.Addr&^4095] {
			delete(pages, y.Addr&^4095)
			boot = append(boot, fmt.Sprintf("%#x", y.Addr&^4095))
		}
	}
	for i := range debug.segments { // what is written lies on no protected page
		if g := &debug.segments[i]; g.typ == ptLoad && g.flags&flagW != 0 && g.memsz > 0 {
			for p := g.vaddr &^ 4095; p < g.vaddr+g.memsz; p += 4096 {
				delete(pages, p)
			}
		}
	}
	for i := range parts {
		switch parts[i].name {
		case ".gofind_text":
			add(parts[i].addr, parts[i].addr+parts[i].size())
		case ".gofind_rules":
			add(parts[i].addr, parts[i].addr+uint64(rulesSize))
		}
	}
	for p := range s.code.pageTables() {
		pages[p] = true
	}
	last := &parts[len(parts)-1]
	tables := part{name: ".gofind_pagetables", flags: flagR | flagW, addr: (last.addr + uint64(rulesSize) + 4095) &^ 4095}
	if err := s.split(files, top.Addr, pages, &tables); err != nil {
		return nil, err
	}
	for i := range len(tables.bytes) / 4096 {
		pages[tables.addr+uint64(4096*i)] = true
	}
	left, missing := s.clear(files, top.Addr, pages, &tables)
	if len(missing) > 0 {
		return nil, debug.errorf(nil, "its boot page table does not map %#x, so its rules cannot be write-protected", missing[0])
	}
	if !s.plan.Alone { // else nothing that is added is written
		s.rep.Protected = append(s.rep.Protected, "writable: the tag and the table of open gates")
	}
	if len(boot) > 0 {
		s.rep.Protected = append(s.rep.Protected, "writable: the text with boot code at "+strings.Join(slices.Compact(slices.Sorted(slices.Values(boot))), ", "))
	}
	s.rep.Protected = append(s.rep.Protected, left...)
	return []part{tables}, nil
}

// split replaces large pages that hold pages to protect by tables, which it appends to tables.
func (s *sealing) split(files []*File, top uint64, pages map[uint64]bool, tables *part) error {
	type large struct{ virtual, value uint64 }
	var todo []large
	want := map[uint64]bool{}
	count := func() int { return len(todo) + len(tables.bytes)/4096 }
	add := func(p uint64) { want[p&^(1<<21-1)] = true }
	for p := range pages {
		add(p)
	}
	// The tables that are added lie on a large page, too.
	add(tables.addr)
	add(tables.addr + 1<<21 - 1)
	files[0].walk(top, func(e pte) {
		if v := e.value(); v&(ptePresent|pteLarge) == ptePresent|pteLarge && e.level == 2 && want[e.virtual] && e.maps() == e.virtual {
			todo = append(todo, large{e.virtual, v})
		}
	})
	if count() > 64 {
		return files[0].errorf(nil, "has text on %d large pages; its rules cannot be write-protected", count())
	}
	slices.SortFunc(todo, func(a, b large) int { return int(int64(a.virtual) - int64(b.virtual)) })
	at := map[uint64]uint64{} // virtual address to new table
	for _, l := range todo {
		at[l.virtual] = tables.addr + uint64(len(tables.bytes))
		for i := range uint64(512) {
			tables.bytes = le.AppendUint64(tables.bytes, l.value&^pteLarge+i<<12)
		}
	}
	for _, f := range files {
		f.walk(top, func(e pte) {
			if to, ok := at[e.virtual]; ok && e.level == 2 && e.value()&pteLarge != 0 {
				le.PutUint64(e.bytes, to|e.value()&0xfff&^pteLarge)
			}
		})
	}
	return nil
}

// clear makes pages read-only, and returns where else memory is mapped, and the pages that it did not find.
func (s *sealing) clear(files []*File, top uint64, pages map[uint64]bool, tables *part) (left []string, missing []uint64) {
	found := map[uint64]bool{}
	for i, f := range files {
		f.walk(top, func(e pte) {
			v := e.value()
			if v&ptePresent == 0 || e.isTable() {
				return
			}
			if e.maps() != e.virtual && v&pteWrite != 0 {
				if i == 0 && len(left) == 0 {
					left = append(left, fmt.Sprintf("writable: the same memory, through its alias at %#x", uint64(int64(e.virtual<<16)>>16)))
				}
				return
			}
			if e.level == 1 && pages[e.virtual] {
				found[e.virtual] = true
				le.PutUint64(e.bytes, v&^pteWrite)
			}
		})
	}
	for t := range len(tables.bytes) / 4096 {
		b := tables.bytes[4096*t:][:4096]
		for ; len(b) > 0; b = b[8:] {
			if v := le.Uint64(b); pages[v&pteAddr] {
				found[v&pteAddr] = true
				le.PutUint64(b, v&^pteWrite)
			}
		}
	}
	for p := range pages {
		if !found[p] {
			missing = append(missing, p)
		}
	}
	slices.Sort(missing)
	return left, missing
}
