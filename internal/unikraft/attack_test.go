package unikraft

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/specimen"
)

var update = flag.Bool("update", false, "rewrite docs/attacks.md and the tables of docs/compartments.md")

// The attackers that the table tells apart, the weakest first.
const (
	logic   = "logic bug"
	pointer = "control of a function call"
	rop     = "jumps to any address"
	write   = "arbitrary write"
)

// attack is one way to make a call that the compartment net must not make.
type attack struct {
	name, model, how string
	opts             Options
	words            func(s *target) []string
	took             func(console string, status int) bool // whether it succeeded; nil: the file "secret" is gone
	result           string                                // "refused", "ends the image", or "not stopped"
	why              string                                // of what is not stopped
	onRules          bool                                  // it aims at the rules, so that it cannot be tried without
	rewritten        bool                                  // it aims at what only a rewritten image has: moved instructions, --protect-rules
}

// target is a sealed specimen with the addresses that an attacker knows.
type target struct {
	t     testing.TB
	plain *File
	debug *File
	final string

	linked  bool // with the micro-library
	unaware bool // the attacker goes around wrappers
}

// addr is where an attacker finds a function: where it is wrapped, that is best for one who wants the tag to change.
func (s *target) addr(name string) uint64 {
	for _, y := range s.debug.Symbols() {
		if y.Name == "__wrap_"+name && !s.unaware {
			return y.Addr
		}
	}
	return addr(s.t, s.debug, name)
}

// net is a call from the hole of net, directly.
func (s *target) net(name string, offset uint64, args string) string {
	return job("net", "direct", s.addr(name)+offset, args)
}

func one(name string, offset uint64, args string) func(*target) []string {
	return func(s *target) []string { return []string{s.net(name, offset, args)} }
}

// done reports whether the first call on the console did what it was to do.
func done(console string, _ int) bool {
	r := results(console)
	return len(r) > 0 && !strings.HasPrefix(r[0], "-") && !strings.HasPrefix(r[0], "4294967295 ") // an int, -1
}

func ended(_ string, status int) bool { return status == 66 }

