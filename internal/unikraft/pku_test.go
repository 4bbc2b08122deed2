package unikraft

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/pku"
	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/specimen"
	"github.com/gofind-dev/gofind/internal/x86"
)

// builtPKU is the specimen with memory keys, built once for all tests, in the directory of the other.
var builtPKU struct {
	once sync.Once
	img  *specimen.Image
	err  error
}

// imagePKU returns the specimen with memory keys.
func imagePKU(t testing.TB) *specimen.Image {
	t.Helper()
	image(t)
	builtPKU.once.Do(func() {
		dir := filepath.Join(built.dir, "pku")
		if builtPKU.err = os.Mkdir(dir, 0o777); builtPKU.err == nil {
			builtPKU.img, builtPKU.err = specimen.BuildPKU(dir)
		}
	})
	if errors.Is(builtPKU.err, specimen.ErrNoCompiler) {
		t.Skip(builtPKU.err)
	}
	if builtPKU.err != nil {
		t.Fatal(builtPKU.err)
	}
	return builtPKU.img
}

// sealPKU seals it.
func sealPKU(t testing.TB, opts Options) (debug *File, final string, rep *Report) {
	t.Helper()
	img := imagePKU(t)
	opts.PKU = true
	d, f := open(t, img.Debug), open(t, img.Final)
	rep, err := Seal(planOf(t, img), d, f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, save(t, d)), save(t, f), rep
}

func TestPKUWorkload(t *testing.T) {
	img := imagePKU(t)
	plain, status := boot(t, img.Final, "normal")
	if status != 0 || strings.Contains(plain, "WRONG") || !strings.Contains(plain, "under interrupts: ok") {
		t.Fatalf("the specimen itself: status %d\n%s", status, plain)
	}
	for _, opts := range []Options{{}, {Protect: true}, {OnDeny: gatecode.Crash}} {
		_, final, rep := sealPKU(t, opts)
		sealed, status := boot(t, final, "normal")
		if status != 0 || sealed != plain {
			t.Errorf("sealed, %v: status %d\n%s", opts, status, sealed)
		}
		for _, e := range rep.Rules.Entries {
			if e.Hook == 0 {
				t.Errorf("%s is not hooked", e.Func)
			}
		}
	}
}

// What changes keys outside of gates is replaced, or overwritten as keys are turned on: all of it that objdump sees, and nothing in gates.
func TestPKUSequences(t *testing.T) {
	img := imagePKU(t)
	debug, final, rep := sealPKU(t, Options{})
	out, err := bounded.Command(t, "objdump", "-d", "--no-show-raw-insn", img.Debug).Output()
	if err != nil {
		t.Skip("objdump is needed")
	}
	want := map[uint64]string{}
	for line := range strings.Lines(string(out)) {
		at, text, ok := strings.Cut(strings.TrimSpace(line), ":\t")
		if addr, err := strconv.ParseUint(at, 16, 64); ok && err == nil {
			w := strings.Fields(text)
			if w[0] == "wrpkru" || w[0] == "xrstor" || w[0] == "mov" && strings.Contains(w[1], ",%cr") {
				want[addr] = w[0]
			}
		}
	}
	for _, g := range rep.Rules.Gaps {
		t.Errorf("%#x %s: %s", g.Addr, g.Func, g.Reason)
	}
	sites := map[uint64]string{}
	for _, g := range rep.Rules.Gates {
		if g.Kind == rules.Site {
			sites[g.Addr] = g.Func
		}
	}
	plain, sealed := open(t, img.Debug), debug
	gates, replaced, wiped := 0, 0, 0
	for addr, what := range want {
		name, _, _ := scan(plain).within(addr)
		same := bytes.Equal(plain.Bytes(addr)[:3], sealed.Bytes(addr)[:3])
		switch {
		case sites[addr] != "":
			replaced++
			if same || name != sites[addr] {
				t.Errorf("%s at %#x, in %s, is not replaced", what, addr, name)
			}
		case what == "mov":
			wiped++
		default:
			gates++
			if !same || !strings.HasPrefix(name, "flexos_gate_") && !strings.HasPrefix(name, "serve_") && name != "net_serve" && name != "plugin_serve" && name != "net_irq" {
				t.Errorf("%s at %#x, in %s, is neither in a gate nor replaced", what, addr, name)
			}
		}
	}
	if gates != 18 || replaced < 10 || wiped < 4 {
		t.Errorf("%d in gates, %d replaced, %d overwritten", gates, replaced, wiped)
	}
	// What is overwritten is gone in memory, and where nobody but the first compartment can write.
	s := &target{t: t, debug: debug}
	for addr, what := range want {
		if what == "mov" {
			console, _ := boot(t, final, s.call("peek", s.at(addr)))
			var v uint64
			if r := results(console); len(r) != 1 {
				t.Fatalf("%s", console)
			} else if n, err := strconv.ParseInt(strings.Fields(r[0])[0], 10, 64); err != nil {
				t.Fatal(err)
			} else {
				v = uint64(n)
			}
			if v&0xffffff != 0xcccccc {
				t.Errorf("%#x has %#x", addr, v)
			}
		}
	}
}

