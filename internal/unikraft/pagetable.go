package unikraft

// The boot page table of Unikraft (plat/kvm/x86/pagetable64.S) is part of the image,
// and maps memory one to one. Entries are those of the Intel SDM, volume 3, section 4.5.
const (
	bootTable = "x86_bpt_pml4"

	ptePresent, pteWrite, pteLarge = 1, 2, 0x80
	pteAddr                        = 0x000f_ffff_ffff_f000
)

// pageTables returns the pages of the boot page table, by address.
func (c *code) pageTables() map[uint64]bool {
	pages := map[uint64]bool{}
	if y, ok := c.byName[bootTable]; ok {
		c.f.walk(y.Addr, func(e pte) { pages[e.table] = true })
	}
	return pages
}

// pte is an entry of a page table.
type pte struct {
	table   uint64 // page in which it lies
	virtual uint64 // what it maps starts here
	level   int    // 1 maps a page of 4 KiB, 2 one of 2 MiB or a table, and so on
	bytes   []byte // of the file
}

func (e *pte) value() uint64 { return le.Uint64(e.bytes) }

// maps is where the memory lies that the entry maps, if it is not a table's.
func (e *pte) maps() uint64 { return e.value() & pteAddr &^ (1<<(12+9*(e.level-1)) - 1) }

// isTable reports whether the entry is that of another table.
func (e *pte) isTable() bool {
	return e.value()&ptePresent != 0 && e.level > 1 && e.value()&pteLarge == 0
}

// maxTables bounds the work on a file that is made to be walked for long.
const maxTables = 4096

// walk visits the entries of a page table of four levels, as far as it lies in the file.
func (f *File) walk(top uint64, visit func(e pte)) {
	type work struct {
		table, virtual uint64
		level          int
	}
	queue := []work{{top, 0, 4}}
	for i := 0; i < len(queue) && i < maxTables; i++ {
		w := queue[i]
		b := f.Bytes(w.table)
		if len(b) < 4096 || w.table%4096 != 0 {
			continue
		}
		for j := range uint64(512) {
			e := pte{w.table, w.virtual | j<<(12+9*(w.level-1)), w.level, b[8*j:][:8:8]}
			visit(e)
			if e.isTable() {
				queue = append(queue, work{e.value() & pteAddr, e.virtual, w.level - 1})
			}
		}
	}
}
