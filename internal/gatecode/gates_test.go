package gatecode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/x86"
)

func prologue(t *testing.T, addr uint64) *relocate.Prologue {
	t.Helper()
	p, err := relocate.Cut([]byte{0x55, 0x48, 0x89, 0xe5, 0x90, 0xc3}, addr, 6, relocate.NewTargets(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func input(t *testing.T) *Input {
	in := &Input{Code: 0x300000, Data: 0x200000, Names: []string{"core", "net", "bad\x1bname"}, First: 1,
		Errno: Errno{Function: 0x100f00}, Terminate: 0x100e00, Entries: 16}
	for i, h := range []Hook{
		{Name: "check", Check: true, Denied: 6, Call: "open"},
		{Name: "check_errno", Check: true, Denied: 4, Call: "open", Errno: true},
		{Name: "exit", Check: true, Denied: 2, Call: "exit", NoReturn: true},
		{Name: "nobody", Check: true},
		{Name: "gate", Gate: true, Bit: 1},
		{Name: "high", Gate: true, Bit: 31},
		{Name: "both", Gate: true, Bit: 2, Check: true, Denied: 2, Call: "read"},
		{Name: "irq", Special: Handler},
		{Name: "switch", Special: Switch},
		{Name: "add", Special: ThreadAdd, Offset: 16},
		{Name: "jump", Special: LongJump, Offset: 48},
		{Name: "jump2", Special: LongJump, Offset: 56},
	} {
		h.Prologue = prologue(t, 0x100000+uint64(16*i))
		in.Hooks = append(in.Hooks, h)
	}
	return in
}

// All code decodes, and each branch leads to an instruction of it, or to a function that it was given.
func TestGenerate(t *testing.T) {
	for _, denial := range []Denial{EPERM, ENOSYS, Crash} {
		for _, errno := range []Errno{{Function: 0x100f00}, {TLS: true, Offset: -64}, {Address: 0x110000}, {}} {
			in := input(t)
			in.OnDeny, in.Errno = denial, errno
			out, err := Generate(in)
			if err != nil {
				t.Fatal(err)
			}
			end := bytes.Index(out.Code, []byte("open\x00")) // where the texts start
			if end < 0 {
				end = bytes.Index(out.Code, []byte("exit\x00"))
			}
			starts := map[uint64]bool{0x100f00: errno.Function != 0, 0x100e00: true}
			for _, h := range in.Hooks {
				starts[h.Prologue.Resume()] = true
			}
			var targets []uint64
			var d x86.Inst
			for at := 0; at < end; at += int(d.Len) {
				if !x86.Decode(out.Code[at:end], in.Code+uint64(at), &d) {
					t.Fatalf("% x at %#x is no instruction", out.Code[at:min(end, at+16)], at)
				}
				starts[d.PC] = true
				switch {
				case d.Op == x86.OpJmp || d.Op == x86.OpJcc || d.Op == x86.OpCall:
					targets = append(targets, uint64(d.Imm))
				case d.Base == x86.RIP:
					to := uint64(d.Disp)
					inData := to >= in.Data && to <= in.Data+out.DataMem
					if !inData && (to < in.Code || to >= in.Code+uint64(len(out.Code))) && to != errno.Address {
						t.Errorf("%v", &d)
					}
				}
			}
			for _, to := range targets {
				if !starts[to] {
					t.Errorf("a branch leads to %#x", to)
				}
			}
			for i, p := range out.Patches {
				to := p.Addr + 5 + uint64(int64(int32(binary.LittleEndian.Uint32(p.Bytes[1:]))))
				if p.Addr != in.Hooks[i].Prologue.Addr || len(p.Bytes) != 5 || p.Bytes[0] != 0xe9 || to != out.At[i] || !starts[to] {
					t.Errorf("%s: % x, to %#x", in.Hooks[i].Name, p.Bytes, to)
				}
			}
			if bytes.Contains(out.Code, []byte{0x1b}) && bytes.Contains(out.Code, []byte("bad\x1b")) {
				t.Error("a name goes to the console as it is")
			}
			if out.DataMem != 64+2048+16*32 || len(out.Data) != 32 || binary.LittleEndian.Uint64(out.Data) != 1 {
				t.Errorf("data %d, % x", out.DataMem, out.Data)
			}
			if len(out.Frames(0))%8 != 0 {
				t.Error("frames are not aligned")
			}
		}
	}
}

func TestGenerateErrors(t *testing.T) {
	in := input(t)
	in.Code = 1 << 40
	if _, err := Generate(in); !errors.Is(err, relocate.FarOperand) && !strings.Contains(err.Error(), "too far") {
		t.Error(err)
	}
	in = input(t)
	in.Hooks[4].Bit = 32
	if _, err := Generate(in); err == nil {
		t.Error("compartment 32 is taken")
	}
	a := newAsm(0)
	a.label("x")
	a.label("x")
	if _, err := a.finish(); err == nil {
		t.Error("a label twice")
	}
	a = newAsm(0)
	a.jmp("nowhere")
	if _, err := a.finish(); err == nil {
		t.Error("no label")
	}
	a = newAsm(0)
	a.op("zz")
	if _, err := a.finish(); err == nil {
		t.Error("no hex")
	}
}
