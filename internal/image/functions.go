package image

// Function is a symbol of .symtab that names code.
type Function struct {
	Name  string
	Addr  uint64
	Local bool
	File  string // of local ones: the STT_FILE symbol before it, "" if none is, or the linker's own: then other object files could name it once
}

// Functions calls each for every function of .symtab, in its order. Local symbols of one object file
// stand together, behind the symbol that names its source (gABI, "Symbol Table", STT_FILE). The texts
// are valid as long as the file is open.
func (f *File) Functions(each func(Function)) {
	t := &f.fullSym
	file := ""
	for i, n := 0, t.len(); i < n; i++ {
		s := t.at(i)
		switch s.typ() {
		case STTFile:
			file = shortStr(t.strs, uint64(s.name))
		case STTFunc, STTGNUIFunc:
			if s.shndx == 0 || !f.Exec(s.value) {
				continue
			}
			x := Function{Name: shortStr(t.strs, uint64(s.name)), Addr: s.value, Local: s.bind() == STBLocal}
			if x.Local {
				x.File = file
			}
			each(x)
		}
	}
}