// A table of addresses is found where text ends in the middle of a word, too, as it does in a segment that has both.
func TestTableBehindText(t *testing.T) {
	b := make([]byte, 32)
	copy(b, "\x90\x90\x90\x90\x90\xc3")
	le.PutUint64(b[16:], 0x1000)
	le.PutUint64(b[24:], 0x1003)
	f := &File{elf: b, segments: []segment{{typ: ptLoad, flags: flagR | flagW | flagX, vaddr: 0x1000, filesz: 32, memsz: 32}},
		sections: []section{{name: ".text", typ: shtProgbits, flags: shfAlloc | shfExec, addr: 0x1000, size: 6}}}
	if _, err := scan(f).cut(0x1000, 6); !errors.Is(err, relocate.Target) {
		t.Errorf("the instruction at 0x1003, to which a jump may lead, is moved: %v", err)
	}
	le.PutUint64(b[24:], 0x1007)
	if _, err := scan(f).cut(0x1000, 6); err != nil {
		t.Error(err)
	}
}

// Where the image computes its free memory stays where it is, as it is changed there.
func TestReservePlace(t *testing.T) {
	for _, move := range []bool{false, true} {
		f := open(t, imagePKU(t).Debug)
		s := &sealing{code: scan(f), hooks: map[uint64]*gatecode.Hook{}}
		s.code.function(addr(t, f, "_libkvmplat_entry"), func(in *x86.Inst) bool {
			if p, err := s.code.cut(in.PC, 16); err == nil && move {
				s.sites = append(s.sites, gatecode.Site{At: p, Move: true})
			}
			return true
		})
		err := s.reserve([]*File{f}, (addr(t, f, "_end")+0xfff)&^0xfff+0x10000)
		if move != (err != nil && strings.Contains(err.Error(), "other code has to stand")) {
			t.Errorf("moved: %v, %v", move, err)
		}
	}
}

// Bytes that would change keys if control came into the middle of an instruction are gone from the text, and data is not executed: neither is a gap.
func TestPKUWithin(t *testing.T) {
	img := imagePKU(t)
	debug, _, rep := sealPKU(t, Options{})
	plain := scan(open(t, img.Debug))
	pages := plain.dataPages()
	moved, data := 0, 0
	for _, q := range plain.sequences(3) {
		switch {
		case q.Aligned:
		case within(pages, q.Addr):
			data++
		default:
			moved++
			if what := pku.Match(debug.Bytes(q.Addr)); what != "" || q.Func != "app_within" {
				t.Errorf("%#x, in %s, is a %s when sealed", q.Addr, q.Func, what)
			}
		}
	}
	said := 0
	for _, line := range rep.Protected {
		if strings.HasPrefix(line, "moved: ") && strings.Contains(line, "in app_within") {
			said++
		}
	}
	if moved < 2 || data < 1 || said != moved {
		t.Errorf("%d in text, of which %d are said to be moved, %d in data", moved, said, data)
	}
	// A constant is the same elsewhere, and a place to which something jumps stays: both are named.
	for _, c := range []struct{ old, new, says string }{
		{"b10f22c080f90f7402", "b80f22c00080f90f74", "a mov to cr0 there"},
		{"b10f22c080f90f7402", "b10f22c0ebfc900000", "cannot be changed: a jump leads into its first bytes"},
	} {
		old, _ := hex.DecodeString(c.old)
		replacement, _ := hex.DecodeString(c.new)
		d := open(t, img.Debug)
		if bytes.Count(d.elf, old) != 1 {
			t.Fatalf("%s is not there once", c.old)
		}
		d = parse(t, "debug", bytes.Replace(d.elf, old, replacement, 1))
		rep, err := Seal(planOf(t, img), d, nil, Options{PKU: true})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(rep.Rules.Gaps, func(g rules.Gap) bool { return strings.Contains(g.Reason, c.says) }) {
			t.Errorf("%s: no gap says %q: %v", c.new, c.says, rep.Rules.Gaps)
		}
	}
}

