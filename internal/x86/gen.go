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

// maps other than the one-byte map, in the order of the array roots.
var mapNames = strings.Fields("0f 38 3a v1 v2 v3 e1 e2 e3 e5 e6 x8 x9 xa")

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

// Bits of entry.roles, of which decode.go knows the last four and the values of entry.dst and entry.src.
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
	kinds                                int
	op, size, msize, ssize, imm, special string
	flags                                []string
	def, use                             uint16
	roles, dst, src                      uint8
	half, cond, bcast                    bool
}

func (e entry) String() string {
	flags := "0"
	if len(e.flags) > 0 {
		slices.Sort(e.flags)
		flags = strings.Join(slices.Compact(e.flags), "|")
	}
	cond := 0
	if e.cond {
		cond = 15
	}
	mask := func(role uint8) string {
		if e.roles&role != 0 {
			return "0xffff"
		}
		return "0"
	}
	vv := e.roles >> 4 & 3
	if e.half {
		vv |= 4
	}
	if e.bcast {
		vv |= 8
	}
	k := strings.Join([]string{e.size, e.msize, e.ssize, e.imm}, " ")
	return fmt.Sprintf("{%s, %#x, %#x, %s, %s, %s, %s, Op%s, %d, [4]sizes{%s, %s, %s}, %d, %d, %d, %d, sp%s, %d},",
		flags, e.def, e.use, mask(regW), mask(rmW), mask(regR), mask(rmR),
		e.op, e.kinds, sizes(k, 0, 0), sizes(k, 1, 0), sizes(k, 2, 0), e.dst*8, e.src*8, e.roles>>6, vv, e.special, cond)
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
	imms   map[string]map[int]uint16 // what rows say of immediates
	kinds  []string                  // size, memory size, source size and immediate of entries
}

func main() {
	log.SetFlags(0)
	text, err := os.ReadFile("opcodes.txt")
	if err != nil {
		log.Fatal(err)
	}
	t := &table{leafOf: map[string]uint16{}, subOf: map[string]int{}, slots: map[string]map[int]*[8][]rule{}, modrm: map[string]map[int]bool{}, imms: map[string]map[int]uint16{}}
	for _, m := range append([]string{"1"}, mapNames...) {
		t.slots[m] = map[int]*[8][]rule{}
		t.modrm[m] = map[int]bool{}
		t.imms[m] = map[int]uint16{}
	}
	t.leaf(entry{op: "Bad", size: "None", msize: "None", ssize: "None", imm: "None", special: "None"})
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
	kinds := strings.Join([]string{e.size, e.msize, e.ssize, e.imm}, " ")
	if e.kinds = slices.Index(t.kinds, kinds); e.kinds < 0 {
		e.kinds = len(t.kinds)
		t.kinds = append(t.kinds, kinds)
	}
	s := e.String()
	if n, ok := t.leafOf[s]; ok {
		return n
	}
	n := uint16(len(t.leaves))
	t.leaves = append(t.leaves, s)
	t.leafOf[s] = n
	return n
}

