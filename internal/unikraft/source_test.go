package unikraft

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/qemu"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/specimen"
)

const runtimeDir = "../../runtime/unikraft"

// libraryOf says which library of the specimen code is of, from the symbols of its objects.
func libraryOf(t testing.TB, img *specimen.Image) func(uint64) string {
	t.Helper()
	debug := open(t, img.Debug)
	at := map[uint64]string{}
	for _, l := range specimen.Libraries {
		o, err := os.ReadFile(filepath.Join(img.Build, "lib"+l.Name+".o"))
		if err != nil {
			t.Fatal(err)
		}
		f := &File{elf: o}
		f.sections, f.shstrndx = readSections(o, le.Uint64(o[40:]), int(le.Uint16(o[60:])))
		names := map[string]bool{}
		for _, y := range f.Symbols() {
			names[y.Name] = true
		}
		for _, y := range debug.Symbols() {
			if names[y.Name] {
				at[y.Addr] = "lib" + l.Name
			}
		}
	}
	return func(addr uint64) string { return at[addr] }
}

// linkedImage builds the specimen with room for hooks, makes rules from it, and builds it with these.
func linkedImage(t testing.TB, change func(*compartment.Plan), opts Options) (img *specimen.Image, src *Source) {
	t.Helper()
	runtime, err := filepath.Abs(runtimeDir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := specimen.BuildLinked(t.TempDir(), specimen.Linked{Runtime: runtime})
	if errors.Is(err, specimen.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	plan := planOf(t, first)
	if change != nil {
		change(plan)
	}
	src, err = FromSource(plan, open(t, first.Debug), libraryOf(t, first), opts)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range src.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	img, err = specimen.BuildLinked(t.TempDir(), specimen.Linked{Runtime: runtime, Rules: dir})
	if err != nil {
		t.Fatal(err)
	}
	return img, src
}

func TestSourceWorkload(t *testing.T) {
	plain, status := boot(t, image(t).Final, "normal")
	if status != 0 || strings.Contains(plain, "WRONG") {
		t.Fatalf("the specimen itself: status %d\n%s", status, plain)
	}
	img, src := linkedImage(t, nil, Options{})
	if len(src.Rules.Gaps) > 0 {
		t.Errorf("gaps: %v", src.Rules.Gaps)
	}
	linked, status := boot(t, img.Final, "normal")
	if status != 0 || linked != plain {
		t.Errorf("linked: status %d\n%s", status, linked)
	}
}

// The calls of TestMatrix, in an image that the rules are linked into.
func TestSourceMatrix(t *testing.T) {
	for _, denial := range []gatecode.Denial{gatecode.EPERM, gatecode.ENOSYS} {
		img, _ := linkedImage(t, nil, Options{OnDeny: denial})
		matrix(t, planOf(t, image(t)), open(t, img.Debug), img.Final, denial)
	}
}

// What hooks of the micro-library cost, in instructions; docs/sealing.md has these figures. The last two are of code that gcc 12.2
// compiled, and may be a little more with another compiler.
const (
	sourceAllowed = 4
	sourceWithin  = 4
	sourceEnter   = 69
	sourceLeave   = 50
	sourceSlack   = 20
)

func TestSourceCostAndRegisters(t *testing.T) {
	img, _ := linkedImage(t, nil, Options{})
	debug := open(t, img.Debug)
	s := debugged(t, img.Final)
	ctx, d := s.ctx, s.d
	gated := addr(t, debug, "plugin_wide")
	behind := gated + uint64(len(room))
	if err := errors.Join(d.Break(behind), d.Continue(ctx), d.Clear(behind)); err != nil {
		t.Fatal(err)
	}
	tag, leave := addr(t, debug, "gofind_tag"), addr(t, debug, "gofind_leave")
	at := s.regs()
	slot := at[qemu.RSP]
	if w := s.word(slot); w != leave {
		t.Fatalf("it will return to %#x", w)
	}
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 8 {
		r := at
		for _, i := range []int{qemu.RAX, qemu.RBX, qemu.RCX, qemu.RDX, qemu.RSI, qemu.RDI, qemu.RBP, qemu.R8, qemu.R9, qemu.R10, qemu.R11, qemu.R12, qemu.R13, qemu.R14, qemu.R15} {
			r[i] = random.Uint64()
		}
		// Returns.
		r[qemu.RSP], r[qemu.RIP] = slot+8, leave
		s.set(r)
		before := s.regs()
		n := 0
		for pc := leave; pc != s.word(slot) || n == 0; { // the return address is put back on the way
			if err := d.Step(ctx); err != nil {
				t.Fatal(err)
			}
			if now := s.regs()[qemu.RIP]; now != pc { // as in steps
				pc = now
				n++
			}
			if n > 500 {
				t.Fatal("it does not return")
			}
		}
		if i == 0 {
			t.Logf("leaving takes %d instructions", n)
		}
		if n > sourceLeave+sourceSlack {
			t.Errorf("leaving takes %d instructions, not %d", n, sourceLeave)
		}
		s.same("leave", s.regs(), before)
		if got := uint32(s.word(tag)); got != 1 {
			t.Errorf("the tag is %#x outside", got)
		}
		ret := s.word(slot)
		// Entered from inside.
		r[qemu.RSP], r[qemu.RIP] = slot, gated
		s.setTag(tag, 1|4)
		s.set(r)
		if n := s.steps(behind); n != sourceWithin {
			t.Errorf("within takes %d instructions, not %d", n, sourceWithin)
		}
		s.same("within", s.regs(), r)
		if s.word(slot) != ret {
			t.Error("the return address has changed")
		}
		// A call that is allowed, and one that is denied.
		for _, name := range []string{"uk_syscall_r_uname", "uk_syscall_e_uname"} {
			entry := addr(t, debug, name)
			r[qemu.RIP] = entry
			s.setTag(tag, 1)
			s.set(r)
			if n := s.steps(entry + uint64(len(room))); n != sourceAllowed {
				t.Errorf("an allowed call takes %d more instructions, not %d", n, sourceAllowed)
			}
			s.same("allowed", s.regs(), r)
			s.setTag(tag, 1|2)
			s.set(r)
			n := s.steps(ret)
			if i == 0 {
				t.Logf("%s: denied after %d instructions", name, n)
			}
			got := s.regs()
			r[qemu.RSP] += 8
			s.same("denied", got, r, qemu.RAX)
			r[qemu.RSP] -= 8
			if got[qemu.RAX] != ^uint64(0) {
				t.Errorf("%s returns %#x", name, got[qemu.RAX])
			}
		}
		// Entered from outside, which leaves a gate open for the next round.
		r[qemu.RIP] = gated
		s.setTag(tag, 1)
		s.set(r)
		n = s.steps(behind)
		if i == 0 {
			t.Logf("entering takes %d instructions", n)
		}
		if n > sourceEnter+sourceSlack {
			t.Errorf("entering takes %d instructions, not %d", n, sourceEnter)
		}
		s.same("enter", s.regs(), r)
		if w := s.word(slot); w != leave {
			t.Errorf("it will return to %#x", w)
		}
		if got := uint32(s.word(tag)); got != 1|4 {
			t.Errorf("the tag is %#x inside", got)
		}
	}
}

// The rules in a linked image: in the file that boots, too, with addresses.
func TestSourceRules(t *testing.T) {
	img, src := linkedImage(t, nil, Options{Tool: "v1"})
	debug := open(t, img.Debug)
	want, err := debug.Rules()
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(t, img.Final).Rules()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v\n%v\n%v", got, want, err)
	}
	if !got.Linked || got.Tool != "v1" || got.Tag != addr(t, debug, "gofind_tag") || got.Code.Size == 0 || got.Data.Size != gatecode.DefaultEntries*32 {
		t.Errorf("%+v", got)
	}
	for i, e := range got.Entries {
		if e.Denied != src.Rules.Entries[i].Denied || (e.Denied != 0) != (e.Hook != 0) || e.Hook != 0 && e.Addr != addr(t, debug, e.Func) {
			t.Errorf("%+v", e)
		}
	}
	kinds := map[rules.Kind]int{}
	for _, g := range got.Gates {
		kinds[g.Kind]++
		if g.Addr != addr(t, debug, g.Func) || g.Addr >= got.Code.Addr && g.Addr < got.Code.Addr+got.Code.Size || g.Code < got.Code.Addr || g.Code >= got.Code.Addr+got.Code.Size {
			t.Errorf("%+v", g)
		}
	}
	if kinds[rules.Enter] < 10 || kinds[rules.Handler] < 2 || kinds[rules.Switch] != 1 || kinds[rules.Start] != 1 || kinds[rules.Jump] != 1 {
		t.Error(kinds)
	}

	// An entry that the rules do not know.
	if gaps := debug.Unknown(want); gaps != nil {
		t.Error(gaps)
	}
	older := *want
	older.Entries = slices.DeleteFunc(slices.Clone(want.Entries), func(e rules.Entry) bool {
		return e.Func == "uk_syscall_r_unlink" || e.Func == "uk_syscall_r_getuid"
	})
	gaps := debug.Unknown(&older) // nobody is denied getuid
	if len(gaps) != 1 || gaps[0].Func != "uk_syscall_r_unlink" || gaps[0].Weakens != 2|4 || gaps[0].Addr != addr(t, debug, "uk_syscall_r_unlink") {
		t.Error(gaps)
	}

	// It has rules already.
	if _, err := Seal(planOf(t, img), debug, nil, Options{}); !errors.Is(err, ErrSealed) {
		t.Errorf("seal: %v", err)
	}
	if _, err := FromSource(planOf(t, img), debug, libraryOf(t, img), Options{}); !errors.Is(err, ErrSealed) {
		t.Errorf("from source: %v", err)
	}

	// Where a function has no room for a call, the image ends as it starts.
	f := open(t, img.Final)
	copy(f.Bytes(addr(t, debug, "plugin_load")), []byte{0x90})
	console, status := boot(t, save(t, f), "normal")
	if status != 3 || !strings.Contains(console, "gofind: the rules are not those of this image: plugin_load") {
		t.Errorf("status %d\n%s", status, console)
	}
}

func TestSourceErrors(t *testing.T) {
	img := image(t)
	if _, err := FromSource(planOf(t, img), open(t, img.Debug), libraryOf(t, img), Options{}); !errors.Is(err, ErrNoRoom) {
		t.Errorf("built without the micro-library: %v", err)
	}
	if _, err := FromSource(planOf(t, img), open(t, img.Final), libraryOf(t, img), Options{}); !errors.Is(err, ErrNoSymbols) {
		t.Errorf("without symbols: %v", err)
	}
	runtime, err := filepath.Abs(runtimeDir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := specimen.BuildLinked(t.TempDir(), specimen.Linked{Runtime: runtime})
	if err != nil {
		t.Fatal(err)
	}
	make := func(library func(uint64) string) *Source {
		src, err := FromSource(planOf(t, first), open(t, first.Debug), library, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	of := libraryOf(t, first)
	if a, b := make(of), make(of); !reflect.DeepEqual(a, b) || len(a.Rules.Gaps) != 0 {
		t.Error("not the same the second time")
	}
	gap := func(src *Source, name string, weakens uint32, reason error) {
		for _, g := range src.Rules.Gaps {
			if g.Func == name && g.Weakens == weakens && strings.HasSuffix(g.Reason, reason.Error()) {
				return
			}
		}
		t.Errorf("no gap for %s: %v", name, src.Rules.Gaps)
	}
	// Local functions of an unknown library cannot be made visible.
	src := make(func(uint64) string { return "" })
	gap(src, "op_stat", 2, errNoLib)
	gap(src, "plugin_compare", 4, errNoLib)
	if len(src.Libraries) != 0 {
		t.Error(src.Libraries)
	}
	// Neither can those whose name is not theirs alone: in the same library, or as that of a global one.
	debug := open(t, first.Debug)
	s := &sealing{code: scan(debug), link: &linking{library: of, symbols: map[string][]Symbol{}, globals: map[uint64][]string{}, exposed: map[string][]string{}}}
	work := addr(t, debug, "work")
	for _, c := range []struct {
		twin Symbol
		want error
	}{
		{Symbol{Name: "work", Addr: addr(t, debug, "plugin_load"), Type: sttFunc, Local: true}, errTwins},
		{Symbol{Name: "work", Addr: addr(t, debug, "net_poll"), Type: sttFunc}, errTwins},
		{Symbol{Name: "work", Addr: 1, Type: sttObject, Local: true}, errTwins},
		{Symbol{Name: "work", Addr: addr(t, debug, "net_poll"), Type: sttFunc, Local: true}, nil},
		{Symbol{Name: "work", Addr: work, Type: sttFunc, Local: true}, nil},
	} {
		s.link.symbols["work"] = []Symbol{c.twin}
		if _, err := s.linkable(work, "work"); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.twin, err)
		}
	}
	if _, err := s.linkable(work, "work$1"); !errors.Is(err, errName) {
		t.Error(err)
	}
	// What an image says is written into files that make and the assembler read.
	for _, lib := range []string{"libx/../../y", "lib.x", "rules", "lib$(x)", "lib x"} {
		s.link.library = func(uint64) string { return lib }
		s.link.symbols["work"] = nil
		if _, err := s.linkable(work, "work"); !errors.Is(err, errNoLib) {
			t.Errorf("%s: %v", lib, err)
		}
	}
	// Assembly that nobody can name.
	if _, err := s.linkable(addr(t, debug, "setjmp"), "setjmp"); !errors.Is(err, errAssembly) {
		t.Error(err)
	}
}
