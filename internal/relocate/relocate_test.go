package relocate

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/x86"
)

// code reads hex with blanks.
func code(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const from, to = 0x400000, 0x500000

var cases = []struct {
	name     string
	code     string // of the function and what follows
	size     uint64 // 0: all
	branches []uint64
	maybe    []uint64
	err      error
	want     string // where it is moved
}{
	{name: "plain", code: "55 4889e5 4883ec10 c3", want: "55 4889e5 4883ec10 e9 fbffefff"},
	{name: "exactly five", code: "b801000000 c3", want: "b801000000 e9 fbffefff"},
	{name: "operand relative to rip", code: "488b0510000000 c3", want: "488b051000f0ff e9 fbffefff"},
	{name: "with an immediate behind", code: "c7051000000078563412 c3", want: "c7051000f0ff78563412 e9 fbffefff"},
	{name: "one byte behind", code: "803d1000000007 90 c3", want: "803d1000f0ff07 e9 fbffefff"},
	{name: "vex", code: "c5fa7e0510000000 c3", want: "c5fa7e051000f0ff e9 fbffefff"},
	{name: "evex", code: "62f17c48280510000000 c3", want: "62f17c4828051000f0ff e9 fbffefff"},
	{name: "0f 3a", code: "660f3a0f050000000008 c3", want: "660f3a0f050000f0ff08 e9 fbffefff"},
	{name: "short jcc out", code: "4885ff 7405 b801000000 c3 31c0 c3", want: "4885ff 0f840100f0ff e9 f7ffefff"},
	{name: "near jcc", code: "85ff 0f8500010000 c3", want: "85ff 0f850001f0ff e9 fbffefff"},
	{name: "short jmp out", code: "31c0 eb10 9090 c3", want: "31c0 e90d00f0ff 90 e9 f8ffefff"},
	{name: "near jmp", code: "e900010000 c3", want: "e90001f0ff"},
	{name: "call", code: "e800010000 c3", want: "e80001f0ff e9 fbffefff"},
	{name: "jmp with a hint", code: "3e7510 9090 c3", want: "0f850d00f0ff 9090 e9 f8ffefff"},
	{name: "jrcxz", code: "e310 90 9090 c3", want: "e302 eb05 e90900f0ff 909090 e9f4ffefff"},
	{name: "loop", code: "ffc0 e210 90 c3", want: "ffc0 e202 eb05 e90900f0ff 90 e9f4ffefff"},
	{name: "jecxz", code: "67e310 90 90 c3", want: "67e302 eb05 e90900f0ff 9090 e9f4ffefff"},
	{name: "jmp to its start", code: "ffc7 ebfc 90 c3", want: "ffc7 e9f9ffefff 90 e9f8ffefff"},
	{name: "indirect jmp at the end", code: "ff2510000000", want: "ff251000f0ff"},
	{name: "short, padded", code: "31c0 c3 0f1f4000", size: 3, want: "31c0 c3"},
	{name: "one byte, padded", code: "c3 66662e0f1f8400", size: 1, want: "c3"},
	{name: "short, jump, zeros", code: "eb10 000000", size: 2, want: "e90d00f0ff"},
	{name: "jump into a second function", code: "eb03 c3 9090 31c0 c3", want: "e90000f0ff c3 9090 e9 f8ffefff"},

	{name: "short", code: "31c0 c3 31c0 c3", size: 3, err: Short},
	{name: "short, falls through", code: "31c0 909090", size: 2, err: Short},
	{name: "cut at the end of memory", code: "31c0 c3", err: Outside},
	{name: "not an instruction", code: "06 90909090", err: Undecoded},
	{name: "over its end", code: "90 b8010000 00", size: 5, err: Undecoded},
	{name: "loop into itself", code: "90 4883c701 ebf9 c3", branches: []uint64{from + 1}, err: Target},
	{name: "symbol inside an instruction", code: "b801000000 c3", branches: []uint64{from + 3}, err: Target},
	{name: "table entry", code: "90 4883c701 c3", maybe: []uint64{from + 1}, err: Target},
	{name: "a word like an address inside an instruction", code: "b801000000 c3", maybe: []uint64{from + 3}, want: "b801000000 e9 fbffefff"},
	{name: "what follows is a target", code: "b801000000 c3", branches: []uint64{from, from + 5}, want: "b801000000 e9 fbffefff"},
	{name: "16-bit jump", code: "66e91000 90 c3", err: Odd},
	{name: "transaction", code: "c7f810000000 c3", err: Odd},
	{name: "relative to eip", code: "67488b0510000000 c3", err: Odd},
}

func TestCut(t *testing.T) {
	for _, c := range cases {
		b := code(t, c.code)
		size := c.size
		if size == 0 {
			size = uint64(len(b))
		}
		p, err := Cut(b, from, size, NewTargets(c.branches, c.maybe))
		if !errors.Is(err, c.err) || err != nil && c.err == nil {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
			continue
		}
		if err != nil {
			if p != nil {
				t.Errorf("%s: both an error and a result", c.name)
			}
			continue
		}
		got, err := p.AppendTo([]byte("x"), to)
		if err != nil || hex.EncodeToString(got[1:]) != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("%s: %x %v, want %s", c.name, got[1:], err, c.want)
		}
	}
}