func (t *table) line(f []string) error {
	if len(f) < 4 {
		return fmt.Errorf("too few fields")
	}
	maps, pfx, ops, f := f[0], f[1], f[2], f[3:]
	r := rule{ext: -1, rm: -1, w: -1}
	memForm, regForm, hasModRM := true, true, false
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
			mem.cond, reg.cond = true, true
			continue
		case a == "modrm":
			hasModRM = true
			continue
		case slices.Contains([]string{"rep", "rel", "shift", "int", "loop", "vsib", "nop90", "3dnow", "cwd"}, a):
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
	ml, rl := t.leaf(mem), t.leaf(reg)
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
			if slots[o] == nil {
				slots[o] = new([8][]rule)
				t.modrm[m][o] = hasModRM
				t.imms[m][o] = immClass(mem.imm)
			}
			if t.imms[m][o] != immClass(mem.imm) {
				t.imms[m][o] = 3
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

// immClass is what a row says of the length of an immediate: none, one byte, up to four bytes by
// operand size, or see the entry.
func immClass(imm string) uint16 {
	switch imm {
	case "None", "1":
		return 0
	case "B", "U":
		return 1
	case "Z", "M":
		return 2
	}
	return 3
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

// Nodes: the two high bits say what chooses among the nodes at the offset in the others.
const (
	byExt = 1 << 14
	byRm  = 2 << 14
	byW   = 3 << 14
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
	const modrm, rare = 1 << 15, 1 << 14
	bad := uint16(t.row(make([]uint16, 8)))
	var first [256]uint16
	var roots [14][256]uint16
	for o := range 256 {
		first[o] = bad
		if s := t.slots["1"][o]; s != nil {
			// No prefix chooses among these.
			first[o] = uint16(t.row([]uint16{t.node(s[0]), t.node(s[1])}))
			if t.modrm["1"][o] {
				first[o] |= modrm
			}
			first[o] |= t.imms["1"][o] << 12
		}
		if o&0xf0 == 0x40 || strings.Contains("0f 26 2e 36 3e 62 64 65 66 67 8f c4 c5 f0 f2 f3", fmt.Sprintf("%02x", o)) {
			first[o] |= rare
		}
	}
	for m, name := range mapNames {
		for o := range 256 {
			roots[m][o] = bad
			if s := t.slots[name][o]; s != nil {
				var row [8]uint16
				for i := range row {
					row[i] = t.node(s[i])
				}
				roots[m][o] = uint16(t.row(row[:]))
				if t.modrm[name][o] {
					roots[m][o] |= modrm
				}
				roots[m][o] |= t.imms[name][o] << 12
			}
			if name == "0f" && (o == 0x38 || o == 0x3a || o&0xfc == 0x20) {
				roots[m][o] |= rare
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
	p(")\n\nconst rowBad = %d // of invalid opcodes\n\n", bad)

	p("// kindTab is indexed by entry.kinds, operand size (2, 4, 8: two bits) and vector length (two bits).\n")
	p("var kindTab = [%d]sizes{\n", len(t.kinds)*16)
	for _, k := range t.kinds {
		p("// %s\n", k)
		for j := range 16 {
			p("%s,", sizes(k, j>>2, j&3))
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
	p("// first gives the row of a one-byte opcode, roots that of an opcode in another map.\nvar first = [256]uint16{")
	numbers(first[:])
	p("}\n\nvar roots = [%d][256]uint16{", len(roots))
	for i, name := range mapNames {
		p("\n{ // %s", name)
		numbers(roots[i][:])
		p("},")
	}
	p("\n}\n\nvar sub = [4096]uint16{")
	numbers(t.sub)
	p("}\n\nvar entries = [1024]entry{\n")
	for _, l := range t.leaves {
		p("%s\n", l)
	}
	p("}\n")
	if len(t.sub) > 4096 || len(t.leaves) > 1024 || len(t.kinds) > 128 {
		log.Fatal("too large for the arrays")
	}
	return b.Bytes()
}

// sizes are those of the kinds of an entry for an operand size (0 to 2) and a vector length.
func sizes(kinds string, osz, vl int) string {
	osz, vl = min(osz, 2), min(vl, 2)
	f := strings.Fields(kinds)
	size := func(name string) int {
		k := slices.IndexFunc(sizeKinds, func(k struct{ name, letter, bytes string }) bool { return k.name == name })
		return pick(sizeKinds[k].bytes, osz, vl)
	}
	i := slices.IndexFunc(immKinds, func(k struct{ name, letter, bytes string }) bool { return k.name == f[3] })
	parts := strings.Split(immKinds[i].bytes, "/")
	n, signed := strings.CutSuffix(parts[min(osz, len(parts)-1)], "s")
	if !signed {
		n = "-" + n
	}
	return fmt.Sprintf("{%d, %d, %d, %s}", size(f[0]), size(f[1]), size(f[2]), n)
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