// Most attacks aim at the file "secret", whose name is in buffer 0.
var attacks = []attack{
	{name: "another's entry", model: pointer, how: "net calls `uk_syscall_r_unlink`", words: one("uk_syscall_r_unlink", 0, "@0"), result: "refused"},
	{name: "another's entry, with errno", model: pointer, how: "net calls `uk_syscall_e_unlink`", words: one("uk_syscall_e_unlink", 0, "@0"), result: "refused"},
	{name: "libc as deputy", model: logic, how: "net calls libc's `unlink`", words: one("unlink", 0, "@0"), result: "refused"},
	{name: "dispatcher", model: pointer, how: "net calls `uk_syscall6_r` with 87 in %rax", words: one("uk_syscall6_r", 0, "@0,0,0,0,87"), result: "refused"},
	{name: "dispatcher of libc", model: pointer, how: "net calls the variadic `uk_syscall_r(87, ...)`", words: one("uk_syscall_r", 0, "87,@0"), result: "refused"},
	{name: "dispatcher with errno", model: pointer, how: "net calls `uk_syscall6(87, ...)`", words: one("uk_syscall6", 0, "87,@0"), result: "refused"},
	{name: "syscall instruction", model: pointer, how: "net executes `syscall` with 87 in %rax (binary compatibility)", words: one("syscall_raw", 0, "@0,0,0,0,87"), result: "refused"},
	{name: "body function", model: pointer, how: "net calls the body `__uk_syscall_r_open`, with O_TRUNC", words: one("__uk_syscall_r_open", 0, "@0,512"), took: done, result: "refused"},
	{name: "inlined body", model: pointer, how: "net calls `euidunlink`, which is no entry, and has the body of unlink inlined", words: one("euidunlink", 0, "@0"), result: "ends the image"},
	{name: "another compartment as deputy", model: logic, how: "net has plugin open a file (`plugin_load`)", words: one("plugin_load", 0, "@0,@3,8"), took: done, result: "refused"},
	{name: "own callback, from libc", model: logic, how: "app sorts, and the comparison is net's", words: func(s *target) []string {
		return []string{job("net", "sort", s.addr("uk_syscall_r_unlink"), "@0")}
	}, result: "refused"},
	{name: "own thread", model: logic, how: "net's function is the start of a thread", words: func(s *target) []string {
		return []string{job("net", "thread", s.addr("uk_syscall_r_unlink"), "@0")}
	}, result: "refused"},
	{name: "entered by a jump", model: logic, how: "app ends in a jump to net's function", words: func(s *target) []string {
		return []string{job("net", "tail", s.addr("uk_syscall_r_unlink"), "@0")}
	}, result: "refused"},
	{name: "callback smuggled to libc", model: pointer, how: "net calls `qsort` on the name, with `uk_syscall_r_unlink` as the comparison", words: one("qsort", 0, "@0,2,8,"+"UNLINK"), result: "refused"},
	{name: "callback smuggled to a thread", model: pointer, how: "net calls `pthread_create` with `uk_syscall_r_unlink` as the start, and waits", words: func(s *target) []string {
		return []string{job("net", "direct", s.addr("pthread_create"), fmt.Sprintf("@3,%#x,@0", s.addr("uk_syscall_r_unlink"))),
			job("app", "direct", s.addr("uk_syscall_r_sched_yield"), "0") + fmt.Sprintf("+%#x+%#x", s.addr("uk_syscall_r_sched_yield"), s.addr("uk_syscall_r_sched_yield"))}
	}, result: "refused"},
	{name: "return without a gate", onRules: true, model: rop, how: "net calls `gofind_leave`", words: one("gofind_leave", 0, ""), result: "ends the image"},
	{name: "exit", model: pointer, how: "net calls `uk_syscall_r_exit_group`", words: one("uk_syscall_r_exit_group", 0, "66"), took: ended, result: "ends the image"},
	{name: "exit through libc", model: logic, how: "net calls libc's `exit`", words: one("exit", 0, "66"), took: ended, result: "ends the image"},
	{name: "denied calls end the image", model: logic, how: "net calls libc's `unlink`, with `--on-deny crash`", opts: Options{OnDeny: gatecode.Crash}, words: one("unlink", 0, "@0"), result: "ends the image"},
	{name: "rules overwritten, protected", onRules: true, rewritten: true, model: write, how: "net overwrites the rules, with `--protect-rules`", opts: Options{Protect: true},
		words: func(s *target) []string {
			return []string{job("net", "direct", s.addr("memset"), fmt.Sprintf("%#x,0,64", s.rules())) + fmt.Sprintf("+%#x,@0", s.addr("uk_syscall_r_unlink"))}
		}, result: "ends the image"},
	{name: "check overwritten, protected", onRules: true, rewritten: true, model: write, how: "net overwrites the check with nops, with `--protect-rules`", opts: Options{Protect: true},
		words: (*target).nops, result: "ends the image"},
	{name: "page table overwritten, protected", onRules: true, rewritten: true, model: write, how: "net overwrites the page table, with `--protect-rules`", opts: Options{Protect: true},
		words: one("memset", 0, "PML4,0,8"), result: "ends the image"},

	{name: "entry + 5", model: rop, how: "net calls `uk_syscall_r_uname` behind the jump", words: func(s *target) []string {
		return []string{job("net", "direct", s.resume("uk_syscall_r_uname"), "@3")}
	}, took: done, result: "not stopped", why: "the check is at the entry; only control-flow integrity stops jumps into functions"},
	{name: "behind the check", onRules: true, rewritten: true, model: rop, how: "net calls the moved instructions, in the gates' code", words: one("gofind_hook_uk_syscall_r_uname", 16, "@3"), took: done, result: "not stopped", why: "as entry + 5"},
	{name: "internals", model: pointer, how: "net calls `vfscore_unlink`", words: one("vfscore_unlink", 0, "@0"), result: "not stopped", why: "internals are no system calls; the analysis lists which a compartment can reach"},
	{name: "pointer left for another", model: pointer, how: "net registers `uk_syscall_r_exit_group` as a handler of the timer", words: func(s *target) []string {
		return []string{job("net", "direct", s.addr("ukplat_irq_register"), fmt.Sprintf("%#x", s.addr("uk_syscall_r_exit_group"))),
			job("app", "direct", s.addr("memset"), "0x2000000,0,0x1000000")} // takes longer than a tick
	}, took: func(console string, status int) bool {
		return !strings.Contains(console, "done") && !strings.Contains(console, "gofind") && !strings.Contains(console, "trap")
	}, result: "not stopped", why: "who calls a pointer calls it on its own behalf; nothing says where the pointer came from"},
	{name: "forged context of longjmp", model: pointer, how: "net calls `longjmp` with a stack pointer above all frames, and `printf` to go on at", words: func(s *target) []string {
		return []string{"poke=7,0,0xa64656e776f", "poke=7,6,0x3000000", fmt.Sprintf("poke=7,7,%#x", s.addr("printf")), s.net("longjmp", 0, "@7,1")}
	}, took: func(console string, _ int) bool { return strings.Contains(console, "owned") }, result: "not stopped", why: "longjmp leaves what is below the stack pointer; whether that belongs to a frame that called setjmp is not checked"},
	{name: "forged context of a thread", model: pointer, how: "net calls `ukarch_ctx_switch` to a context in its own memory, which goes on at `uk_syscall_r_exit_group`", words: func(s *target) []string {
		return []string{fmt.Sprintf("poke=7,0,%#x", s.addr("_ctx_x86_call1")), "poke=7,1,@6", "poke=6,0,66", fmt.Sprintf("poke=6,1,%#x", s.addr("uk_syscall_r_exit_group")),
			s.net("ukarch_ctx_switch", 0, "@5,@7")}
	}, took: ended, result: "not stopped", why: "a context that no thread was made with goes on on behalf of the compartment that the image starts in, as an idle thread does"},
	{name: "forged tag", onRules: true, model: write, how: "net clears the tag, then calls `uk_syscall_r_unlink`; `--protect-rules` does not change that", opts: Options{Protect: true},
		words: func(s *target) []string {
			return []string{job("net", "direct", s.addr("memset"), fmt.Sprintf("%#x,0,4", s.addr("gofind_tag"))) + fmt.Sprintf("+%#x,@0", s.addr("uk_syscall_r_unlink"))}
		}, result: "not stopped", why: "the tag must be writable; a tag in a register (PKRU) would not be"},
	{name: "check overwritten", onRules: true, model: write, how: "net overwrites the check with nops, then calls `uk_syscall_r_unlink`", words: (*target).nops,
		result: "not stopped", why: "memory is writable unless `--protect-rules` is given"},
}