func TestFar(t *testing.T) {
	for _, s := range []string{"488b0510000000", "e900000000", "7400 909090", "55 4889e5 90"} {
		p, err := Cut(code(t, s), from, 7, NewTargets(nil, nil))
		if len(code(t, s)) < 7 {
			p, err = Cut(code(t, s), from, 5, NewTargets(nil, nil))
		}
		if err != nil {
			t.Fatal(err)
		}
		if out, err := p.AppendTo(nil, 1<<40); !errors.Is(err, FarOperand) || out != nil {
			t.Errorf("%s: %x %v", s, out, err)
		}
	}
}

// program is the functions of a real file, by its unwind table.
type program struct {
	name    string
	file    *image.File
	targets *Targets
}

var programs = []string{"/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/redis-server", "/usr/sbin/nginx", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"}

func openPrograms(t testing.TB) []program {
	var out []program
	for _, path := range programs {
		f, err := image.Open(path)
		if err != nil {
			t.Log(err)
			continue
		}
		t.Cleanup(func() { f.Close() })
		var branches []uint64
		var in x86.Inst
		for _, d := range f.FDEs {
			branches = append(branches, d.Start)
			b := f.Bytes(d.Start)
			for at := uint64(0); d.Start+at < d.End && at < uint64(len(b)); {
				if !x86.Decode(b[at:], d.Start+at, &in) {
					at++
					continue
				}
				if in.Op == x86.OpJmp || in.Op == x86.OpJcc || in.Op == x86.OpCall {
					branches = append(branches, uint64(in.Imm))
				}
				at += uint64(in.Len)
			}
		}
		out = append(out, program{path, f, NewTargets(branches, nil)})
	}
	if len(out) == 0 {
		t.Skip("none of the programs is here")
	}
	return out
}

// Moved instructions decode to the same as those in place, at every function of real programs.
func TestSameInstructions(t *testing.T) {
	for _, p := range openPrograms(t) {
		moved, refused := 0, map[error]int{}
		for i := range p.file.FDEs {
			d := &p.file.FDEs[i]
			b := p.file.Bytes(d.Start)
			at := d.Start + 0x4000000
			cut, err := Cut(b, d.Start, d.End-d.Start, p.targets)
			if err != nil {
				refused[err]++
				continue
			}
			out, err := cut.AppendTo(nil, at)
			if err != nil {
				t.Errorf("%s %#x: %v", p.name, d.Start, err)
				continue
			}
			moved++
			same(t, p.name, cut, out, at)
		}
		t.Logf("%s: %d moved, refused: %v", p.name, moved, refused)
		if moved < len(p.file.FDEs)*8/10 {
			t.Errorf("%s: only %d of %d", p.name, moved, len(p.file.FDEs))
		}
	}
}

// same compares what was moved with where it was, instruction by instruction.
func same(t testing.TB, name string, p *Prologue, out []byte, at uint64) {
	var got x86.Inst
	next := func() bool {
		if !x86.Decode(out, at, &got) {
			t.Errorf("%s %s: % x is no instruction", name, p.Describe(), out)
			return false
		}
		out, at = out[got.Len:], at+uint64(got.Len)
		return true
	}
	for _, i := range p.insts {
		want := i.in
		if !next() {
			return
		}
		if want.Op == x86.OpJcc && want.Cond > 15 {
			// cond L1; jmp short L2; L1: jmp target; L2:
			first := got
			if first.Op != x86.OpJcc || first.Cond != want.Cond || first.Flags != want.Flags || !next() || got.Op != x86.OpJmp || uint64(got.Imm) != at+5 || uint64(first.Imm) != at || !next() || got.Op != x86.OpJmp || got.Imm != want.Imm {
				t.Errorf("%s %s: %v", name, p.Describe(), first)
			}
			continue
		}
		got.PC, got.Len = want.PC, want.Len
		if want.Op == x86.OpJcc || want.Op == x86.OpJmp || want.Op == x86.OpCall {
			got.Flags, want.Flags = 0, 0 // hints
		}
		if got != want {
			t.Errorf("%s %s: %v, not %v", name, p.Describe(), &got, &want)
		}
	}
	if !p.ends {
		if !next() || got.Op != x86.OpJmp || uint64(got.Imm) != p.Resume() {
			t.Errorf("%s %s: does not go on", name, p.Describe())
		}
	}
	if len(out) > 0 {
		t.Errorf("%s %s: %d bytes too many", name, p.Describe(), len(out))
	}
}

// Whatever the bytes are: what is moved means the same, and what is not is refused by a reason.
func FuzzCut(f *testing.F) {
	for _, c := range cases {
		f.Add(code(f, c.code), uint8(c.size), uint8(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, size, target uint8) {
		if size == 0 {
			size = uint8(min(len(b), 255))
		}
		targets := NewTargets([]uint64{from + uint64(target&15)}, []uint64{from + uint64(target>>4)})
		p, err := Cut(b, from, uint64(size), targets)
		if err != nil {
			var r Reason
			if p != nil || !errors.As(err, &r) {
				t.Fatal(err)
			}
			return
		}
		if p.Size > int(size) || p.Size < JumpSize && !p.ends || p.Size >= JumpSize+15 {
			t.Fatal(p.Describe())
		}
		if n := uint64(target & 15); n > 0 && n < uint64(max(p.Size, JumpSize)) {
			t.Fatalf("%s with a target at %d", p.Describe(), n)
		}
		out, err := p.AppendTo(nil, to)
		if errors.Is(err, FarOperand) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, "fuzz", p, out, to)
	})
}
