package dataflow

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// What is left out where values come together is what is harmless, if something else stands for it; and a value that was joined
// changes nothing when it comes again, which is what the fixpoint relies on.
func TestInertValuesAreAbsorbed(t *testing.T) {
	f, err := image.Parse("inert", flat([]byte{0xc3}))
	if err != nil {
		t.Fatal(err)
	}
	w := &New(f).w
	s := newState()
	rnd := rand.New(rand.NewPCG(5, 6))
	var absorbed, alone, kept int
	for round := range 30000 {
		if round%100 == 0 {
			w.begin(0x1000)
			w.fine = round%3 == 0
		}
		make := func() (x val, harmless bool) {
			switch rnd.IntN(9) {
			case 0:
				return vTop, true
			case 1:
				return w.v.con(int64(rnd.IntN(128))), true
			case 2:
				return w.v.con([]int64{-1, -8, 0xffffffea, 0x80, 0xfff8, 0xffffffffff600000 - 1<<64}[rnd.IntN(6)]), false
			case 3:
				return w.v.mk(elem{k: kConst, a: 5, r: 1}), false
			case 4:
				return w.v.mk(elem{k: kLow, a: uint64(rnd.IntN(100)), r: 1}), true
			case 5:
				return w.v.mk(elem{k: kLow, a: 0xf8, r: 1}), false
			case 6:
				return w.v.mk(elem{k: kLoad, a: uint64(0x1000 + 8*rnd.IntN(3)), r: 4}), true
			case 7:
				return w.v.mk(elem{k: kLoad, a: uint64(0x1000 + 8*rnd.IntN(3)), r: 8}), false
			}
			return w.v.mk(elem{k: kAddr, a: uint64(0x1000 + 8*rnd.IntN(3))}), false
		}
		var in, must []val
		res := vBottom
		constants := true
		for range 1 + rnd.IntN(6) {
			x, harmless := make()
			in = append(in, x)
			if !harmless || w.fine {
				must = append(must, x)
			}
			constants = constants && w.v.elems[x].k == kConst
			res = w.join(&s, res, x)
		}
		if res == vMany {
			t.Fatalf("%d values of %v are too many", len(in), in)
		}
		list := w.list(res)
		for _, x := range must {
			if !slices.Contains(list, x) {
				t.Fatalf("fine %t: %+v is not in %v, the join of %v", w.fine, w.v.elems[x], list, in)
			}
		}
		for _, x := range in {
			if !slices.Contains(list, x) && !slices.Contains(list, vTop) {
				t.Fatalf("fine %t: nothing stands for %+v in %v", w.fine, w.v.elems[x], list)
			}
			if again := w.join(&s, res, x); again != res {
				t.Fatalf("fine %t: %v joined with %+v once more is %v", w.fine, list, w.v.elems[x], w.list(again))
			}
			if again := w.join(&s, w.join(&s, x, res), res); again != res {
				t.Fatalf("fine %t: %v joined into %+v is %v", w.fine, list, w.v.elems[x], w.list(again))
			}
		}
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			t.Fatalf("%v is no sorted set", list)
		}
		if slices.Contains(list, vTop) && !w.fine {
			for _, x := range list {
				if w.inert(x) {
					t.Fatalf("%+v is in %v, with top", w.v.elems[x], list)
				}
			}
			absorbed++
		}
		if constants && len(list) > 1 && !slices.Contains(list, vTop) {
			alone++
		}
		if w.fine && len(list) > 1 {
			kept++
		}
	}
	if absorbed == 0 || alone == 0 || kept == 0 {
		t.Errorf("absorbed %d, constants alone %d, kept %d", absorbed, alone, kept)
	}
}

// either is code that leaves a number in eax, or what memory behind rdx holds, and goes on with that in rax.
func either(number int32, behind string) []byte {
	text := binary.LittleEndian.AppendUint32([]byte{0xb8}, uint32(number)) // mov eax, number
	return append(text, "\x85\xf6"+                                        // test esi, esi
		"\x74\x02"+ // je over
		"\x8b\x02"+ // mov eax, [rdx]
		"\x48\x63\xc0"+ // over: movsxd rax, eax
		behind...)
}

