package unikraft

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// A pkuAttack is one on an image with memory keys.
type pkuAttack struct {
	name, model, how string
	protect          bool
	words            func(s *target) string
	took             func(r []string) bool // whether it succeeded, by the results of words; nil: the last one did
	result, why      string                // as in attack
	onRules          bool
}

// call is a word: compartment who calls functions, in order.
func (s *target) call(who string, calls ...string) string {
	return who + "=" + strings.Join(calls, "+")
}

// fn is a call of a function, for call.
func (s *target) fn(name string, args ...any) string {
	return s.at(s.addr(name), args...)
}

func (s *target) at(addr uint64, args ...any) string {
	w := fmt.Sprintf("%#x", addr)
	for _, a := range args {
		if n, ok := a.(string); ok && n != "@" {
			a = fmt.Sprintf("%#x", s.addr(n))
		}
		w += fmt.Sprintf(",%v", a)
	}
	return w
}

// pageTables is where the image maps its page tables.
const pageTables = uint64(1) << 32

// sequence returns the address of some bytes in a function, as it was.
func (s *target) sequence(name string, bytes ...byte) uint64 {
	return s.nth(name, bytes, 0)
}

// xrstor returns the address of the one instruction.
func (s *target) xrstor() uint64 {
	for _, q := range scan(s.plain).sequences(3) {
		if q.What == "xrstor" && q.Aligned {
			return q.Addr
		}
	}
	s.t.Fatal("no xrstor")
	return 0
}

// wrpkru returns the address of the nth wrpkru of a function, as it was.
func (s *target) wrpkru(name string, n int) uint64 { return s.nth(name, []byte{0x0f, 0x01, 0xef}, n) }

func (s *target) nth(name string, what []byte, n int) uint64 {
	at := s.addr(name)
	b := s.plain.Bytes(at)
	for ; ; n-- {
		i := bytes.Index(b, what)
		if i < 0 {
			s.t.Fatalf("no % x in %s", what, name)
		}
		if n == 0 {
			return at + uint64(i)
		}
		at, b = at+uint64(i)+3, b[i+3:]
	}
}

