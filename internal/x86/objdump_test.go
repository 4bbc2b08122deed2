package x86

import (
	"bufio"
	"context"
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// A listed is an instruction as objdump prints it.
type listed struct {
	pc   uint64
	n    int // bytes
	text string
}

// objdump calls f for every instruction that objdump prints with these arguments.
func objdump(t *testing.T, f func(listed), args ...string) {
	t.Helper()
	tool, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("no objdump")
	}
	cmd := bounded.Command(t, tool, append([]string{"-w", "--insn-width=16"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		// "    1000:\t48 89 c3 \tmov    %rax,%rbx"
		pc, rest, ok := strings.Cut(s.Text(), ":\t")
		if !ok {
			continue
		}
		addr, err := strconv.ParseUint(strings.TrimSpace(pc), 16, 64)
		if err != nil {
			continue
		}
		hex, text, _ := strings.Cut(rest, "\t")
		f(listed{addr, len(strings.Fields(hex)), text})
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// binaries are the programs and libraries that tests read when the machine has them.
var binaries = []struct {
	paths []string
	data  bool // its text holds data too
}{
	{paths: []string{"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/libc.so.6", "/usr/lib/libc.so.6"}},
	{paths: []string{"/lib64/ld-linux-x86-64.so.2"}},
	{paths: []string{"/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib64/libcrypto.so.3", "/usr/lib/libcrypto.so.3"}, data: true},
	{paths: []string{"/usr/sbin/nginx"}},
	{paths: []string{"/usr/bin/rg"}},
	{paths: []string{goTool("go")}},
	{paths: []string{goTool("gofmt")}},
}

func goTool(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), bounded.Limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return name
	}
	return strings.TrimSpace(string(out)) + "/bin/" + name
}

// open returns the file and its executable sections.
func openBinary(t testing.TB, paths []string) (string, []*elf.Section) {
	t.Helper()
	for _, p := range paths {
		f, err := elf.Open(p)
		if err != nil {
			continue
		}
		t.Cleanup(func() { f.Close() })
		var text []*elf.Section
		for _, s := range f.Sections {
			if s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_EXECINSTR != 0 {
				text = append(text, s)
			}
		}
		return p, text
	}
	t.Skipf("none of %v", paths)
	return "", nil
}

// prefixOnly reports whether objdump found nothing but prefixes.
func prefixOnly(text string) bool {
	for _, w := range strings.Fields(text) {
		switch w {
		case "data16", "addr32", "lock", "repz", "repnz", "cs", "ss", "ds", "es", "fs", "gs":
		default:
			if !strings.HasPrefix(w, "rex") {
				return false
			}
		}
	}
	return true
}

// A text is an instruction in AT&T syntax, taken apart.
type text struct {
	mnemonic string
	args     []arg
	target   uint64 // of a direct branch
}

type arg struct {
	s     string // what objdump printed
	reg   Reg    // a GPR, or RegNone
	size  int    // of the GPR
	high  bool   // ah, ch, dh, bh
	imm   bool
	mem   bool
	value int64 // immediate or displacement
	base  Reg
	index Reg
	scale int
	seg   bool
	vsib  bool
	ind   bool // written with a star
}

var gprs = map[string]arg{}

func init() {
	for i, names := range []string{
		"rax eax ax al", "rcx ecx cx cl", "rdx edx dx dl", "rbx ebx bx bl", "rsp esp sp spl",
		"rbp ebp bp bpl", "rsi esi si sil", "rdi edi di dil", "r8 r8d r8w r8b", "r9 r9d r9w r9b",
		"r10 r10d r10w r10b", "r11 r11d r11w r11b", "r12 r12d r12w r12b", "r13 r13d r13w r13b",
		"r14 r14d r14w r14b", "r15 r15d r15w r15b",
	} {
		for j, n := range strings.Fields(names) {
			gprs[n] = arg{reg: Reg(i), size: 8 >> j}
		}
	}
	gprs["rip"], gprs["eip"] = arg{reg: RIP, size: 8}, arg{reg: RIP, size: 4}
	for i, n := range []string{"ah", "ch", "dh", "bh"} {
		gprs[n] = arg{reg: Reg(i), size: 1, high: true}
	}
}

func parseText(s string) text {
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "<")
	words := strings.Fields(s)
	for len(words) > 0 {
		w, _, _ := strings.Cut(words[0], ",")
		switch w {
		case "lock", "rep", "repz", "repnz", "bnd", "notrack", "data16", "addr32", "xacquire", "xrelease",
			"cs", "ds", "es", "ss", "fs", "gs", "{vex}", "{evex}":
			words = words[1:]
			continue
		}
		if strings.HasPrefix(w, "rex") {
			words = words[1:]
			continue
		}
		break
	}
	if len(words) == 0 {
		return text{}
	}
	t := text{mnemonic: words[0]}
	t.mnemonic, _, _ = strings.Cut(t.mnemonic, ",") // branch hints
	rest := strings.Join(words[1:], " ")
	depth, start := 0, 0
	for i := 0; i <= len(rest); i++ {
		if i == len(rest) || rest[i] == ',' && depth == 0 {
			if a := strings.TrimSpace(rest[start:i]); a != "" {
				t.args = append(t.args, parseArg(a))
			}
			start = i + 1
		} else if rest[i] == '(' {
			depth++
		} else if rest[i] == ')' {
			depth--
		}
	}
	if n := len(t.args); n == 2 && (t.args[0].s == "(%dx)" || t.args[1].s == "(%dx)") {
		for i := range t.args { // a port
			t.args[i].mem = false
		}
	}
	if len(t.args) == 1 && t.args[0].reg == RegNone && !t.args[0].mem && !t.args[0].imm && !t.args[0].ind {
		t.target, _ = strconv.ParseUint(strings.TrimPrefix(t.args[0].s, "0x"), 16, 64)
	}
	return t
}

func parseNumber(s string) int64 {
	neg := strings.HasPrefix(s, "-")
	n, _ := strconv.ParseUint(strings.TrimPrefix(s, "-"), 0, 64)
	if neg {
		return -int64(n)
	}
	return int64(n)
}

func parseArg(s string) arg {
	a := arg{s: s, reg: RegNone, base: RegNone, index: RegNone, scale: 1}
	s, a.ind = strings.CutPrefix(s, "*")
	if r, ok := gprs[strings.TrimPrefix(s, "%")]; ok && s[0] == '%' {
		a.reg, a.size, a.high = r.reg, r.size, r.high
		return a
	}
	if n, ok := strings.CutPrefix(s, "$"); ok {
		a.imm, a.value = true, parseNumber(n)
		return a
	}
	for _, seg := range []string{"%fs:", "%gs:", "%cs:", "%ds:", "%es:", "%ss:"} {
		if t, ok := strings.CutPrefix(s, seg); ok {
			s, a.seg, a.mem = t, seg[1] >= 'f', true
		}
	}
	disp, rest, ok := strings.Cut(s, "(")
	if !ok {
		if a.mem || a.ind {
			a.mem, a.value = true, parseNumber(s)
		} else if strings.HasPrefix(s, "0x") {
			a.value = parseNumber(s)
		}
		return a
	}
	if strings.HasPrefix(rest, "%st") || strings.Contains(s, "%st(") {
		return a
	}
	rest, _, _ = strings.Cut(rest, ")")
	a.mem, a.value = true, parseNumber(disp)
	parts := strings.Split(rest, ",")
	reg := func(s string) Reg {
		if r, ok := gprs[strings.TrimPrefix(s, "%")]; ok {
			return r.reg
		}
		if strings.HasPrefix(s, "%xmm") || strings.HasPrefix(s, "%ymm") || strings.HasPrefix(s, "%zmm") {
			a.vsib = true
		}
		return RegNone // none, or riz
	}
	a.base = reg(parts[0])
	if len(parts) > 1 {
		a.index = reg(parts[1])
	}
	if len(parts) > 2 && a.index != RegNone {
		a.scale, _ = strconv.Atoi(parts[2])
	}
	return a
}

// notWritten are the mnemonics that leave the last operand alone, by AT&T name.
var notWritten = map[string]bool{}

func init() {
	for _, n := range strings.Fields(`cmp cmpb cmpw cmpl cmpq test testb testw testl testq bt btw btl btq
		push pushw pushq call callw callq jmp jmpw jmpq lcall ljmp rex.W
		mul mulb mulw mull mulq imulb imulw imull imulq div divb divw divl divq idiv idivb idivw idivl idivq
		nop nopw nopl nopq prefetch prefetchw prefetchwt1 prefetchnta prefetcht0 prefetcht1 prefetcht2 prefetchit0 prefetchit1
		cldemote clflush clflushopt clwb ud0 ud1 out outsb outsl outsw
		lldt ltr verr verw lmsw lgdt lidt invlpg invept invvpid invpcid vmptrld vmxon vmwrite
		fxrstor fxrstor64 xrstor xrstor64 xrstors xrstors64 ldmxcsr vldmxcsr ptwrite ptwritel ptwriteq
		mwait mwaitx movdir64b enqcmd enqcmds
		fldcw fldenv frstor fldenvs frstors flds fldl fldt fild filds fildl fildll fbld
		fadds faddl fmuls fmull fcoms fcoml fcomps fcompl fsubs fsubl fsubrs fsubrl fdivs fdivl fdivrs fdivrl
		fiadds fiaddl fimuls fimull ficoms ficoml ficomps ficompl fisubs fisubl fisubrs fisubrl fidivs fidivl fidivrs fidivrl
		lods lodsb scas cmps cmpsb cmpsl cmpsq cmpsw
		wrfsbase wrgsbase umonitor umwait tpause incsspd incsspq senduipi llwpcb
		bndcl bndcu bndcn aesencwide128kl aesdecwide128kl aesencwide256kl aesdecwide256kl
		lwpins lwpval ldtilecfg
		vgatherpf0dps vgatherpf0dpd vgatherpf0qps vgatherpf0qpd vgatherpf1dps vgatherpf1dpd vgatherpf1qps vgatherpf1qpd
		vscatterpf0dps vscatterpf0dpd vscatterpf0qps vscatterpf0qpd vscatterpf1dps vscatterpf1dpd vscatterpf1qps vscatterpf1qpd`) {
		notWritten[n] = true
	}
}

// checkText compares what objdump says of the operands with the decoded instruction.
func checkText(in *Inst, s string) string {
	t := parseText(s)
	if in.Op == OpCall || in.Op == OpJmp || in.Op == OpJcc {
		if t.mnemonic == "xbeginw" { // objdump truncates the target, the manual says that it is not
			return ""
		}
		if uint64(in.Imm) != t.target {
			return "branch target"
		}
		return ""
	}
	if in.Op == OpNop || in.Op == OpTrap {
		return ""
	}
	special := strings.HasPrefix(t.mnemonic, "movs") && in.Op == OpString || in.Flags&FlagImpMem != 0 && in.Flags&FlagMem == 0
	oneImul := t.mnemonic == "imul" && len(t.args) == 1
	for i, a := range t.args {
		last := i == len(t.args)-1
		switch {
		case a.reg != RegNone:
			bit := uint16(1) << a.reg
			if (in.Def|in.Use)&bit == 0 {
				return "register " + a.s
			}
			if last && in.Def&bit == 0 && !notWritten[t.mnemonic] && !oneImul && in.Op != OpVec && in.Op != OpVecMov {
				return "destination " + a.s
			}
			if a.high && in.Flags&FlagHigh8 == 0 {
				return "high byte " + a.s
			}
		case a.mem && !special:
			if in.Flags&FlagMem == 0 {
				return "memory operand " + a.s
			}
			if in.Base == RIP {
				a.value += int64(in.PC) + int64(in.Len)
			}
			if in.Flags&FlagAddr32 != 0 && (in.Base == RIP || in.Base == RegNone) {
				a.value = int64(uint32(a.value))
				if int64(uint32(in.Disp)) != a.value {
					return "displacement"
				}
				a.value = in.Disp
			}
			if a.value != in.Disp {
				return "displacement"
			}
			if a.base != in.Base || a.index != in.Index || a.scale != int(in.Scale) && a.index != RegNone {
				return "address"
			}
			if a.seg != (in.Flags&FlagSeg != 0) && in.Op != OpLea {
				return "segment"
			}
			if a.vsib && in.Flags&(FlagImpMem|FlagMemAny) == 0 {
				return "vector index"
			}
			if last && in.Flags&FlagMemOut == 0 && !notWritten[t.mnemonic] && !a.ind {
				return "memory destination"
			}
		case a.imm && in.Flags&FlagImm != 0 && i == 0 && in.Op != OpShl && in.Op != OpShr && in.Op != OpSar &&
			in.Size > 0 && in.Size <= 8 && in.Op != OpVec && t.mnemonic != "enter" && t.mnemonic != "lwpins" && t.mnemonic != "lwpval":
			mask := ^uint64(0) >> (64 - 8*uint(in.Size))
			if uint64(a.value^in.Imm)&mask != 0 {
				return "immediate"
			}
		}
	}
	// The class, for the mnemonics that leave no doubt about it.
	name := t.mnemonic
	for _, a := range t.args {
		if a.s[0] == '%' && a.reg == RegNone && !a.mem {
			return "" // mov and movq have vector, control and segment registers too
		}
	}
	for _, suffix := range []string{"", "b", "w", "l", "q"} {
		base, ok := strings.CutSuffix(name, suffix)
		if op, known := classOf[base]; ok && known {
			switch {
			case base == "imul" && len(t.args) == 3:
				op = OpImul3
			case base == "imul":
				op = OpOther
			case base == "movsb" || base == "movsw":
				if len(t.args) == 2 && t.args[0].mem && t.args[1].mem {
					op = OpString
				}
			}
			if in.Op != op {
				return "class of " + name
			}
			if op == OpPush || op == OpPop {
				break
			}
			if msg := checkOperands(in, op, t.args); msg != "" {
				return msg
			}
			break
		}
	}
	return ""
}

var classOf = map[string]Op{
	"mov": OpMov, "movabs": OpMov, "lea": OpLea, "add": OpAdd, "sub": OpSub, "and": OpAnd, "or": OpOr, "xor": OpXor,
	"inc": OpInc, "dec": OpDec, "neg": OpNeg, "not": OpNot, "shl": OpShl, "shr": OpShr, "sar": OpSar,
	"imul": OpImul3, "cmp": OpCmp, "test": OpTest, "xchg": OpXchg, "cmpxchg": OpCmpxchg, "xadd": OpXadd,
	"movzb": OpMovzx, "movzw": OpMovzx, "movsb": OpMovsx, "movsw": OpMovsx, "movslq": OpMovsx,
	"push": OpPush, "pop": OpPop, "leave": OpLeave, "ret": OpRet, "syscall": OpSyscall, "hlt": OpTrap, "ud2": OpTrap,
	"mul": OpOther, "div": OpOther, "adc": OpOther, "sbb": OpOther, "ror": OpOther, "rol": OpOther,
	"cltq": OpMovsx, "cwtl": OpMovsx, "cbtw": OpMovsx, "cqto": OpOther,
}

// checkOperands compares Dst and Src, registers and sizes, with AT&T operands (source first).
func checkOperands(in *Inst, op Op, args []arg) string {
	switch op {
	case OpOther, OpMovsx, OpString, OpRet, OpLeave, OpSyscall, OpTrap, OpImul3:
		if op != OpImul3 && (op != OpMovsx || len(args) != 2) {
			return ""
		}
	}
	var dst, src arg
	dst.reg, src.reg = RegNone, RegNone
	switch len(args) {
	case 1:
		dst = args[0]
	case 2:
		src, dst = args[0], args[1]
		if op == OpCmp || op == OpTest || op == OpXchg {
			// Either order may be printed.
			if !src.imm && src.reg == in.Dst && dst.reg == in.Src {
				src, dst = dst, src
			}
		}
	case 3:
		src, dst = args[1], args[2]
	}
	if dst.reg != in.Dst {
		return "dst"
	}
	if op == OpShl || op == OpShr || op == OpSar {
		if len(args) == 2 && src.reg != in.Src {
			return "count"
		}
	} else if src.reg != in.Src {
		return "src"
	}
	if src.imm != (in.Flags&FlagImm != 0) && op != OpShl && op != OpShr && op != OpSar && op != OpImul3 {
		return "imm"
	}
	if dst.reg != RegNone && dst.size != int(in.Size) {
		return "size"
	}
	if op == OpMovzx || op == OpMovsx {
		if src.reg != RegNone && src.size != int(in.SrcSize) || src.mem && in.MemSize != in.SrcSize {
			return "source size"
		}
	} else if src.mem && op != OpLea && in.MemSize != in.Size || dst.mem && in.MemSize != in.Size {
		return "memory size"
	}
	return ""
}

// fwait reports whether objdump took an fwait for a prefix, as assemblers' mnemonics do.
func fwait(code []byte) bool {
	for len(code) > 1 {
		if code[0] == 0x9b {
			return true
		}
		if code[0]&0xf0 != 0x40 && code[0] != 0x66 && code[0]|1 != 0xf3 {
			break
		}
		code = code[1:]
	}
	return false
}

// TestObjdump compares boundaries and operands with objdump's over whole binaries.
func TestObjdump(t *testing.T) {
	for _, b := range binaries {
		t.Run(b.paths[0][strings.LastIndexByte(b.paths[0], '/')+1:], func(t *testing.T) {
			t.Parallel()
			path, secs := openBinary(t, b.paths)
			data := map[*elf.Section][]byte{}
			var total, differ int
			seen := map[string]int{} // a few examples of each kind are enough
			var in Inst
			var sec *elf.Section
			var held listed
			objdump(t, func(l listed) {
				// A prefix that another makes idle is printed as a line of its own.
				if held.n > 0 && held.pc+uint64(held.n) == l.pc {
					l.pc, l.n = held.pc, held.n+l.n
				}
				held = listed{}
				if prefixOnly(l.text) {
					held = l
					return
				}
				if sec == nil || l.pc-sec.Addr >= sec.Size {
					for _, s := range secs {
						if l.pc-s.Addr < s.Size {
							sec = s
						}
					}
					if data[sec] == nil {
						d, err := sec.Data()
						if err != nil {
							t.Fatal(err)
						}
						data[sec] = d
					}
				}
				code := data[sec][l.pc-sec.Addr:]
				if strings.HasPrefix(l.text, ".byte") || fwait(code[:l.n]) {
					return // cut by a symbol; an fwait printed as a part of the next instruction
				}
				total++
				ok := Decode(code, l.pc, &in)
				msg := ""
				switch bad := strings.Contains(l.text, "(bad)"); {
				case bad == ok:
					if !b.data {
						msg = "validity"
					}
				case !ok:
				case int(in.Len) != l.n:
					msg = "length"
				default:
					msg = checkText(&in, l.text)
				}
				if msg != "" {
					differ++
					kind := msg + parseText(l.text).mnemonic
					if seen[kind]++; seen[kind] <= 2 && len(seen) < 40 {
						t.Errorf("%s: %x: % x: objdump %d %q, Decode %v %s", msg, l.pc, code[:min(len(code), l.n)], l.n, l.text, ok, &in)
					}
				}
			}, "-d", path)
			t.Logf("%s: %d instructions, %d differ", path, total, differ)
		})
	}
}

var full = flag.Bool("full", false, "compare all encodings with objdump's, not a sample")

// TestOpcodeSpace compares with objdump over all opcodes of all maps, with all prefixes
// that choose among them. objdump rejects more reserved encodings than Decode, and newer
// extensions that it does not know; only the lengths and operands of what both accept must
// agree. With -full it logs the opcodes of which only one of them accepts any encoding.
func TestOpcodeSpace(t *testing.T) {
	const slot = 16
	var code []byte
	var names []string
	n := 0
	add := func(name string, b ...byte) {
		if n++; n%11 != 0 && !*full {
			return
		}
		names = append(names, name)
		code = append(code, b...)
		for range slot - len(b) {
			code = append(code, 0x90)
		}
	}
	// Every ModRM.reg with a memory operand and every second byte of the register form.
	var modrm []byte
	for m := range 8 {
		modrm = append(modrm, byte(m<<3|0x41))
	}
	for m := 0xc0; m < 0x100; m++ {
		modrm = append(modrm, byte(m))
	}
	// For maps in which ModRM.reg is rarely a part of the opcode.
	short := []byte{0x41, 0x4a, 0xc1, 0xca}
	legacy := [][]byte{{}, {0x66}, {0xf3}, {0xf2}, {0x48}, {0x4d}, {0x66, 0x48}, {0x66, 0xf2}}
	for o := range 256 {
		if opcodes[o]&opRare != 0 && o != 0x8f && o&0xf8 != 0xd8 {
			continue
		}
		for _, p := range legacy {
			for _, m := range modrm {
				add("1", append(append([]byte{}, p...), byte(o), m, 0x11, 0x22)...)
			}
		}
	}
	for o := range 256 {
		for _, p := range legacy {
			for _, m := range modrm {
				if o != 0x38 && o != 0x3a {
					add("0f", append(append([]byte{}, p...), 0x0f, byte(o), m, 0x11, 0x22)...)
				}
			}
			for _, m := range append(short, 0xd1, 0xe1, 0x61, 0xc0) {
				add("38", append(append([]byte{}, p...), 0x0f, 0x38, byte(o), m, 0x11, 0x22)...)
				add("3a", append(append([]byte{}, p...), 0x0f, 0x3a, byte(o), m, 0x11, 0x22)...)
			}
		}
		for _, m := range append(short, 0x51, 0xd1, 0x59, 0xd9, 0x61, 0xe1, 0x71, 0xf1, 0x79, 0xf9, 0xc0) {
			for _, v := range []byte{0, 11} {
				for wlp := range 16 {
					b := byte(wlp&8)<<4 | ^v&15<<3 | byte(wlp&7)
					for mm := 1; mm <= 3; mm++ {
						add("v"+strconv.Itoa(mm), 0xc4, 0xe0|byte(mm), b, byte(o), m, 0x11, 0x22)
					}
					if wlp&7 == 0 {
						for mm := 8; mm <= 10; mm++ {
							add("x"+strconv.FormatInt(int64(mm), 16), 0x8f, 0xe0|byte(mm), b, byte(o), m, 0x11, 0x22)
						}
					}
				}
			}
		}
		for _, m := range append(short, 0x51, 0xd1, 0x61, 0xe1, 0x71, 0xf1, 0x44) {
			for wp := range 8 {
				b := byte(wp&4)<<5 | 0x7c | byte(wp&3)
				for _, mm := range []byte{1, 2, 3, 5, 6} {
					for _, lb := range []byte{0x08, 0x48, 0x49, 0x58} {
						if lb&0x10 != 0 && m >= 0xc0 {
							continue
						}
						add("e"+strconv.Itoa(int(mm)), 0x62, 0xf0|mm, b, lb, byte(o), m, 0x11, 0x22)
					}
				}
			}
		}
	}
	file := t.TempDir() + "/code"
	if err := os.WriteFile(file, code, 0o666); err != nil {
		t.Fatal(err)
	}
	var total, both int
	var in Inst
	var held listed
	type key struct {
		m  string
		pp int
		op byte
	}
	accept := [2]map[key]int{{}, {}} // by us, by objdump
	example := map[key]string{}
	objdump(t, func(l listed) {
		if held.n > 0 && held.pc+uint64(held.n) == l.pc {
			l.pc, l.n = held.pc, held.n+l.n
		}
		held = listed{}
		if l.pc%slot != 0 {
			return
		}
		if prefixOnly(l.text) {
			held = l
			return
		}
		total++
		name := names[l.pc/slot]
		b := code[l.pc : l.pc+slot]
		ok, valid := Decode(b, l.pc, &in), !strings.Contains(l.text, "(bad)") && !strings.Contains(l.text, "{bad}")
		i, pp := 0, 0
		for b[i]&0xf0 == 0x40 || b[i] == 0x66 || b[i]|1 == 0xf3 {
			if b[i]&0xf0 != 0x40 {
				pp = max(pp, map[byte]int{0x66: 1, 0xf3: 2, 0xf2: 3}[b[i]])
			}
			i++
		}
		k := key{name, pp, b[i+map[byte]int{'1': 0, '0': 1, '3': 2, 'v': 3, 'x': 3, 'e': 4}[name[0]]]}
		switch name[0] {
		case '1':
			k.pp = 0
		case 'v', 'x', 'e':
			k.pp = int(b[2] & 3)
		}
		if fwait(b[:l.n]) {
			return
		}
		if _, known := example[k]; !known || ok != valid {
			example[k] = fmt.Sprintf("% x: objdump %q, Decode %v", b[:8], l.text, ok)
		}
		if ok {
			accept[0][k]++
		}
		if valid {
			accept[1][k]++
		}
		if !ok || !valid {
			return
		}
		both++
		msg := "length"
		if int(in.Len) == l.n {
			msg = checkText(&in, l.text)
		}
		if strings.HasPrefix(l.text, "vpmov") && strings.Contains(l.text, "{1to") {
			return // they cannot broadcast
		}
		if msg != "" {
			t.Errorf("%s: map %s % x: objdump %d %q, Decode %v %s", msg, name, b[:10], l.n, l.text, ok, &in)
		}
	}, "-D", "-b", "binary", "-m", "i386:x86-64", file)
	for k, e := range example {
		if *full && (accept[0][k] > 0) != (accept[1][k] > 0) {
			t.Logf("%s pp=%d %02x: %d by us, %d by objdump: %s", k.m, k.pp, k.op, accept[0][k], accept[1][k], e)
		}
	}
	t.Logf("%d encodings, %d accepted by both", total, both)
}
