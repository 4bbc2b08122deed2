package gatecode

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/x86"
)

// With keys, all code decodes; each wrpkru is followed by comparisons with what may be there, or ends the image; and
// nothing but what has opened the key writes to the data.
func TestGenerateKeys(t *testing.T) {
	for _, denial := range []Denial{EPERM, Crash} {
		in := input(t)
		in.OnDeny = denial
		in.Keys = &Keys{PKRU: []uint32{0x3ffffffc, 0x3ffffff3}, Key: 14, Alias: 0x250000, Pass: 0x260000, Descriptors: 0x270000, Offset: 0x280000, End: 0x300000,
			Wipe: []uint64{0x100800}, Pages: []Pages{{Start: 0x240000, End: 0x250000, And: 1, Or: 2}}}
		cut := func(code string) *relocate.Prologue {
			b, err := hex.DecodeString(code)
			if err != nil {
				t.Fatal(err)
			}
			p, err := relocate.Cut(b, 0x100800+uint64(len(in.Sites))*32, uint64(len(b)), relocate.NewTargets(nil, nil))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		in.Sites = append(in.Sites, Site{Name: "leave", At: cut("0f01ef0faee8c3")})
		in.Sites = append(in.Sites, Site{Name: "restore", At: cut("0fae29eb10"), Load: true})
		in.Sites = append(in.Sites, Site{Name: "within", At: cut("b90f22c00031c0c3"), Move: true}, Site{Name: "between", At: cut("b10f01ef31c0c3"), Move: true})
		for i := range in.Hooks {
			in.Hooks[i].Executes = uint32(i) & 3
			if in.Hooks[i].Check && in.Hooks[i].Call == "" {
				in.Hooks[i].Call = "close"
			}
		}
		out, err := Generate(in)
		if err != nil {
			t.Fatal(err)
		}
		end := bytes.Index(out.Code, []byte("open\x00"))
		if end < 0 {
			end = bytes.Index(out.Code, []byte("exit\x00"))
		}
		var starts, targets []uint64
		var d x86.Inst
		isOpen := false // by the order in which code lies: between an opening wrpkru and a closing one
		counts := map[string]int{}
		for at := 0; at < end; at += int(d.Len) {
			if !x86.Decode(out.Code[at:end], in.Code+uint64(at), &d) {
				t.Fatalf("% x at %#x is no instruction", out.Code[at:min(end, at+16)], at)
			}
			starts = append(starts, d.PC)
			if d.Op == x86.OpJmp || d.Op == x86.OpJcc || d.Op == x86.OpCall {
				targets = append(targets, uint64(d.Imm))
			}
			if to := uint64(d.Disp); d.Base == x86.RIP && d.Op != x86.OpLea && to >= in.Data && to < in.Data+out.DataMem {
				if !isOpen && to < in.Data+freeOffset {
					t.Errorf("%v uses the data while the key is closed", &d)
				}
			}
			if d.Base == x86.RIP && d.Flags&x86.FlagMemOut != 0 && uint64(d.Disp) >= in.Keys.Alias && uint64(d.Disp) < in.Keys.Alias+4096 {
				t.Errorf("%v writes to the second mapping", &d)
			}
			if !bytes.Equal(out.Code[at:at+int(d.Len)], []byte{0x0f, 0x01, 0xef}) {
				continue
			}
			after := out.Code[at+3:]
			if after[0] != 0x3d { // in a site, or in code that ends the image
				switch {
				case bytes.HasSuffix(out.Code[:at], []byte{0x31, 0xc0}):
					counts["end"]++
					isOpen = true
				case bytes.HasPrefix(after, []byte{0x85, 0xc0, 0x0f, 0x84}), bytes.HasPrefix(after, []byte{0x83, 0x3d}):
					counts["site"]++
				default:
					t.Errorf("wrpkru at %#x is not checked", at)
				}
				continue
			}
			value := binary.LittleEndian.Uint32(after[1:])
			if !bytes.HasPrefix(after[5:], []byte{0x0f, 0x85}) || !bytes.HasPrefix(after[11:], []byte{0x83, 0x3d}) || after[17] != 1 || !bytes.HasPrefix(after[18:], []byte{0x0f, 0x85}) {
				t.Errorf("wrpkru at %#x is compared, and does not look for a pass", at)
			}
			switch {
			case bytes.HasPrefix(after[24:], []byte{0x8f, 0x05}): // gives the pass back
				counts["site"]++
			case value == 0x0ffffffc || value == 0x0ffffff3:
				counts["open"]++
				isOpen = true
			case value == 0x3ffffffc || value == 0x3ffffff3:
				counts["close"]++
				isOpen = false
			default:
				t.Errorf("wrpkru at %#x is compared with %#x", at, value)
			}
		}
		// enter, leave, a switch, the start of a thread, two longjmps, for each of two compartments; a site: of another compartment, the first, and of handlers
		if counts["open"] != 12 || counts["close"] != 12 || counts["end"] != 3 || counts["site"] != 3 {
			t.Errorf("%v", counts)
		}
		known := map[uint64]bool{0x100f00: true, 0x100e00: true}
		for _, s := range starts {
			known[s] = true
		}
		for i := range in.Hooks {
			known[in.Hooks[i].Prologue.Resume()] = true
		}
		known[in.Sites[0].At.Resume()], known[0x100820+5+16] = true, true
		known[in.Sites[2].At.Resume()], known[in.Sites[3].At.Resume()] = true, true
		for _, to := range targets {
			if !known[to] {
				t.Errorf("a branch leads to %#x", to)
			}
		}
		// What was moved is nowhere at its place, and where it is, its bytes change nothing, but for those of an operand, which are the same.
		for i, want := range []string{"b90f22c000", "b10f9001ef9031c0"} {
			p := out.Patches[len(in.Hooks)+2+i]
			if x := in.Sites[2+i].At; len(p.Bytes) != x.Size || p.Bytes[0] != 0xe9 {
				t.Errorf("% x takes the place of %s", p.Bytes, x.Describe())
			}
			moved, _ := hex.DecodeString(want)
			if at := out.At[len(in.Hooks)+2+i] - in.Code; !bytes.HasPrefix(out.Code[at:], moved) {
				t.Errorf("moved: % x", out.Code[at:at+16])
			}
		}
	}
}
