package x86

import (
	"encoding/csv"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

func parseRegs(t *testing.T, s string) uint16 {
	var m uint16
	for _, n := range strings.Fields(s) {
		if n == "all" {
			return 0xffff
		}
		r, ok := gprs[n]
		if !ok {
			t.Fatalf("no register %q", n)
		}
		m |= 1 << r.reg
	}
	return m
}

// TestImplicit checks registers that instructions use without naming them. Def must
// be what the manual says and no more; Use may hold more.
func TestImplicit(t *testing.T) {
	text, err := os.ReadFile("testdata/implicit.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Split(line, "|")
		if len(f) < 4 {
			continue
		}
		code, err := hex.DecodeString(strings.ReplaceAll(f[0], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		def, use := parseRegs(t, f[1]), parseRegs(t, f[2])
		var in Inst
		if !Decode(code, 0x1000, &in) || int(in.Len) != len(code) {
			t.Errorf("line %d: % x (%s): %s", i+1, code, strings.TrimSpace(f[3]), &in)
			continue
		}
		if in.Def != def {
			t.Errorf("line %d: % x (%s): writes %s, want %s", i+1, code, strings.TrimSpace(f[3]), regSet(in.Def), regSet(def))
		}
		if use&^in.Use != 0 {
			t.Errorf("line %d: % x (%s): reads %s, want %s", i+1, code, strings.TrimSpace(f[3]), regSet(in.Use), regSet(use))
		}
	}
}

// module returns the directory of a module, which tests read but the program does not need.
func module(t *testing.T, path string) string {
	t.Helper()
	out, err := bounded.Command(t, "go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("module %s is not there: %v", path, err)
	}
	return dir
}

// The registers that the generated encodings use: all different, none of them
// special in any instruction but rsi and rdi in string operations.
const (
	testReg    = 2 // ModRM.reg: rdx
	testRm     = 6 // ModRM.rm: rsi
	testVvvv   = 5 // vvvv: rbp
	testOpcode = 7 // low bits of the opcode: rdi
)

// encode turns an encoding of the instruction list ("REX.W 0F B1 /r") into bytes.
// memory chooses between a memory and a register operand.
func encode(enc string, operand16, memory bool) ([]byte, bool) {
	if strings.Contains(enc, "+ ") || strings.Contains(enc, "cm") {
		return nil, false
	}
	var prefix, out, tail []byte
	var rex byte
	modrm := byte(testRm)
	if !memory {
		modrm |= 0xc0
	}
	modrm |= testReg << 3
	hasModRM := false
	fields := strings.Fields(enc)
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		switch {
		case strings.HasPrefix(f, "VEX."):
			parts := strings.Split(f, ".")
			mm, pp, l, w := byte(1), byte(0), byte(0), byte(0)
			vvvv := byte(0)
			for _, p := range parts[1:] {
				switch p {
				case "NDS", "NDD", "DDS":
					vvvv = testVvvv
				case "66":
					pp = 1
				case "F3":
					pp = 2
				case "F2":
					pp = 3
				case "0F":
					mm = 1
				case "0F38":
					mm = 2
				case "0F3A":
					mm = 3
				case "256":
					l = 1
				case "W1":
					w = 1
				}
			}
			prefix = append(prefix, 0xc4, 0xe0|mm, w<<7|^vvvv&15<<3|l<<2|pp)
		case f == "REX.W":
			rex |= 0x48
		case f == "REX":
			rex |= 0x40
		case f == "/r":
			hasModRM = true
		case f == "/is4":
			tail = append(tail, 0x10)
		case len(f) == 2 && f[0] == '/':
			hasModRM = true
			modrm = modrm&^0x38 | (f[1]-'0')<<3
		case f == "ib" || f == "cb":
			tail = append(tail, 1)
		case f == "iw" || f == "cw":
			tail = append(tail, 1, 2)
		case f == "id" || f == "cd":
			tail = append(tail, 1, 2, 3, 4)
		case f == "io":
			tail = append(tail, 1, 2, 3, 4, 5, 6, 7, 8)
		default:
			h, plus, ok := strings.Cut(f, "+")
			n, err := strconv.ParseUint(h, 16, 8)
			if err != nil {
				return nil, false
			}
			b := byte(n)
			if ok {
				if plus == "i" {
					b += 1
				} else {
					b += testOpcode
				}
			}
			if len(out) == 0 && rex == 0 && (b == 0x66 || b == 0xf2 || b == 0xf3) && i+1 < len(fields) {
				prefix = append(prefix, b)
			} else {
				out = append(out, b)
			}
		}
	}
	var code []byte
	if operand16 {
		code = append(code, 0x66)
	}
	code = append(code, prefix...)
	if rex != 0 {
		code = append(code, rex)
	}
	code = append(code, out...)
	if hasModRM {
		code = append(code, modrm)
	}
	return append(code, tail...), true
}

// listError reports where the instruction list, made from a manual of 2015 by a program, is wrong
// or where we follow another source.
func listError(syntax, enc, access string) bool {
	name, _, _ := strings.Cut(syntax, " ")
	switch {
	case name == "DIV" || name == "IDIV" || name == "IMUL" && !strings.Contains(syntax, ","):
		return access == "w" // the operand is only read
	case name == "IMUL" && strings.Contains(syntax, "imm"):
		return access == "r" // the destination is only written
	case strings.HasPrefix(name, "SET"):
		return access == "r" // the operand is only written
	case syntax == "MOV r/m32, Sreg" || syntax == "MOVSXD r16, r/m32":
		return access == "size" // memory has 16 bits
	case name == "UD1":
		return access == "length" // has a ModRM byte on most processors, and for objdump
	}
	return false
}

// TestInstructionList checks Def, Use and the memory flags against Go's list of the
// instructions of Intel's manual, which says of each operand whether it is read or written.
func TestInstructionList(t *testing.T) {
	f, err := os.Open(filepath.Join(module(t, "golang.org/x/arch"), "x86", "x86.v0.2.csv"))
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	checked, operands := 0, 0
	for _, row := range rows {
		// Intel syntax, Go syntax, GNU syntax, encoding, 32-bit, 64-bit, feature, tags, actions ...
		syntax, enc, tags, actions := row[0], row[3], row[7], strings.Split(row[8], ",")
		if row[5] != "V" || strings.Contains(tags, "pseudo") && !strings.Contains(tags, "pseudo64") {
			continue
		}
		name, list, _ := strings.Cut(syntax, " ")
		var args []string
		if list != "" {
			for _, a := range strings.Split(list, ",") {
				args = append(args, strings.TrimSpace(a))
			}
		}
		// A branch with an operand size prefix is another one for AMD (see the package comment).
		operand16 := strings.Contains(tags, "operand16") && !strings.Contains(tags, "operand32") && !strings.Contains(list, "rel32")
		onlyMem, hasMem := false, false
		for _, a := range args {
			onlyMem = onlyMem || onlyMemory(a)
			hasMem = hasMem || onlyMemory(a) || strings.Contains(a, "/m")
		}
		for _, memory := range []bool{false, true} {
			if memory && !hasMem || !memory && onlyMem || memory && strings.Contains(tags, "modrm_regonly") {
				continue
			}
			code, ok := encode(enc, operand16, memory)
			if !ok {
				continue
			}
			var in Inst
			if !Decode(code, 0x1000, &in) || int(in.Len) != len(code) {
				if !listError(syntax, enc, "length") {
					t.Errorf("%s (%s): % x: %s", syntax, enc, code, &in)
				}
				continue
			}
			checked++
			for i, a := range args {
				if i >= len(actions) {
					break
				}
				reads := strings.Contains(actions[i], "r") && !listError(syntax, enc, "r")
				writes := strings.Contains(actions[i], "w") && !listError(syntax, enc, "w")
				reg := RegNone
				isMem := false
				switch base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(a, "8"), "16"), "32"), "64"); {
				case a == "AL" || a == "AX" || a == "EAX" || a == "RAX":
					reg = RAX
				case a == "CL":
					reg = RCX
				case a == "DX":
					reg = RDX
				case a == "r8V" || a == "r16V" || a == "r32V" || a == "r64V":
					reg = testVvvv
				case a == "r8op" || a == "r16op" || a == "r32op" || a == "r64op":
					reg = testOpcode
				case base == "rmr":
					reg = testRm
				case base == "r":
					reg = testReg
				case strings.HasPrefix(a, "r/m") || strings.HasPrefix(a, "r32/m") || strings.HasPrefix(a, "r64/m"):
					if reg = testRm; memory {
						reg, isMem = RegNone, true
					}
				case onlyMemory(a):
					isMem = true
				case strings.Contains(a, "/m"):
					isMem = memory
				default:
					continue
				}
				operands++
				if reg != RegNone {
					if strings.HasPrefix(a, "r8") || a == "r/m8" {
						if in.Flags&FlagHigh8 != 0 {
							reg &= 3
						}
					}
					if writes && in.Def>>reg&1 == 0 {
						t.Errorf("%s: % x: %s does not write %s", syntax, code, &in, a)
					}
					if reads && in.Use>>reg&1 == 0 && in.Op != OpNop {
						t.Errorf("%s: % x: %s does not read %s", syntax, code, &in, a)
					}
				}
				if isMem && in.Op != OpNop && in.Op != OpLea {
					if in.Flags&FlagMem == 0 {
						t.Errorf("%s: % x: %s has no memory operand", syntax, code, &in)
					}
					if writes && in.Flags&FlagMemOut == 0 {
						t.Errorf("%s: % x: %s does not write %s", syntax, code, &in, a)
					}
					if reads && in.Flags&FlagMemIn == 0 && !addressOnly[name] {
						t.Errorf("%s: % x: %s does not read %s", syntax, code, &in, a)
					}
					if n := memoryBytes(a); n > 0 && in.Flags&FlagMemAny == 0 && int(in.MemSize) != n && !listError(syntax, enc, "size") {
						t.Errorf("%s: % x: %s: %d bytes of memory, want %d", syntax, code, &in, in.MemSize, n)
					}
				}
			}
		}
	}
	t.Logf("%d encodings, %d operands", checked, operands)
	if checked < 1500 {
		t.Errorf("only %d encodings checked", checked)
	}
}

// onlyMemory reports whether an operand of the instruction list has no register form.
func onlyMemory(a string) bool {
	return a[0] == 'm' && !strings.HasPrefix(a, "mm") && !strings.HasPrefix(a, "moffs")
}

// memoryBytes is the size in an operand such as "xmm2/m128" or "m64fp".
func memoryBytes(a string) int {
	i := strings.LastIndexByte(a, 'm')
	n := 0
	for _, c := range a[i+1:] {
		if c < '0' || c > '9' {
			if c == 'f' || c == 'i' || c == 'd' || c == 'b' { // fp, int, dec, bcd, byte
				break
			}
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if strings.HasSuffix(a, "byte") {
		return n
	}
	if strings.ContainsAny(a, ":&") {
		return 0
	}
	return n / 8
}

var addressOnly = map[string]bool{"INVLPG": true, "CLFLUSH": true, "CLFLUSHOPT": true, "PREFETCHT0": true}
