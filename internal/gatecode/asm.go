package gatecode

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// asm collects machine code that will lie at base. Labels and symbols are
// addresses by name; references to them are filled in by finish. The first error sticks.
type asm struct {
	base    uint64
	code    []byte
	syms    map[string]uint64
	fixups  []fixup
	changes []uint64 // addresses of wrpkru and xrstor
	err     error
}

// fixup is a 32-bit displacement at an offset of the code, relative to end.
type fixup struct {
	at, end int
	sym     string
}

func newAsm(base uint64) *asm { return &asm{base: base, syms: map[string]uint64{}} }

func (a *asm) pc() uint64 { return a.base + uint64(len(a.code)) }

// label gives the next byte a name.
func (a *asm) label(name string) {
	if _, ok := a.syms[name]; ok {
		a.fail(fmt.Errorf("label %s twice", name))
	}
	a.syms[name] = a.pc()
}

func (a *asm) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// op appends instructions: bytes in hex; "@name" stands for four bytes, the distance
// to name from the end of the instruction, which is where the string ends; "$" for imm, four bytes.
func (a *asm) op(text string, imm ...uint32) {
	start := len(a.fixups)
	for _, word := range strings.Fields(text) {
		switch {
		case word[0] == '@':
			a.fixups = append(a.fixups, fixup{at: len(a.code), sym: word[1:]})
			a.code = append(a.code, 0, 0, 0, 0)
		case word == "$":
			a.code = binary.LittleEndian.AppendUint32(a.code, imm[0])
			imm = imm[1:]
		default:
			if word == "0f01ef" {
				a.changes = append(a.changes, a.pc())
			}
			b, err := hex.DecodeString(word)
			if err != nil {
				a.fail(err)
			}
			a.code = append(a.code, b...)
		}
	}
	for i := start; i < len(a.fixups); i++ {
		a.fixups[i].end = len(a.code)
	}
}

func (a *asm) call(sym string)           { a.op("e8 @" + sym) }
func (a *asm) jmp(sym string)            { a.op("e9 @" + sym) }
func (a *asm) jcc(cc byte, sym string)   { a.op(fmt.Sprintf("0f %02x @%s", 0x80|cc, sym)) }
func (a *asm) define(n string, v uint64) { a.syms[n] = v }

// Conditions as the hardware encodes them.
const (
	ccB, ccAE, ccE, ccNE, ccBE, ccA = 2, 3, 4, 5, 6, 7
)

// align pads with int3 to a multiple of n.
func (a *asm) align(n int) {
	for len(a.code)%n != 0 {
		a.code = append(a.code, 0xcc)
	}
}

// finish fills in the references.
func (a *asm) finish() ([]byte, error) {
	for _, f := range a.fixups {
		to, ok := a.syms[f.sym]
		d := int64(to) - int64(a.base) - int64(f.end)
		switch {
		case !ok:
			a.fail(fmt.Errorf("no label %s", f.sym))
		case d != int64(int32(d)):
			a.fail(fmt.Errorf("%s is too far away", f.sym))
		}
		binary.LittleEndian.PutUint32(a.code[f.at:], uint32(d))
	}
	return a.code, a.err
}
