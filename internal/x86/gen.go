//go:build ignore

// Gen turns opcodes.txt into tables.go.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maps in the order of the array roots.
var mapNames = strings.Fields("1 0f 38 3a v1 v2 v3 e1 e2 e3 e5 e6 x8 x9 xa")

var prefixes = map[string]int{"np": 0, "66": 1, "f3": 2, "f2": 3}

// sizeKinds gives the bytes meant by a size letter: one number, or one for each
// operand size 2, 4, 8 ("/"), or one for each vector length 16, 32, 64 ("|").
var sizeKinds = []struct{ name, letter, bytes string }{
	{"None", "", "0"},
	{"B", "b", "1"}, {"W", "w", "2"}, {"D", "d", "4"}, {"Q", "q", "8"}, {"T", "t", "10"},
	{"O", "o", "16"}, {"Y", "y", "32"}, {"Z", "z", "64"},
	{"V", "v", "2/4/8"}, {"K", "k", "4/4/8"}, {"S", "s", "2/8/8"}, {"U", "u", "1/2/4"},
	{"P", "p", "4/6/10"}, {"M", "m", "8/8/16"},
	{"X", "x", "16|32|64"}, {"H", "h", "8|16|32"}, {"F", "f", "4|8|16"}, {"E", "e", "2|4|8"},
	{"G", "g", "8|32|64"},
	{"N", "n", "0"},
}

// immKinds gives the bytes of an immediate for the operand sizes 2, 4, 8; s means sign-extended.
var immKinds = []struct{ name, letter, bytes string }{
	{"None", "", "0"},
	{"B", "b", "1s"},       // sign-extended byte
	{"U", "u", "1"},        // byte
	{"W", "w", "2"},        // word
	{"Z", "z", "2s/4s/4s"}, // sign-extended up to 32 bits
	{"V", "v", "2s/4/8"},   // mov $imm, %reg
	{"M", "m", "2s/4/4s"},  // mov $imm, %r/m: zero-extended if the operand has 32 bits
	{"E", "e", "3"},        // enter: size, then level in bits 16 to 23
	{"X", "x", "2"},        // two bytes of extrq and insertq
	{"D", "d", "4"},        // 32 bits whatever the operand size
	{"O", "O", "8"},        // absolute address
	{"1", "1", "0"},        // the constant 1
}

// Bits of entry.roles, and the values of entry.dst and entry.src.
const (
	regR = 1 << iota
	regW
	rmR
	rmW
	vvR
	vvW
	regByte
	rmByte

	selReg = 1
	selRm  = 2
	selVv  = 3
)

var regs = map[string]uint16{"all": 0xffff}

func init() {
	for i, n := range strings.Fields("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15") {
		regs[n] = 1 << i
	}
}

type entry struct {
	kinds, cond, low                     int
	op, size, msize, ssize, imm, special string
	flags                                []string
	def, use                             uint16
	roles, dst, src                      uint8
	half, bcast, bare, loop              bool
}