// Bytes that are no instruction of the program count, too.
func TestSequenceBytes(t *testing.T) {
	for _, c := range []struct {
		code, what string
		to         int
		checked    bool
	}{
		{"0f01ef", "wrpkru", 0, false},
		{"b80f01efc3", "wrpkru", 0, false},
		{"b8f3ffff3f0f01ef3df3ffff3f75f1", "wrpkru", 1, true},
		{"b8f3ffff3f31c931d20f01ef0faee8483df3ffff3f75e9", "wrpkru", 1, true},
		{"48c7c0f3ffff3f4831c94831d20f01ef0faee8483df3ffff3f0f85e1ffffff", "wrpkru", 1, true},
		{"0f01ef3df3ffff3f75000f0b", "wrpkru", 1, true},            // or ends the image
		{"0f01ef3df3ffff3f7500fa0f0b", "wrpkru", 1, true},          //
		{"0f01ef3df3ffff3f7500c3", "wrpkru", 0, false},             // or goes on
		{"0f01ef3df3ffff3f75f6", "wrpkru", 0, false},               // or jumps to itself
		{"b8000000000f01ef3df3ffff3f75f1", "wrpkru", 0, false},     // or sets another value
		{"b8f3ffff3f890f0f01ef3df3ffff3f75ef", "wrpkru", 0, false}, // or does something else
		{"0f01ef3df3ffff3f74000f0b", "wrpkru", 0, false},
		{"0f01ef3d0000000075000f0b", "wrpkru", 0, false},
		{"0f01ef3df3ffff3f", "wrpkru", 0, false},
		{"0fae2f", "xrstor", 0, false},
		{"480fae6c2408", "xrstor", 0, false},
		{"0faee8", "", 0, false}, // lfence
		{"0fae27", "", 0, false}, // xsave
		{"0fc71f", "xrstors", 0, false},
		{"0f22e0", "mov to cr4", 0, false},
		{"0f20e0", "", 0, false},
		{"0f01ee", "", 0, false}, // rdpkru
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.code, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		f := &File{elf: b, segments: []segment{{typ: ptLoad, flags: flagR | flagX, vaddr: 0x1000, filesz: uint64(len(b)), memsz: uint64(len(b))}}}
		got := scan(f).sequences(2)
		if c.what == "" {
			if len(got) != 0 {
				t.Errorf("%s: %v", c.code, got)
			}
			continue
		}
		if len(got) != 1 || got[0].What != c.what || got[0].Checked != c.checked || c.checked && got[0].To != c.to {
			t.Errorf("%s: %+v", c.code, got)
		}
	}
}

// An image that ends says why, though its texts are out of reach of who is refused.
func TestPKUCrash(t *testing.T) {
	debug, final, _ := sealPKU(t, Options{OnDeny: gatecode.Crash})
	s := &target{t: t, debug: debug}
	for word, want := range map[string]string{
		s.call("net", s.fn("uk_syscall_r_getppid")):                    "gofind: who has this PKRU must not call getppid",
		s.call("libc", s.fn("gettid")):                                 "gofind: compartment net must not call gettid",
		s.call("pkru", s.at(0, "uk_syscall_r_getpid")):                 "gofind: who has this PKRU must not call getpid",
		s.call("net", s.fn("uk_syscall_r_exit_group", 66)):             "gofind: who has this PKRU must not call exit_group",
		s.call("libc", s.at(s.addr("uk_syscall_r_exit_group"), 66, 0)): "gofind: compartment net must not call exit_group",
	} {
		if console, _ := boot(t, final, word); !strings.Contains(console, want) || strings.Contains(console, " -> ") || strings.Contains(console, "trap") {
			t.Errorf("%s: %s", word, console)
		}
	}
}