// rules returns the address of the rules.
func (s *target) rules() uint64 { return s.debug.section(".gofind_rules").addr }

// resume returns the address of the first instruction of a function that was not moved.
func (s *target) resume(name string) uint64 {
	if s.linked {
		return s.addr(name) + uint64(len(room))
	}
	p, err := scan(s.plain).cut(addr(s.t, s.plain, name), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return p.Resume()
}

func (s *target) nops() []string {
	return []string{job("net", "direct", s.addr("memset"), fmt.Sprintf("%#x,0x90,16", s.addr("gofind_hook_uk_syscall_r_unlink"))) + fmt.Sprintf("+%#x,@0", s.addr("uk_syscall_r_unlink"))}
}

func TestAttacks(t *testing.T) {
	img := image(t)
	targets := map[Options]*target{}
	results := make([]string, len(attacks))
	t.Run("attack", func(t *testing.T) {
		attackAll(t, img, results, func(opts Options) *target {
			s := targets[opts]
			if s == nil {
				s = &target{t: t, plain: open(t, img.Debug)}
				plan := planOf(t, img)
				narrow(plan)
				var debug string
				debug, s.final, _ = seal(t, plan, opts)
				s.debug = open(t, debug)
				targets[opts] = s
			}
			return s
		})
	})
	var rows []row
	for i, a := range attacks {
		rows = append(rows, row{a.model, a.name, a.how, results[i], a.why})
	}
	document(t, "attacks", []string{logic, pointer, rop, write}, rows)
}

// narrow takes calls from net that its attackers want.
func narrow(plan *compartment.Plan) {
	plan.Compartments[1].Needs = specimen.Calls("getpid clock_gettime clone futex sched_yield exit")
}

// attackAll tries all attacks, some at the same time, on what get returns.
func attackAll(t *testing.T, img *specimen.Image, results []string, get func(Options) *target) {
	for i, a := range attacks {
		s := get(a.opts)
		if s.linked && a.rewritten {
			continue
		}
		words := a.command(s)
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			console, status := boot(t, s.final, words...)
			results[i] = a.verdict(console, status)
			if results[i] != a.result {
				t.Errorf("%s, not %s; status %d, console:\n%s", results[i], a.result, status, console)
			}
		})
		// What protects memory stops the same as without it.
		if a.model != write && !a.opts.Protect && !s.linked {
			protected := a.opts
			protected.Protect = true
			p := get(protected)
			words := a.command(p)
			t.Run(a.name+", protected", func(t *testing.T) {
				t.Parallel()
				console, status := boot(t, p.final, words...)
				if got := a.verdict(console, status); got != a.result {
					t.Errorf("%s, not %s; status %d, console:\n%s", got, a.result, status, console)
				}
			})
		}
		// Without rules the same must succeed, or the test shows nothing. What is aimed at the rules themselves has no such counterpart.
		if a.onRules || s.linked {
			continue
		}
		t.Run(a.name+", without rules", func(t *testing.T) {
			t.Parallel()
			console, status := boot(t, img.Final, words...)
			if got := a.verdict(console, status); got != "not stopped" {
				t.Errorf("%s; status %d, console:\n%s", got, status, console)
			}
		})
	}
}