// String returns the three values of type entry for operands of 4, 8, 2 bytes.
func (e entry) String() string {
	flags := append([]string{}, e.flags...)
	slices.Sort(flags)
	flags = slices.Compact(flags)
	dst, src := []int{0xff, 0, 0, 0}[e.dst], []int{0xff, 0, 0, 0}[e.src]
	special := e.special
	if special == "Cl" {
		special, src, e.src = "None", 1, 0
	}
	var out strings.Builder
	for _, osz := range []int{1, 2, 0} {
		size, mem, ssize, immLen, mask := e.sizes(osz, 0)
		special, rel := special, false
		switch {
		case e.loop:
			rel = true
		case special == "Rel" && osz == 0 && immLen == 2:
			special = "Rel16"
		case special == "Rel":
			special, rel = "None", true
		case special == "Shift" && size == 8:
			special, mask = "None", 63
		case special == "Shift":
			special, mask = "None", 31
		}
		masks := func(read, write, isByte, sel uint8) string {
			var m []string
			if e.roles&write != 0 {
				m = append(m, "inDef")
			}
			if e.roles&read != 0 || e.roles&write != 0 && size < 4 { // the rest of the register lives on
				m = append(m, "inUse")
			}
			if e.dst == sel {
				m = append(m, "inDst")
			}
			if e.src == sel {
				m = append(m, "inSrc")
			}
			if e.roles&isByte != 0 {
				m = append(m, "inHigh8")
			}
			return or(m...)
		}
		var f []string
		add := func(name, value string) {
			if value != "" {
				f = append(f, name+": "+value)
			}
		}
		number := func(format string, n int) string {
			if n == 0 {
				return ""
			}
			return fmt.Sprintf(format, n)
		}
		add("reg", masks(regR, regW, regByte, selReg))
		add("rm", masks(rmR, rmW, rmByte, selRm))
		fixed := []string{number("%#x", int(uint64(e.def)|uint64(e.use)<<16|uint64(dst)<<32|uint64(src)<<40))}
		if len(flags) > 0 {
			fixed = append(fixed, "uint64("+or(flags...)+")<<48")
		}
		add("fixed", or(fixed...))
		if mask != 0 {
			add("mask", fmt.Sprintf("%#x", mask))
		}
		if rel {
			add("rel", "-1")
		}
		cond := number("%d<<modCond", e.cond)
		if e.bare {
			cond = or("modBare", number("%d<<modRm", e.low), cond)
		} else {
			add("modrm", "modAll")
		}
		add("bare", cond)
		add("what", or("uint32(Op"+e.op+")", number("%#x", size<<8|ssize<<16|mem<<24)))
		if immLen > 0 {
			add("shift", fmt.Sprint(64-8*immLen))
		}
		add("n", number("%d", immLen))
		var last []string
		if special != "None" {
			last = append(last, "sp"+special)
		}
		if e.roles&regByte != 0 {
			last = append(last, "lastReg")
		}
		if e.roles&rmByte != 0 {
			last = append(last, "lastRm")
		}
		add("last", or(last...))
		add("kinds", number("%d", e.kinds))
		fmt.Fprintf(&out, "{%s},\n", strings.Join(f, ", "))
	}
	return out.String()
}

func or(names ...string) string {
	return strings.Join(slices.DeleteFunc(names, func(s string) bool { return s == "" }), "|")
}

// A rule is an entry that holds under further conditions; -1 is no condition.
type rule struct {
	ext, rm, w int
	leaf       uint16
}

type table struct {
	leaves []string
	leafOf map[string]uint16
	sub    []uint16
	subOf  map[string]int
	slots  map[string]map[int]*[8][]rule // map name, opcode, prefix*2 + register form
	modrm  map[string]map[int]bool
	kinds  []string // size, memory size, source size and immediate of entries
}

func main() {
	log.SetFlags(0)
	text, err := os.ReadFile("opcodes.txt")
	if err != nil {
		log.Fatal(err)
	}
	t := &table{leafOf: map[string]uint16{}, subOf: map[string]int{}, slots: map[string]map[int]*[8][]rule{}, modrm: map[string]map[int]bool{}}
	for _, m := range mapNames {
		t.slots[m] = map[int]*[8][]rule{}
		t.modrm[m] = map[int]bool{}
	}
	t.leaf(entry{op: "Bad", size: "None", msize: "None", ssize: "None", imm: "None", special: "Bad"})
	for i, line := range strings.Split(string(text), "\n") {
		if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) == "" {
			continue
		}
		if err := t.line(strings.Fields(line)); err != nil {
			log.Fatalf("opcodes.txt:%d: %v", i+1, err)
		}
	}
	out, err := format.Source(t.output())
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 1 && os.Args[1] == "-check" {
		old, err := os.ReadFile("tables.go")
		if err != nil {
			log.Fatal(err)
		}
		if !bytes.Equal(old, out) {
			log.Fatal("tables.go is not what gen.go makes of opcodes.txt; run go generate")
		}
		return
	}
	if err := os.WriteFile("tables.go", out, 0o666); err != nil {
		log.Fatal(err)
	}
}

