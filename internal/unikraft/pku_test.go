package unikraft

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gofind-dev/gofind/internal/gates"
	"github.com/gofind-dev/gofind/internal/specimen"
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
	for _, opts := range []Options{{}, {Protect: true}, {OnDeny: gates.Crash}} {
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

// What changes keys outside of gates is listed: all of it that objdump sees, and nothing in gates.
func TestPKUSequences(t *testing.T) {
	img := imagePKU(t)
	_, _, rep := sealPKU(t, Options{})
	out, err := exec.Command("objdump", "-d", "--no-show-raw-insn", img.Debug).Output()
	if err != nil {
		t.Skip("objdump is needed")
	}
	want := map[uint64]string{}
	for line := range strings.Lines(string(out)) {
		at, text, ok := strings.Cut(strings.TrimSpace(line), ":\t")
		if addr, err := strconv.ParseUint(at, 16, 64); ok && err == nil {
			w := strings.Fields(text)
			if w[0] == "wrpkru" || w[0] == "mov" && strings.Contains(w[1], ",%cr") {
				want[addr] = w[0]
			}
		}
	}
	listed := map[uint64]string{}
	both := false
	for _, g := range rep.Rules.Gaps {
		if g.Addr == 0 && strings.Contains(g.Reason, "written and executed") {
			both = true
			continue
		}
		listed[g.Addr] = g.Func
		if !strings.Contains(g.Reason, "has all keys") || g.Weakens != 6 {
			t.Errorf("%#x %s: %s, %#x", g.Addr, g.Func, g.Reason, g.Weakens)
		}
		if want[g.Addr] == "" {
			t.Errorf("%#x %s: %s: objdump sees no such instruction there", g.Addr, g.Func, g.Reason)
		}
	}
	d := open(t, img.Debug)
	gates := 0
	for addr := range want {
		name, _ := scan(d).within(addr)
		if strings.HasPrefix(name, "flexos_gate_") {
			gates++
			if listed[addr] != "" {
				t.Errorf("%#x, in the gate %s, is listed", addr, name)
			}
		} else if listed[addr] != name && name != "flexos_intelpku_init" {
			t.Errorf("%#x, in %s, is not listed", addr, name)
		}
	}
	if !both {
		t.Error("that memory can be written and executed is not listed")
	}
	if gates != 8 || len(listed) < 10 {
		t.Errorf("%d in gates, %d listed", gates, len(listed))
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
		{"0f01ef3df3ffff3f7500", "wrpkru", 1, true},
		{"0f01ef3df3ffff3f0f8500000000", "wrpkru", 1, true},
		{"0f01ef3df3ffff3f7400", "wrpkru", 0, false},
		{"0f01ef3d000000007500", "wrpkru", 0, false},
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
		b, err := hex.DecodeString(c.code)
		if err != nil {
			t.Fatal(err)
		}
		f := &File{elf: b, segments: []segment{{typ: ptLoad, flags: flagR | flagX, vaddr: 0x1000, filesz: uint64(len(b)), memsz: uint64(len(b))}}}
		got := (&code{f: f}).sequences(PKRUs(2))
		if c.what == "" {
			if len(got) != 0 {
				t.Errorf("%s: %v", c.code, got)
			}
			continue
		}
		if len(got) != 1 || got[0].What != c.what || got[0].Checked != c.checked || got[0].To != c.to {
			t.Errorf("%s: %+v", c.code, got)
		}
	}
}

// An image that ends says why, though its texts are out of reach of who is refused.
func TestPKUCrash(t *testing.T) {
	debug, final, _ := sealPKU(t, Options{OnDeny: gates.Crash})
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
	f := open(t, img.Debug)
	c := scan(f)
	f.walk(c.byName[bootTable].Addr, func(e pte) {
		if e.level == 1 && e.virtual == 0x5000 {
			le.PutUint64(e.bytes, e.value()|keyTag<<pteKey)
		}
	})
	if _, err := Seal(planOf(t, img), f, nil, Options{PKU: true}); !errors.Is(err, errKeys) {
		t.Errorf("an image that uses the key: %v", err)
	}
	f = open(t, img.Debug)
	f.walk(c.byName[bootTable].Addr, func(e pte) {
		if e.level == 2 && e.virtual == 64<<20 { // all of the image, under another address
			le.PutUint64(e.bytes, e.value()&^pteAddr)
		}
	})
	if _, err := Seal(planOf(t, img), f, nil, Options{PKU: true}); !errors.Is(err, errKeys) {
		t.Errorf("an image that maps the tag twice: %v", err)
	}
}