// moved is where the code in front of a function ends, and the instructions moved from it start.
func (s *target) moved(name string) uint64 {
	p, err := scan(s.plain).cut(addr(s.t, s.plain, name), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, y := range s.debug.Symbols() {
		if y.Name == "gofind_hook_"+name {
			b, err := p.AppendTo(nil, y.Addr)
			if err != nil {
				s.t.Fatal(err)
			}
			return y.Addr + y.Size - uint64(len(b))
		}
	}
	s.t.Fatalf("%s is not hooked", name)
	return 0
}

var pkuAttacks = []pkuAttack{
	{name: "executes", model: pointer, how: "net calls `uk_syscall_r_getppid`, which it needs through libc only",
		words: func(s *target) string { return s.call("net", s.fn("uk_syscall_r_getppid")) }, result: "refused"},
	{name: "executes, with errno", model: pointer, how: "net calls `uk_syscall_e_getppid`",
		words: func(s *target) string { return s.call("net", s.fn("uk_syscall_e_getppid")) }, result: "refused"},
	{name: "dispatcher", model: pointer, how: "net calls `uk_syscall6_r` with 110 in %rax, which finds where to jump in memory of compartment 0",
		words: func(s *target) string { return s.call("net", s.fn("uk_syscall6_r", 0, 0, 0, 0, 110)) }, result: "ends the image"},
	{name: "libc as deputy", model: logic, how: "net calls libc's `gettid` through the gate",
		words: func(s *target) string { return s.call("libc", s.fn("gettid")) }, result: "refused"},
	{name: "another thread in between", model: logic, how: "net gives way to a thread of the application, and calls libc's `gettid` then",
		words: func(s *target) string {
			return s.call("libc", s.fn("uk_sched_yield"), s.fn("uk_sched_yield"), s.fn("gettid"))
		}, result: "refused"},
	{name: "entry behind the gate", model: pointer, how: "net has the gate call `uk_syscall_r_gettid` in compartment 0",
		words: func(s *target) string { return s.call("libc", s.fn("uk_syscall_r_gettid")) }, result: "refused"},
	{name: "unknown PKRU, all open", model: rop, how: "`uk_syscall_r_getpid` is called with a PKRU of 0",
		words: func(s *target) string { return s.call("pkru", s.at(0, "uk_syscall_r_getpid")) }, result: "refused"},
	{name: "unknown PKRU, two open", model: pointer, how: "code of the first compartment sets keys 0 and 1 open, to call `uk_syscall_r_getpid`",
		words: func(s *target) string { return s.call("pkru", s.at(0x3ffffff0, "uk_syscall_r_getpid")) }, result: "ends the image"},
	{name: "own rights", model: pointer, how: "net calls FlexOS's `flexos_intelpku_set_perm` to open key 0, and goes on",
		words: func(s *target) string {
			return s.call("net", s.fn("flexos_intelpku_set_perm", 0, 0), s.fn("memset", "heap", 0, 8))
		}, result: "ends the image"},
	{name: "own rights, by a deputy", model: pointer, how: "net has `flexos_intelpku_set_perm` open the tag's key in compartment 0, and `memset` clear it there", onRules: true,
		words: func(s *target) string {
			return s.call("libc", s.fn("flexos_intelpku_set_perm", 14, 0), s.fn("memset", "gofind_tag", 0, 4))
		}, result: "ends the image"},
	{name: "key of the tag, by a deputy", model: pointer, how: "net has `flexos_intelpku_mem_set_key` give the tag the shared key, and clears it", onRules: true,
		words: func(s *target) string {
			return s.call("libc", s.fn("flexos_intelpku_mem_set_key", "gofind_tag", 1, 15)) + " " + s.call("net", s.fn("memset", "gofind_tag", 0, 4))
		}, result: "ends the image"},

	{name: "tag", model: write, how: "net clears the tag", onRules: true,
		words: func(s *target) string { return s.call("net", s.fn("memset", "gofind_tag", 0, 4)) }, result: "ends the image"},
	{name: "tag, through its second mapping", model: write, how: "net clears the tag where all may read it", onRules: true,
		words: func(s *target) string { return s.call("net", s.at(s.addr("memset"), s.alias(), 0, 4)) }, result: "ends the image"},
	{name: "tag, from compartment 0", model: write, how: "the application clears the tag", onRules: true,
		words: func(s *target) string { return s.call("app", s.fn("memset", "gofind_tag", 0, 4)) }, result: "ends the image"},
	{name: "rules", model: write, how: "net overwrites the rules", onRules: true,
		words: func(s *target) string { return s.call("net", s.at(s.addr("memset"), s.rules(), 0, 64)) }, result: "ends the image"},
	{name: "text", model: write, how: "net overwrites the check with nops", onRules: true,
		words: func(s *target) string {
			return s.call("net", s.fn("memset", "gofind_hook_uk_syscall_r_getppid", 0x90, 16))
		}, result: "ends the image"},
	{name: "page table", model: write, how: "net overwrites the page table",
		words: func(s *target) string { return s.call("net", s.at(s.addr("memset"), pageTables, 0, 8)) }, result: "ends the image"},
	{name: "stack of compartment 0", model: write, how: "net overwrites `tsb_comp0`",
		words: func(s *target) string { return s.call("net", s.fn("memset", "tsb_comp0", 0, 8)) }, result: "ends the image"},
	{name: "stack of another", model: write, how: "net overwrites the stack of plugin",
		words: func(s *target) string { return s.call("net", s.fn("memset", "stack_comp2", 0, 8)) }, result: "ends the image"},
	{name: "interrupt descriptors", model: write, how: "net overwrites the descriptor of the timer's interrupt, which FlexOS has where all may write: interrupts of compartment 0 would go on where net likes",
		words: func(s *target) string {
			return s.call("net", s.at(s.addr("memset"), s.addr("idt")+32*16, 0, 16)) + " ticks " + s.call("peek", s.fn("idt"))
		}, took: func(r []string) bool { return len(r) != 2 }, result: "refused", onRules: true},
	{name: "interrupt descriptors, as they are used", model: write, how: "net overwrites the copy that the processor uses", onRules: true,
		words: func(s *target) string { return s.call("net", s.at(s.addr("memset"), s.alias()+4*4096, 0, 16)) }, result: "ends the image"},
	{name: "rules, by a deputy", model: write, how: "net has the gate call `memset` on the rules in compartment 0", onRules: true,
		words:  func(s *target) string { return s.call("libc", s.at(s.addr("memset"), s.rules(), 0, 64)) },
		result: "not stopped", why: "gates call any function, and compartment 0 has the key of text, rules and page tables; `--protect-rules` closes this"},
	{name: "rules, by a deputy, protected", model: write, how: "the same, with `--protect-rules`", onRules: true, protect: true,
		words: func(s *target) string { return s.call("libc", s.at(s.addr("memset"), s.rules(), 0, 64)) }, result: "ends the image"},
	{name: "page table, by a deputy, protected", model: write, how: "net has `memset` make the code of a check writable, in compartment 0, and overwrite it, with `--protect-rules`", onRules: true, protect: true,
		words: func(s *target) string {
			at := s.addr("gofind_hook_uk_syscall_r_getppid")
			entry := pageTables + 3*4096 + at>>12<<3
			return s.call("libc", s.at(s.addr("memset"), entry, 0x67, 1), s.at(s.addr("memset"), at, 0x90, s.moved("uk_syscall_r_getppid")-at)) + " " +
				s.call("net", s.fn("uk_syscall_r_getppid"))
		}, result: "not stopped", why: "page tables change as FlexOS runs, so that compartment 0 must be able to write them"},

	{name: "gate, another value", model: rop, how: "net jumps to the `wrpkru` of a gate, with a PKRU of 0",
		words: func(s *target) string { return s.call("net", s.at(s.wrpkru("flexos_gate_1_0", 0), 0, 0, 0, 0, 0)) }, result: "ends the image", onRules: true},
	{name: "wrpkru elsewhere", model: rop, how: "net jumps to a `wrpkru` that was no gate, sets the tag with all keys open, and has the gate call `uk_syscall_r_gettid`", onRules: true,
		words: func(s *target) string {
			return s.call("net", s.at(s.wrpkru("with_pkru", 1), 0, 0, 0, 0, 0), s.fn("memset", "gofind_tag", 1, 1), s.fn("flexos_gate_1_0", "uk_syscall_r_gettid"))
		}, result: "ends the image"},
	{name: "wrpkru in data", model: rop, how: "net jumps to bytes of constant data that are a `wrpkru`, and goes on as before", onRules: true,
		words: func(s *target) string {
			return s.call("net", s.at(s.sequence("app_constants", 0x0f, 0x01, 0xef), 0, 0, 0, 0, 0), s.fn("memset", "gofind_tag", 1, 1), s.fn("flexos_gate_1_0", "uk_syscall_r_gettid"))
		}, result: "ends the image"},
	{name: "xrstor", model: rop, how: "net jumps to the `xrstor` of context switches", onRules: true,
		words: func(s *target) string {
			return s.call("net", s.at(s.xrstor(), "tsb_comp1", "tsb_comp1", "tsb_comp1", "tsb_comp1", -1))
		}, result: "ends the image"},
	{name: "control registers", model: rop, how: "net jumps to the `mov %rax, %cr4` with which the image started, to turn keys off", onRules: true,
		words: func(s *target) string {
			return s.call("net", s.at(s.sequence("_libkvmplat_start64", 0x0f, 0x22, 0xe0), 0, 0, 0, 0, 0x40620))
		}, result: "ends the image"},
	{name: "wrpkru of its own", model: write, how: "net writes a `wrpkru` into its memory, calls it, and goes on as before", onRules: true,
		words: func(s *target) string {
			at, set := s.addr("tsb_comp1")+256, s.addr("memset")
			return s.call("net", s.at(set, at, 0x0f, 1), s.at(set, at+1, 0x01, 1), s.at(set, at+2, 0xef, 1), s.at(set, at+3, 0xc3, 1)) + " " +
				s.call("net", s.at(at, 0, 0, 0, 0, 0), s.fn("memset", "gofind_tag", 1, 1), s.fn("flexos_gate_1_0", "uk_syscall_r_gettid"))
		}, result: "ends the image"},
	{name: "wrpkru by a deputy", model: write, how: "net has `memset` write a `wrpkru` into data of compartment 0, calls it, and goes on as before", onRules: true,
		words: func(s *target) string {
			at, set := s.addr("tsb_comp0")+256, s.addr("memset")
			return s.call("libc", s.at(set, at, 0x0f, 1), s.at(set, at+1, 0x01, 1), s.at(set, at+2, 0xef, 1), s.at(set, at+3, 0xc3, 1)) + " " +
				s.call("net", s.at(at, 0, 0, 0, 0, 0), s.fn("memset", "gofind_tag", 1, 1), s.fn("flexos_gate_1_0", "uk_syscall_r_gettid"))
		}, result: "ends the image"},
	{name: "interrupt stack, entry", model: pointer, how: "net registers its function with the timer, and that has a gate call `uk_syscall_r_getppid`: gates are only calls there",
		words: func(s *target) string {
			return s.call("libc", s.fn("ukplat_irq_register", "net_irq")) + " ticks " + s.call("peek", s.fn("irq_result"))
		}, result: "refused"},
	{name: "interrupt stack, memory", model: write, how: "net registers its function with the timer, and that writes where compartment 0 alone can", onRules: true,
		words: func(s *target) string {
			return s.call("poke", s.at(s.addr("irq_target"), "heap")) + " " + s.call("libc", s.fn("ukplat_irq_register", "net_irq")) + " ticks " + s.call("peek", s.fn("heap"))
		}, took: func(r []string) bool { return len(r) > 0 && r[len(r)-1] == "1 errno 0" },
		result: "not stopped", why: "handlers run with all keys open, those of a compartment, too; so can the tag be set"},
	{name: "entry + 5", model: rop, how: "net calls `uk_syscall_r_getppid` behind the jump",
		words: func(s *target) string { return s.call("net", s.at(s.resume("uk_syscall_r_getppid"))) }, result: "not stopped", why: "the check is at the entry"},
}

// alias returns the address of the second mapping of the tag.
func (s *target) alias() uint64 {
	r, err := s.debug.Rules()
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Data.Addr + (r.Data.Size-1)&^4095 + 4096
}

func (a *pkuAttack) verdict(console string) string {
	r := results(console)
	took := len(r) > 0 && !strings.HasPrefix(r[len(r)-1], "-")
	if a.took != nil {
		took = a.took(r)
	}
	switch {
	case !strings.Contains(console, "done"):
		return "ends the image"
	case !strings.Contains(console, "done, 0 wrong"):
		return "breaks others"
	case took:
		return "not stopped"
	}
	return "refused"
}

func TestPKUAttacks(t *testing.T) {
	img := imagePKU(t)
	targets := map[bool]*target{}
	for _, protect := range []bool{false, true} {
		debug, final, _ := sealPKU(t, Options{Protect: protect})
		targets[protect] = &target{t: t, plain: open(t, img.Debug), debug: debug, final: final}
	}
	var rows []row
	for _, a := range pkuAttacks {
		rows = append(rows, row{a.model, a.name, a.how, a.result, a.why})
	}
	for _, a := range pkuAttacks {
		s := targets[a.protect]
		t.Run(a.name, func(t *testing.T) {
			words := a.words(s)
			console, status := boot(t, s.final, words)
			if got := a.verdict(console); got != a.result {
				t.Errorf("%s: %s, not %s; status %d, console:\n%s", words, got, a.result, status, console)
			}
			if a.onRules || a.result == "not stopped" || strings.Contains(console, "trap") {
				return
			}
			// Without rules the same succeeds.
			if console, status = boot(t, img.Final, words); a.verdict(console) != "not stopped" {
				t.Errorf("%s, without rules: status %d, console:\n%s", words, status, console)
			}
		})
	}
	document(t, "attacks with keys", []string{logic, pointer, rop, write}, rows)
}

// What the rules allow goes on, before keys are on, too.
func TestPKUAllowed(t *testing.T) {
	debug, final, _ := sealPKU(t, Options{})
	s := &target{t: t, plain: open(t, imagePKU(t).Debug), debug: debug}
	console, status := boot(t, final, s.call("net", s.fn("uk_syscall_r_getpid")), s.call("net", s.fn("uk_syscall_e_getuid")), s.call("libc", s.fn("getppid")),
		s.call("app", s.fn("uk_syscall_r_gettid")), s.call("plugin", s.fn("uk_syscall_r_getppid")), s.call("pkru", s.at(0x3ffffffc, "uk_syscall_r_getppid")))
	want := []string{"1 errno 0", "1000 errno 0", "7 errno 0", "3 errno 0", "7 errno 0", "7 errno 0"}
	if got := results(console); strings.Join(got, "|") != strings.Join(want, "|") || status != 0 {
		t.Errorf("%q, status %d\n%s", got, status, console)
	}
}

// No wrpkru of what is added lets a jump to it go on with keys that it chooses. (Those in code that ends the image do not compare, and may fault
// in what they print.)
func TestPKUOwnSequences(t *testing.T) {
	debug, final, _ := sealPKU(t, Options{})
	s := &target{t: t, debug: debug}
	text := debug.section(".gofind_text")
	b := debug.Bytes(text.addr)[:text.size]
	n := 0
	for at := 0; ; n++ {
		i := bytes.Index(b[at:], []byte{0x0f, 0x01, 0xef})
		if i < 0 {
			break
		}
		at += i
		for _, pkru := range []uint32{0, 0x3ffffff0, 0x0ffffff0} {
			word := s.call("net", s.at(text.addr+uint64(at), 0, 0, 0, 0, pkru), s.fn("memset", "gofind_tag", 1, 1), s.fn("flexos_gate_1_0", "uk_syscall_r_gettid"))
			if console, _ := boot(t, final, word); strings.Contains(console, "done") || strings.Contains(console, " -> ") {
				t.Errorf("%s: %s", word, console)
			}
		}
		at += 3
	}
	if n < 5 {
		t.Errorf("%d found", n)
	}
}