func (t *table) leaf(e entry) uint16 {
	vv := e.roles >> 4 & 3
	for i, is := range []bool{e.half, e.bcast, e.dst == selVv, e.src == selVv} {
		if is {
			vv |= 4 << i
		}
	}
	kinds := fmt.Sprint(e.size, " ", e.msize, " ", e.ssize, " ", e.imm, " ", vv)
	if e.kinds = slices.Index(t.kinds, kinds); e.kinds < 0 {
		e.kinds = len(t.kinds)
		t.kinds = append(t.kinds, kinds)
	}
	s := e.String()
	if n, ok := t.leafOf[s]; ok {
		return n
	}
	n := t.append(s)
	t.leafOf[s] = n
	return n
}

// append returns the index of the first of three entries.
func (t *table) append(leaf string) uint16 {
	t.leaves = append(t.leaves, leaf)
	return uint16(len(t.leaves)-1) * 3
}

func (t *table) line(f []string) error {
	if len(f) < 4 {
		return fmt.Errorf("too few fields")
	}
	maps, pfx, ops, f := f[0], f[1], f[2], f[3:]
	r := rule{ext: -1, rm: -1, w: -1}
	memForm, regForm, hasModRM, hasCond := true, true, false, false
conditions:
	for ; len(f) > 0; f = f[1:] {
		switch c := f[0]; {
		case c == "m":
			regForm, hasModRM = false, true
		case c == "r":
			memForm, hasModRM = false, true
		case c == "w0", c == "w1":
			r.w = int(c[1] - '0')
		case strings.HasPrefix(c, "/"):
			r.ext, hasModRM = int(c[1]-'0'), true
		case strings.HasPrefix(c, "rm="):
			r.rm, hasModRM = int(c[3]-'0'), true
		default:
			break conditions
		}
	}
	if len(f) == 0 {
		return fmt.Errorf("no class")
	}
	op, f := f[0], f[1:]
	var mem, reg entry
	// Both forms are built together; they differ in what ModRM.rm means.
	both := []*entry{&mem, &reg}
	mem.op, reg.op = op, op
	mem.special, reg.special = "None", "None"
	nOperand := 0
	var ssize string
	setSize := func(s string) {
		for _, e := range both {
			if e.size == "" {
				e.size = s
			}
		}
	}
	for _, a := range f {
		key, val, hasVal := strings.Cut(a, "=")
		if hasVal && key != "" {
			switch key {
			case "def", "use":
				var m uint16
				for _, n := range strings.Split(val, ",") {
					b, ok := regs[n]
					if !ok {
						return fmt.Errorf("no register %q", n)
					}
					m |= b
				}
				for _, e := range both {
					if key == "def" {
						e.def |= m
					} else {
						e.use |= m
					}
				}
			case "size":
				s, err := sizeName(val)
				if err != nil {
					return err
				}
				setSize(s)
				for _, e := range both {
					e.msize = s
				}
			case "N":
				s, err := sizeName(val)
				if err != nil {
					return err
				}
				ssize = s
			default:
				return fmt.Errorf("unknown attribute %q", a)
			}
			continue
		}
		flag := map[string]string{"imp": "FlagImpMem", "in": "FlagMemIn", "out": "FlagMemOut", "any": "FlagMemAny"}[a]
		switch {
		case flag != "":
			mem.flags, reg.flags = append(mem.flags, flag), append(reg.flags, flag)
			continue
		case a == "half":
			mem.half, reg.half = true, true
			continue
		case a == "cond":
			hasCond = true
			continue
		case a == "loop":
			mem.loop, reg.loop, mem.cond, reg.cond = true, true, 0xff, 0xff
			mem.special, reg.special = "None", "None"
			continue
		case a == "modrm":
			hasModRM = true
			continue
		case slices.Contains([]string{"rep", "rel", "shift", "int", "vsib", "nop90", "3dnow", "cwd", "rm0"}, a):
			s := strings.ToUpper(a[:1]) + a[1:]
			mem.special, reg.special = s, s
			continue
		}
		read, write, addr := true, false, false
		switch a[0] {
		case '=':
			read, write, a = false, true, a[1:]
		case '+':
			write, a = true, a[1:]
		case '.':
			read, addr, a = false, true, a[1:]
		}
		place, letters := a[0], a[1:]
		rs, ms, _ := strings.Cut(letters, "/")
		if ms == "" {
			ms = rs
		}
		switch place {
		case 'I', 'J':
			k := slices.IndexFunc(immKinds, func(k struct{ name, letter, bytes string }) bool { return k.letter == letters })
			if k < 0 {
				return fmt.Errorf("no immediate %q", a)
			}
			for _, e := range both {
				if e.imm != "" {
					return fmt.Errorf("two immediates")
				}
				e.imm = immKinds[k].name
				if place == 'I' {
					e.flags = append(e.flags, "FlagImm")
				}
				if letters == "1" {
					e.special = "One"
				}
			}
			continue
		case 'C':
			for _, e := range both {
				e.special = "Cl"
				e.use |= regs["rcx"]
			}
			continue
		case 'V':
			hasModRM = true
			nOperand++
			continue
		}
		rsize, err := sizeName(rs)
		if err != nil {
			return fmt.Errorf("operand %q: %v", a, err)
		}
		msize, err := sizeName(ms)
		if err != nil {
			return fmt.Errorf("operand %q: %v", a, err)
		}
		// The register part.
		role, isByte, sel := uint8(0), uint8(0), uint8(0)
		switch place {
		case 'G':
			role, isByte, sel, hasModRM = regR, regByte, selReg, true
		case 'E', 'R':
			role, isByte, sel, hasModRM = rmR, rmByte, selRm, true
		case 'Z':
			role, isByte, sel = rmR, rmByte, selRm
		case 'B':
			role, sel = vvR, selVv
		case 'A':
			sel = selVv // 0 without VEX
			for _, e := range both {
				if read || strings.Contains("bvu", rs) { // a partial write keeps the rest
					e.use |= regs["rax"]
				}
				if write {
					e.def |= regs["rax"]
				}
			}
		case 'W', 'M':
			hasModRM = true
		case 'O':
			mem.imm, reg.imm = "O", "O"
			mem.special, reg.special = "Moffs", "Moffs"
		default:
			return fmt.Errorf("unknown operand %q", a)
		}
		if place == 'M' {
			regForm = false
		}
		if place == 'R' {
			memForm = false
		}
		for i, e := range both {
			isMem := i == 0 && strings.IndexByte("EMW", place) >= 0 || place == 'O'
			if isMem {
				e.flags = append(e.flags, "FlagMem")
				if read {
					e.flags = append(e.flags, "FlagMemIn")
				}
				if write {
					e.flags = append(e.flags, "FlagMemOut")
				}
				if ms == "n" && !addr {
					e.flags = append(e.flags, "FlagMemAny")
				}
				if e.size == "" {
					e.size = msize
				}
				e.msize = msize
				if nOperand == 1 {
					e.ssize = msize
				}
			} else if sel != 0 {
				if read {
					e.roles |= role
				}
				if write {
					e.roles |= role << 1
				}
				if rs == "b" {
					e.roles |= isByte
				}
				if e.size == "" {
					e.size = rsize
				}
				isSrc := slices.Contains([]string{"Push", "CallInd", "JmpInd"}, op) ||
					!write && (op == "Other" || op == "Vec")
				if nOperand == 0 && !isSrc {
					e.dst = sel
				} else if e.src == 0 && (nOperand > 0 || isSrc) {
					e.src = sel
				}
				if nOperand == 1 {
					e.ssize = rsize
				}
			} else if place == 'W' && e.size == "" {
				e.size = rsize
			}
			if addr && place == 'E' {
				return fmt.Errorf("operand %q: use W", a)
			}
		}
		nOperand++
	}
	for _, e := range both {
		if !strings.HasPrefix(op, "Movsx") && !strings.HasPrefix(op, "Movzx") {
			e.ssize = ""
		}
		if ssize != "" {
			e.ssize = ssize
		}
		for _, s := range []*string{&e.size, &e.msize, &e.ssize, &e.imm} {
			if *s == "" {
				*s = "None"
			}
		}
		if !slices.Contains(e.flags, "FlagMem") && !slices.Contains(e.flags, "FlagImpMem") {
			e.msize = "None"
		}
	}
	mem.bcast = strings.Contains("XHFEG", mem.msize) && !slices.Contains(mem.flags, "FlagMemOut") && op != "VecMov"
	opcodes, err := opcodeList(ops)
	if err != nil {
		return err
	}
	for _, m := range strings.Split(maps, ",") {
		slots := t.slots[m]
		if slots == nil {
			return fmt.Errorf("no map %q", m)
		}
		for _, o := range opcodes {
			if hasCond {
				mem.cond, reg.cond = o&15, o&15
			}
			if !hasModRM {
				mem.bare, reg.bare = true, true
				if reg.roles&(rmR|rmW) != 0 {
					reg.low = o & 7
				}
				mem = reg // the byte where ModRM would be does not matter
			}
			ml, rl := t.leaf(mem), t.leaf(reg)
			if slots[o] == nil {
				slots[o] = new([8][]rule)
				t.modrm[m][o] = hasModRM
			}
			if t.modrm[m][o] != hasModRM {
				return fmt.Errorf("%s %02x: has a ModRM byte or has not", m, o)
			}
			var pps []int
			if pfx == "*" {
				pps = []int{0, 1, 2, 3}
			} else {
				for _, p := range strings.Split(pfx, ",") {
					n, ok := prefixes[p]
					if !ok {
						return fmt.Errorf("no prefix %q", p)
					}
					pps = append(pps, n)
				}
			}
			for _, pp := range pps {
				for form, ok := range []bool{memForm, regForm} {
					if !ok {
						continue
					}
					n := r
					n.leaf = []uint16{ml, rl}[form]
					s := &slots[o][pp*2+form]
					for _, old := range *s {
						meet := func(a, b int) bool { return a < 0 || b < 0 || a == b }
						if meet(old.ext, n.ext) && meet(old.rm, n.rm) && meet(old.w, n.w) {
							return fmt.Errorf("%s %02x prefix %d form %d: defined twice", m, o, pp, form)
						}
					}
					*s = append(*s, n)
				}
			}
		}
	}
	return nil
}

