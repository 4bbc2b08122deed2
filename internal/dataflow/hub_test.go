package dataflow

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// A jump to code plus something unknown may go to each instruction behind it, with what the registers hold there, and the same is found
// as if each were a block of its own.
func TestHub(t *testing.T) {
	text := "\x48\x63\x17" + // movsxd rdx, [rdi]
		"\x48\x8d\x0d\x10\x00\x00\x00" + // lea rcx, [unrolled]
		"\x48\x01\xd1" + // add rcx, rdx
		"\xb8\x05\x00\x00\x00" + // mov eax, 5
		"\xbb\x07\x00\x00\x00" + // mov ebx, 7
		"\x53" + // push rbx
		"\xff\xe1" + // jmp rcx
		"\xb8\x27\x00\x00\x00" + // unrolled: mov eax, 39
		"\x0f\x05" + // syscall
		"\xb8\x3c\x00\x00\x00" + // mov eax, 60
		"\x0f\x05" + // syscall, which does not come back
		"\xb8\x01\x00\x00\x00" + // mov eax, 1
		"\x31\xdb" + // xor ebx, ebx
		"\x0f\x05" + // syscall
		"\x89\xd8" + // mov eax, ebx
		"\x0f\x05" + // syscall
		"\x5b" + // pop rbx
		"\xc3" // ret
	f, err := image.Parse("hub", flat([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	fast, plain := New(f), New(f)
	plain.w.plain = true
	u := fast.Unit(0x1000)
	if len(fast.w.joints) < 2 {
		t.Error("no block has a hub")
	}
	if d := diff.Diff(plain.Unit(0x1000), u); d != "" {
		t.Errorf("-each a block of its own +joined in:\n%s", d)
	}
	got := map[uint64][]int64{}
	for _, s := range u.More().Sites {
		for _, v := range s.Values {
			if v.Kind == summary.Const {
				got[s.PC] = append(got[s.PC], v.N)
			}
		}
		slices.Sort(got[s.PC])
	}
	want := map[uint64][]int64{0x101f: {5, 39}, 0x1026: {5, 60}, 0x102f: {1, 5}, 0x1033: {0, 5, 7}}
	if d := diff.Diff(want, got); d != "" {
		t.Errorf("numbers of syscalls (-want +got):\n%s", d)
	}
}

// The same holds of random code with several such jumps, whose hubs overlap, and with jumps into the middle of what they lead to.
func TestHubsOfRandomCode(t *testing.T) {
	const numbers = 3 // fewer than fit in a set: what is found does not depend on the order then
	jointed := 0
	seeds := uint64(3000)
	if testing.Short() {
		seeds = 400
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		reg := func() byte { return []byte{0, 3, 5, 6}[r.IntN(4)] } // rax, rbx, rbp, rsi
		var insts [][]byte
		type fix struct{ inst, at, to int } // the displacement at the end of an instruction
		var fixes []fix
		jump := func(to int, code string) {
			fixes = append(fixes, fix{len(insts), len(code), to})
			insts = append(insts, []byte(code+"...."))
		}
		n := 20 + r.IntN(60)
		places := [3]int{r.IntN(n), r.IntN(n), r.IntN(n)}
		insts = append(insts, []byte("\x44\x8b\x1f")) // mov r11d, [rdi]
		for len(insts) < n-3 {
			switch r.IntN(12) {
			case 0, 1, 2:
				insts = append(insts, []byte{0xb8 + reg(), byte(1 + r.IntN(numbers)), 0, 0, 0}) // mov reg, number
			case 3, 4:
				insts = append(insts, []byte{0x48, 0x89, 0xc0 | reg()<<3 | reg()}) // mov reg, reg
			case 5:
				insts = append(insts, []byte{0x48, 0x89, 0x44 | reg()<<3, 0x24, 0xf8 - byte(r.IntN(2)*8)}) // mov [rsp-8 or 16], reg
			case 6:
				insts = append(insts, []byte{0x48, 0x8b, 0x44 | reg()<<3, 0x24, 0xf8 - byte(r.IntN(2)*8)}) // mov reg, [rsp-8 or 16]
			case 7, 8:
				insts = append(insts, []byte("\x0f\x05")) // syscall
			case 9:
				insts = append(insts, []byte("\x85\xc0")) // test eax, eax
				jump(r.IntN(n), "\x0f\x84")               // je
			case 10:
				jump(r.IntN(n), "\xe9") // jmp
			case 11:
				jump(places[r.IntN(3)], "\x4c\x8d\x15")       // lea r10, [place]
				insts = append(insts, []byte("\x4d\x01\xda")) // add r10, r11
				insts = append(insts, []byte("\x41\xff\xe2")) // jmp r10
			}
		}
		for len(insts) < n {
			insts = append(insts, []byte("\xc3")) // ret
		}
		var at []int
		size := 0
		for _, in := range insts {
			at = append(at, size)
			size += len(in)
		}
		for _, f := range fixes {
			binary.LittleEndian.PutUint32(insts[f.inst][f.at:], uint32(at[f.to]-at[f.inst]-len(insts[f.inst])))
		}
		// With unwind information: without, a direct jump to a place would be a tail call.
		f, err := image.Parse("random", framed(bytes.Join(insts, nil), []image.Range{{Start: 0x1000, End: 0x1000 + uint64(size)}}))
		if err != nil {
			t.Fatal(err)
		}
		fast, plain := New(f), New(f)
		plain.w.plain = true
		u, want := fast.Unit(0x1000), plain.Unit(0x1000)
		if len(fast.w.joints) > 2 {
			jointed++
		}
		for _, u := range []*summary.Unit{u, want} {
			slices.SortFunc(u.Refs, func(a, b summary.Ref) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			for i := range u.More().Sites {
				s := &u.Rest.Sites[i]
				for _, v := range []*[]summary.Value{&s.Values, &s.Args[1]} {
					slices.SortFunc(*v, func(a, b summary.Value) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
					if slices.Contains(*v, summary.Value{}) {
						*v = []summary.Value{{}} // what it was before more was known of the frame says nothing
					}
				}
			}
		}
		if d := diff.Diff(want, u); d != "" {
			t.Fatalf("seed %d: -each a block of its own +joined in:\n%s\n%x", seed, d, bytes.Join(insts, nil))
		}
	}
	if jointed < 50 {
		t.Errorf("in only %d of the functions do hubs overlap", jointed)
	}
}

// A function with more hubs than are kept apart is taken as a whole.
func TestTooManyHubs(t *testing.T) {
	for _, n := range []int{maxHubs, maxHubs + 1} {
		text := []byte("\x44\x8b\x1f") // mov r11d, [rdi]
		const size = 15
		for i := range n {
			text = append(text, "\x74\x0d"+ // je over the next
				"\x4c\x8d\x15...."+ // lea r10, [a nop behind all this]
				"\x4d\x01\xda"+ // add r10, r11
				"\x41\xff\xe2"...) // jmp r10
			binary.LittleEndian.PutUint32(text[len(text)-10:], uint32(6+(n-1-i)*size+i))
		}
		text = append(text, strings.Repeat("\x90", n)+"\xc3"...)
		f, err := image.Parse("hubs", flat(text))
		if err != nil {
			t.Fatal(err)
		}
		gaps := New(f).Unit(0x1000).More().Gaps
		if got := slices.ContainsFunc(gaps, func(g summary.Gap) bool { return g.Kind == summary.GapBudget }); got != (n > maxHubs) {
			t.Errorf("%d hubs: over budget %v", n, got)
		}
	}
}