// A number that is one of several values is not kept in a unit, but in one that enters the kernel, wherever that is, and in
// answers to queries. Only a number that is negative moves a pointer backwards.
func TestNumbersAreKeptWhereTheyAreAskedFor(t *testing.T) {
	const (
		enters = "\x0f\x05\xc3"                 // syscall; ret
		calls  = "\xe8\x01\x00\x00\x00\xc3\xc3" // call what is behind the ret; ret; ret
		adds   = "\x48\x01\xc7\x48\x8b\x07\xc3" // add rdi, rax; mov rax, [rdi]; ret
	)
	number := func(n uint64) summary.Value { return summary.Value{Kind: summary.Const, N: int64(n)} }
	open := func(text []byte) *Analyser {
		t.Helper()
		f, err := image.Parse("numbers", flat(text))
		if err != nil {
			t.Fatal(err)
		}
		return New(f)
	}

	a := open(either(39, enters))
	if sites := a.Unit(0x1000).More().Sites; len(sites) != 1 || !slices.Contains(sites[0].Values, number(39)) || len(sites[0].Values) != 2 {
		t.Errorf("the numbers of the syscall are %+v", sites)
	}
	if !a.w.fine {
		t.Error("a unit that enters the kernel was not analysed again")
	}

	text := either(39, calls)
	a = open(text)
	u := a.Unit(0x1000)
	if a.w.fine || len(u.More().Sites) > 0 {
		t.Error("a unit that does not enter the kernel was analysed again")
	}
	at := 0x1000 + uint64(len(text)) - 1
	for range 2 { // what was asked for before and after is the same
		passed := a.Query(0x1000, map[uint64][]Param{at: {{Kind: summary.Arg, Reg: uint8(x86.RAX)}}})
		if len(passed) != 1 || !slices.Contains(passed[0].Values, number(39)) {
			t.Fatalf("passed: %+v", passed)
		}
		if again := a.Unit(0x1000); len(again.Passes) != len(u.Passes) || again.ArgUse != u.ArgUse || a.w.fine {
			t.Fatalf("after a query the unit is %+v, before it %+v", again, u)
		}
	}

	for n, back := range map[int32]bool{-8: true, -1: true, 8: false} {
		if u := open(either(n, adds)).Unit(0x1000); u.ArgBack>>x86.RDI&1 != 0 != back || u.ArgUse>>x86.RDI&1 == 0 {
			t.Errorf("%d is added to a pointer: used %#x, backwards %#x", n, u.ArgUse, u.ArgBack)
		}
	}
}

// What is added to an address in the vsyscall page, and is not known, leads to all of its functions from there on.
func TestVsyscallsAreIndexed(t *testing.T) {
	text := "\x48\xc1\xe7\x0a" + // shl rdi, 10
		"\x48\x81\xef\x00\xfc\x9f\x00" + // sub rdi, 0x9ffc00
		"\xff\xe7" // jmp rdi
	f, err := image.Parse("vsyscall", flat([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	var at []uint64
	for _, r := range New(f).Unit(0x1000).Refs {
		if r.Kind == summary.RefAddr {
			at = append(at, r.A)
		}
	}
	slices.Sort(at)
	if want := []uint64{0xffffffffff600400, 0xffffffffff600800}; !slices.Equal(at, want) {
		t.Errorf("it leads to %#x, want %#x", at, want)
	}
}

// A number that is in the frame is as good as one in a register.
func TestNumbersInTheFrame(t *testing.T) {
	text := "\x48\xc7\x44\x24\xf0\x02\x00\x00\x00" + // mov qword [rsp-16], 2
		"\x48\x8b\x44\x24\xf0" + // mov rax, [rsp-16]
		"\x48\xf7\xd8" + // neg rax
		"\x48\x01\xc7" + // add rdi, rax
		"\x48\x8b\x07" + // mov rax, [rdi]
		"\x6a\xf6" + // push -10
		"\x59" + // pop rcx
		"\x48\xc1\xe1\x14" + // shl rcx, 20
		"\xff\xe1" // jmp rcx: gettimeofday of the vsyscall page
	f, err := image.Parse("frame", flat([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	u := New(f).Unit(0x1000)
	if u.ArgBack>>x86.RDI&1 == 0 {
		t.Error("a pointer that is moved back by a number in the frame is not")
	}
	if !slices.ContainsFunc(u.Refs, func(r summary.Ref) bool { return r.Kind == summary.RefCode && isVsyscall(r.A) }) {
		t.Errorf("the vsyscall page is not jumped to: %+v", u.Refs)
	}
}