func sizeName(letter string) (string, error) {
	for _, k := range sizeKinds {
		if k.letter == letter {
			return k.name, nil
		}
	}
	return "", fmt.Errorf("no size %q", letter)
}

func opcodeList(s string) ([]int, error) {
	var out []int
	for _, p := range strings.Split(s, ",") {
		a, b, ok := strings.Cut(p, "-")
		if !ok {
			b = a
		}
		lo, err := strconv.ParseUint(a, 16, 8)
		if err != nil {
			return nil, err
		}
		hi, err := strconv.ParseUint(b, 16, 8)
		if err != nil {
			return nil, err
		}
		for o := lo; o <= hi; o++ {
			out = append(out, int(o))
		}
	}
	return out, nil
}

// Nodes, as in decode.go.
const (
	byExt = 1 << 12
	byRm  = 2 << 12
	byW   = 3 << 12
)

func (t *table) node(rules []rule) uint16 {
	if len(rules) == 0 {
		return 0
	}
	split := func(kind uint16, n int, key func(*rule) *int) uint16 {
		row := make([]uint16, n)
		for v := range row {
			var rest []rule
			for _, r := range rules {
				if k := key(&r); *k < 0 || *k == v {
					*k = -1
					rest = append(rest, r)
				}
			}
			row[v] = t.node(rest)
		}
		return kind | uint16(t.row(row))
	}
	has := func(key func(*rule) *int) bool {
		return slices.ContainsFunc(rules, func(r rule) bool { return *key(&r) >= 0 })
	}
	ext := func(r *rule) *int { return &r.ext }
	rm := func(r *rule) *int { return &r.rm }
	w := func(r *rule) *int { return &r.w }
	switch {
	case has(ext):
		return split(byExt, 8, ext)
	case has(rm):
		return split(byRm, 8, rm)
	case has(w):
		return split(byW, 2, w)
	}
	return rules[0].leaf
}