// A function that has the bodies of two calls inlined is called by who executes both, and a refusal ends the image, as its result says nothing of one: calls that
// are not told apart there are no gap.
func TestPKUInlined(t *testing.T) {
	img := imagePKU(t)
	plan := planOf(t, img)
	for _, e := range plan.Entries {
		if e.Func == "euidunlink" {
			e.Number = 39 // getpid, which net executes; the other is unlink
			plan.Entries = append(plan.Entries, e)
			break
		}
	}
	plan.Compartments[1].Needs.Add(87)
	d, f := open(t, img.Debug), open(t, img.Final)
	rep, err := Seal(plan, d, f, Options{PKU: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rep.Rules.Gaps {
		t.Errorf("%#x %s: %s", g.Addr, g.Func, g.Reason)
	}
	found := 0
	for _, e := range rep.Rules.Entries {
		if e.Func == "euidunlink" {
			found++
			if e.Executes != 1 || !e.NoReturn {
				t.Errorf("call %d: executed by %b, ends the image: %v", e.Number, e.Executes, e.NoReturn)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d entries", found)
	}
	final := save(t, f)
	s := &target{t: t, debug: open(t, save(t, d))}
	for word, want := range map[string]string{
		s.call("net", s.fn("euidunlink", "@")): "gofind: who has this PKRU must not call",
		s.call("app", s.fn("euidunlink", "@")): " -> ",
	} {
		if console, _ := boot(t, final, word); !strings.Contains(console, want) {
			t.Errorf("%s: %s", word, console)
		}
	}
}

func TestPKURefused(t *testing.T) {
	img := image(t)
	if _, err := Seal(planOf(t, img), open(t, img.Debug), open(t, img.Final), Options{PKU: true}); !errors.Is(err, errKeys) {
		t.Errorf("an image without keys: %v", err)
	}
	img = imagePKU(t)
	plan := planOf(t, img)
	for len(plan.Compartments) < 15 {
		plan.Compartments = append(plan.Compartments, plan.Compartments[1])
	}
	if _, err := Seal(plan, open(t, img.Debug), open(t, img.Final), Options{PKU: true}); err == nil {
		t.Error("15 compartments are taken")
	}
	for _, name := range []string{"_virt_offset", "_libkvmplat_entry"} { // symbols that are not there
		f := open(t, img.Debug)
		other := "x" + name[1:]
		f = parse(t, name, bytes.ReplaceAll(f.elf, []byte("\x00"+name+"\x00"), []byte("\x00"+other+"\x00")))
		if _, err := Seal(planOf(t, img), f, nil, Options{PKU: true}); err == nil {
			t.Errorf("an image without %s", name)
		}
	}
}

// The image that is loaded by its multiboot header keeps what it was, and the header has what is added.
func TestKludge(t *testing.T) {
	img := imagePKU(t)
	_, final, rep := sealPKU(t, Options{})
	plain, sealed := open(t, img.Final), open(t, final)
	k, err := sealed.kludge()
	if err != nil {
		t.Fatal(err)
	}
	before, err := plain.kludge()
	if err != nil {
		t.Fatal(err)
	}
	if k.load != before.load || k.end < rep.Rules.Data.Addr+rep.Rules.Data.Size || k.end != k.bss || k.end != (sealed.End()+4095)&^4095 {
		t.Errorf("the header has %#x, before %#x", k, before)
	}
	was, is := plain.elf[before.file:][:before.end-before.load], sealed.elf[k.file:][:k.end-k.load]
	changed := 0
	for i := range was {
		if was[i] != is[i] {
			changed++
		}
	}
	if changed == 0 || changed > 8*len(rep.Rules.Entries)+8*len(rep.Rules.Gates)+16 {
		t.Errorf("%d bytes are changed", changed)
	}
	for i, b := range is[len(was) : rep.Rules.Data.Addr-k.load] {
		if b != 0 {
			t.Fatalf("%#x was zeroed before", k.load+uint64(len(was)+i))
		}
	}
	for _, change := range []struct {
		word  int
		value uint32
		says  string
	}{
		{3, 0x90000, "damaged"}, {3, 0x200000, "damaged"}, {4, 0x101000, "damaged"}, {5, 0xfff00000, "impossible"}, {6, 0xfff00000, "impossible"}, {5, 0x1000, "impossible"},
	} {
		f := open(t, img.Final)
		le.PutUint32(f.elf[before.at+uint64(4*change.word):], change.value)
		if _, err := Seal(planOf(t, img), open(t, img.Debug), f, Options{PKU: true}); err == nil || !strings.Contains(err.Error(), change.says) {
			t.Errorf("word %d of the header is %#x: %v", change.word, change.value, err)
		}
	}
	f := open(t, img.Final)
	f.segments[0].off += 16
	if _, err := Seal(planOf(t, img), open(t, img.Debug), f, Options{PKU: true}); err == nil || !strings.Contains(err.Error(), "other bytes") {
		t.Errorf("a header that contradicts segments: %v", err)
	}
}
