package variadic

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/x86"
)

// TestCells compares words of the stack with bytes one by one.
func TestCells(t *testing.T) {
	type octet struct {
		written, known, frame bool
		n                     byte
	}
	const room = 40
	for seed := range int64(2000) {
		r := rand.New(rand.NewSource(seed))
		var s state
		var want [room + 8]octet
		for range 60 {
			off, size := r.Intn(room), uint8(1)<<r.Intn(4)
			if r.Intn(2) == 0 {
				v := [...]value{num(r.Uint64()).cut(size), {}, {kind: stack, n: 8}, {kind: before, n: 3}}[r.Intn(4)]
				if v.kind == stack && size < 8 {
					v = derived(v)
				}
				s.put(int64(off-16), size, v, false)
				for i := range int(size) {
					want[off+i] = octet{true, v.kind == number, v.inFrame(), byte(uint64(v.n) >> (8 * i))}
				}
			}
			off, size = r.Intn(room), uint8(1)<<r.Intn(4)
			got, none := s.get(int64(off-16), size)
			part := want[off : off+int(size)]
			if written := slices.ContainsFunc(part, func(o octet) bool { return o.written }); none == written {
				t.Fatalf("seed %d: none %v of %v", seed, none, part)
			}
			known, n := true, uint64(0)
			for i, o := range part {
				known = known && o.known
				n |= uint64(o.n) << (8 * i)
			}
			if known != (got.kind == number) || known && uint64(got.n) != n {
				t.Fatalf("seed %d: %v, want %x of %v", seed, got, n, part)
			}
			if slices.ContainsFunc(part, func(o octet) bool { return o.frame }) && !got.inFrame() && !s.shared {
				t.Fatalf("seed %d: an address is lost", seed)
			}
			if !slices.IsSortedFunc(s.cells, func(a, b cell) int { return int(a.off - b.off) }) {
				t.Fatalf("seed %d: %v", seed, s.cells)
			}
		}
	}
}

// TestHolds compares conditions with the flags that the manual gives for them (Intel SDM, volume 1, appendix B).
func TestHolds(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	few := []uint64{0, 1, 2, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	for range 20000 {
		a, b := few[r.Intn(len(few))], few[r.Intn(len(few))]
		size := uint8(4) << r.Intn(2)
		sh := 64 - 8*size
		a, b = a<<sh>>sh, b<<sh>>sh
		d := (a - b) << sh
		zf, cf, sf := d == 0, a < b, int64(d) < 0
		of := int64((a^b)&(a-b^a)<<sh) < 0
		flags := [16]bool{2: cf, 3: !cf, 4: zf, 5: !zf, 6: cf || zf, 7: !cf && !zf, 8: sf, 9: !sf, 12: sf != of, 13: sf == of, 14: zf || sf != of, 15: !zf && sf == of}
		c := compared{known: true, a: num(a), b: num(b), size: size}
		for cond, want := range flags {
			if got, known := c.holds(uint8(cond)); known && got != want {
				t.Fatalf("%x and %x of %d bytes, condition %d: %v", a, b, size, cond, got)
			}
		}
		if got, known := c.holds(4); !known || got != zf {
			t.Fatal("equality is not known")
		}
	}
	if _, known := (&compared{known: true, size: 8, a: value{kind: before}, b: value{kind: before}}).holds(4); known {
		t.Fatal("what is not known is compared")
	}
}

// TestSet writes parts of registers.
func TestSet(t *testing.T) {
	var s state
	s.r[x86.RAX] = num(0x1122334455667788)
	for _, w := range []struct {
		size uint8
		want uint64
	}{{1, 0x11223344556677ff}, {2, 0x112233445566ffff}, {4, 0xffffffff}, {8, 1<<64 - 1}} {
		if s.set(x86.RAX, num(1<<64-1), w.size); s.r[x86.RAX] != num(w.want) {
			t.Errorf("%d bytes: %x", w.size, s.r[x86.RAX].n)
		}
	}
	s.set(x86.RAX, value{kind: stack}, 8)
	if s.set(x86.RAX, num(1), 1); s.r[x86.RAX].kind != inStack {
		t.Errorf("an address with another low byte: %v", s.r[x86.RAX])
	}
	if s.set(x86.RSP, value{kind: inStack}, 8) {
		t.Error("rsp is somewhere")
	}
}