func (t *table) row(row []uint16) int {
	key := fmt.Sprint(row)
	if n, ok := t.subOf[key]; ok {
		return n
	}
	n := len(t.sub)
	t.sub = append(t.sub, row...)
	t.subOf[key] = n
	return n
}

func (t *table) output() []byte {
	bad := uint16(t.row(make([]uint16, 8)))
	roots := make([][256]uint16, len(mapNames))
	for m, name := range mapNames {
		for o := range 256 {
			roots[m][o] = bad
			if s := t.slots[name][o]; s != nil {
				var row [8]uint16
				for i := range row {
					row[i] = t.node(s[i])
				}
				if name == "1" {
					roots[m][o] = uint16(t.row(row[:2])) // no prefix chooses among these
				} else {
					roots[m][o] = uint16(t.row(row[:]))
				}
			}
		}
	}

	var b bytes.Buffer
	p := func(f string, a ...any) { fmt.Fprintf(&b, f, a...) }
	p("// Code generated by gen.go from opcodes.txt. DO NOT EDIT.\n\npackage x86\n\n")
	p("const (\n")
	for i, k := range mapNames {
		p("map%s = %d\n", strings.ToUpper(k), i)
	}
	p(")\n\n")

	p("// kindTab is indexed by entry.kinds, operand size (2, 4, 8: two bits) and vector length (two bits).\n")
	p("var kindTab = [4096]sizes{\n")
	for _, k := range t.kinds {
		p("// %s\n", k)
		for j := range 16 {
			size, mem, src, _, _ := sizes(k, j>>2, j&3)
			p("{%d, %d, %d, %s},", size, mem, src, strings.Fields(k)[4])
			if j&3 == 3 {
				p("\n")
			}
		}
	}
	p("}\n\n")

	numbers := func(v []uint16) {
		for i, n := range v {
			if i%16 == 0 {
				p("\n")
			}
			p("%d,", n)
		}
		p("\n")
	}
	p("// roots has the offset in sub of the nodes of an opcode: first for the memory form, then for the register\n// form, and in all but the one-byte map so for each of the mandatory prefixes.\n")
	p("var roots = [%d][256]uint16{", len(roots))
	for i, name := range mapNames {
		p("\n{ // %s", name)
		numbers(roots[i][:])
		p("},")
	}
	p("\n}\n\nvar sub = [4096]uint16{")
	numbers(t.sub)
	p("\n}\n\nvar entries = [2048]entry{\n")
	for _, l := range t.leaves {
		p("%s", l)
	}
	p("}\n")
	if len(t.sub) > 4096 || len(t.leaves)*3 > 2048 || len(t.kinds) > 256 {
		log.Fatal("too large for the arrays")
	}
	return b.Bytes()
}

