package dataflow

import (
	"debug/elf"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// A word of memory that is 0 in the file guards what is behind its comparison with 0, but not
// what is behind one with a register that may hold something else.
func TestGuardsOfWords(t *testing.T) {
	oneOrTwo := "\xb8\x01\x00\x00\x00" + // mov eax, 1
		"\x85\xff\x74\x05" + // test edi, edi; je over the next
		"\xb8\x02\x00\x00\x00" // mov eax, 2
	const call = "\x74\x05\xe8\x00\x01\x00\x00\xc3" // je over the call; call; ret
	for _, c := range []struct {
		name, before, compare, after string
		guards                       bool
	}{
		{"a constant", "", "\x48\x83\x3d....\x00", "", true},                                        // cmp qword [word], 0
		{"a register that holds it", "\x31\xc0", "\x48\x39\x05....", "", true},                      // xor eax, eax; cmp [word], rax
		{"one of two", oneOrTwo, "\x48\x39\x05....", "", false},                                     // cmp [word], rax
		{"one of two, the other way round", oneOrTwo, "\x48\x3b\x05....", "", false},                // cmp rax, [word]
		{"one that was overwritten", "\xb8\x01\x00\x00\x00", "\x48\x39\x05....", "\x89\xf8", false}, // mov eax, 1; cmp [word], rax; mov eax, edi
	} {
		text := []byte(c.before + c.compare + c.after + call)
		const word = 0x80
		disp := len(c.before) + 3
		binary.LittleEndian.PutUint32(text[disp:], uint32(word-len(c.before)-len(c.compare)))
		file := flat(append(text, make([]byte, 0x400-len(text))...))
		binary.LittleEndian.PutUint32(file[64+4:], uint32(elf.PF_R|elf.PF_W|elf.PF_X))
		f, err := image.Parse(c.name, file)
		if err != nil {
			t.Fatal(err)
		}
		u := New(f).Unit(0x1000)
		if !slices.ContainsFunc(u.Refs, func(r summary.Ref) bool { return r.Kind == summary.RefCode }) {
			t.Errorf("%s: the call was not found: %+v", c.name, u.Refs)
		}
		got := slices.ContainsFunc(u.Div().Conds, func(c summary.Cond) bool { return c.Kind == summary.CondWord && c.A == 0x1000+word })
		if got != c.guards {
			t.Errorf("%s: guarded %v, want %v: %+v", c.name, got, c.guards, u.Div().Conds)
		}
	}
}