// command is what the image is told to do.
func (a *attack) command(s *target) []string {
	words := append([]string{"fill"}, a.words(s)...)
	for i := range words {
		words[i] = strings.NewReplacer("UNLINK", fmt.Sprintf("%#x", s.addr("uk_syscall_r_unlink")), "PML4", fmt.Sprintf("%#x", s.addr("x86_bpt_pml4"))).Replace(words[i])
	}
	return append(words, job("app", "direct", s.addr("uk_syscall_r_unlink"), "@0"))
}

// verdict says what an attack came to.
func (a *attack) verdict(console string, status int) string {
	r := results(console)
	switch {
	case a.took != nil && a.took(console, status):
		return "not stopped"
	case !strings.Contains(console, "done"):
		return "ends the image"
	case a.took == nil && (len(r) == 0 || !strings.HasPrefix(r[len(r)-1], "0 ")):
		return "not stopped"
	}
	return "refused"
}

// The same attacks, on images that the rules are linked into. Without rules they were tried above.
func TestSourceAttacks(t *testing.T) {
	targets := map[Options]*target{}
	results := make([]string, len(attacks))
	attackAll(t, image(t), results, func(opts Options) *target {
		opts.Protect = false // the micro-library has no such thing
		s := targets[opts]
		if s == nil {
			img, _ := linkedImage(t, narrow, opts)
			s = &target{t: t, debug: open(t, img.Debug), final: img.Final, linked: true}
			targets[opts] = s
		}
		return s
	})
}

// Who calls a function that is wrapped by its own address goes around its gate. That leaves the tag as it is: what was
// not stopped is then.
func TestSourceWrapped(t *testing.T) {
	img, _ := linkedImage(t, narrow, Options{})
	s := &target{t: t, debug: open(t, img.Debug), final: img.Final, linked: true, unaware: true}
	tried := 0
	for _, a := range attacks {
		if strings.HasPrefix(a.name, "forged context") {
			tried++
			console, status := boot(t, s.final, a.command(s)...)
			if got := a.verdict(console, status); got != "ends the image" {
				t.Errorf("%s: %s; status %d, console:\n%s", a.name, got, status, console)
			}
		}
	}
	if tried != 2 {
		t.Errorf("%d attacks", tried)
	}
}

// row is a line of docs/attacks.md.
type row struct{ model, name, how, result, why string }

// document writes one table of docs/attacks.md, or compares it: attackers in the order of their power.
func document(t *testing.T, name string, models []string, rows []row) {
	t.Helper()
	var b strings.Builder
	b.WriteString("| attacker | what | how | result |\n|---|---|---|---|\n")
	for _, model := range models {
		for _, r := range rows {
			if r.model != model {
				continue
			}
			if r.why != "" {
				r.result = "**" + r.result + "**: " + r.why
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.model, r.name, r.how, r.result)
		}
	}
	writePart(t, "../../docs/attacks.md", name, b.String())
}

// writePart writes the part of a document that is between two comments with its name, or compares it.
func writePart(t *testing.T, path, name, text string) {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(data), begin)
	table, foot, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", path)
	}
	if table == text || t.Failed() {
		return
	}
	if !*update {
		t.Errorf("%s is not up to date; run the test with -update", path)
		return
	}
	if err := os.WriteFile(path, []byte(head+begin+text+end+foot), 0o666); err != nil {
		t.Fatal(err)
	}
}