func (e entry) sizes(osz, vl int) (size, mem, src int, immLen int, mask uint64) {
	return sizes(strings.Join([]string{e.size, e.msize, e.ssize, e.imm}, " "), osz, vl)
}

// sizes are those of the kinds of an entry for an operand size (0 to 2) and a vector length: bytes of the
// operand, of memory, of the source and of the immediate, whose mask cuts off the sign extension if there is none.
func sizes(kinds string, osz, vl int) (bytes, mem, src, immLen int, mask uint64) {
	osz, vl = min(osz, 2), min(vl, 2)
	f := strings.Fields(kinds)
	size := func(name string) int {
		k := slices.IndexFunc(sizeKinds, func(k struct{ name, letter, bytes string }) bool { return k.name == name })
		return pick(sizeKinds[k].bytes, osz, vl)
	}
	i := slices.IndexFunc(immKinds, func(k struct{ name, letter, bytes string }) bool { return k.name == f[3] })
	parts := strings.Split(immKinds[i].bytes, "/")
	n, signed := strings.CutSuffix(parts[min(osz, len(parts)-1)], "s")
	if immLen, _ = strconv.Atoi(n); signed {
		mask = ^uint64(0)
	} else {
		mask = 1<<(8*immLen) - 1
	}
	return size(f[0]), size(f[1]), size(f[2]), immLen, mask
}

func pick(s string, osz, vl int) int {
	i := 0
	parts := []string{s}
	if strings.Contains(s, "/") {
		parts, i = strings.Split(s, "/"), osz
	} else if strings.Contains(s, "|") {
		parts, i = strings.Split(s, "|"), vl
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil {
		log.Fatal(err)
	}
	return n
}
