package unikraft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/qemu"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/specimen"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// builtVMEPT is the set of two machines, built once for all tests.
var builtVMEPT struct {
	once sync.Once
	set  []*specimen.Image
	err  error
}

func imagesVMEPT(t testing.TB) []*specimen.Image {
	t.Helper()
	image(t)
	builtVMEPT.once.Do(func() {
		dir := filepath.Join(built.dir, "vmept")
		if builtVMEPT.err = os.Mkdir(dir, 0o777); builtVMEPT.err == nil {
			builtVMEPT.set, builtVMEPT.err = specimen.BuildVMEPT(dir)
		}
	})
	if errors.Is(builtVMEPT.err, specimen.ErrNoCompiler) {
		t.Skip(builtVMEPT.err)
	}
	if builtVMEPT.err != nil {
		t.Fatal(builtVMEPT.err)
	}
	return builtVMEPT.set
}

// planVMEPT is the plan of one of the images, by what its source says.
func planVMEPT(t testing.TB, n int) *compartment.Plan {
	t.Helper()
	debug := open(t, imagesVMEPT(t)[n].Debug)
	plan := &compartment.Plan{Alone: true, Compartments: []compartment.Compartment{{Name: []string{"core", "plugin"}[n], Default: true, Needs: specimen.Calls(specimen.VMEPTNeeds[n])}}}
	for _, y := range debug.Symbols() {
		for _, e := range specimen.VMEPTExports[n] {
			if y.Name == e {
				plan.Exports = append(plan.Exports, compartment.Gate{Func: e, Addr: y.Addr, Size: y.Size})
			}
		}
		if call, ok := strings.CutPrefix(y.Name, "__uk_syscall_r_"); ok && y.Type == sttFunc {
			nr, _ := sysno.Number(sysno.X86_64, call)
			plan.Entries = append(plan.Entries, compartment.Entry{Func: y.Name, Addr: y.Addr, Size: y.Size, Number: nr, Body: true})
		}
		if y.Name == "euidunlink" {
			plan.Entries = append(plan.Entries, compartment.Entry{Func: y.Name, Addr: y.Addr, Size: y.Size, Number: 87, Inline: true})
		}
		if y.Name == "flexos_vmept_rpc_loop" || y.Name == "flexos_vmept_wait_for_rpc" {
			scan(debug).function(y.Addr, func(in *x86.Inst) bool {
				if in.Op == x86.OpCallInd {
					plan.Servers = append(plan.Servers, compartment.Server{Func: y.Name, Addr: in.PC, Size: y.Addr + y.Size - in.PC, Reg: uint8(in.Src)})
				}
				return true
			})
		}
	}
	if len(plan.Servers) != 2 || len(plan.Exports) != len(specimen.VMEPTExports[n]) {
		t.Fatalf("servers %v, exports %v", plan.Servers, plan.Exports)
	}
	return plan
}

// machines is a set of images, sealed or not.
type machines struct {
	t     testing.TB
	plain *File // of the first, with symbols
	debug [2]*File
	final [2]string
}

func sealVMEPT(t testing.TB, opts Options) *machines {
	t.Helper()
	m := &machines{t: t}
	for n, img := range imagesVMEPT(t) {
		d, f := open(t, img.Debug), open(t, img.Final)
		if n == 0 {
			m.plain = open(t, img.Debug)
		}
		rep, err := Seal(planVMEPT(t, n), d, f, opts)
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Rules.Gaps) > 0 {
			t.Errorf("image %d: gaps %v", n, rep.Rules.Gaps)
		}
		m.debug[n], m.final[n] = open(t, save(t, d)), save(t, f)
	}
	return m
}

func plainVMEPT(t testing.TB) *machines {
	m := &machines{t: t}
	for n, img := range imagesVMEPT(t) {
		m.debug[n], m.final[n] = open(t, img.Debug), img.Final
	}
	m.plain = m.debug[0]
	return m
}

// boot runs both machines until the first ends, and returns their consoles and the status of the first.
func (m *machines) boot(words ...string) (first, second string, status int) {
	t := m.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "machines-") // t's own has the name of the test, with commas
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	shared := filepath.Join(dir, "shared")
	if err := os.WriteFile(shared, make([]byte, specimen.VMEPTShared), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-device", "isa-debug-exit", "-device", "ivshmem-plain,memdev=shared",
		"-object", fmt.Sprintf("memory-backend-file,id=shared,share=on,mem-path=%s,size=%d", shared, specimen.VMEPTShared)}
	var run [2]*qemu.Machine
	for _, n := range []int{1, 0} {
		c := qemu.Config{Kernel: m.final[n], Memory: 64, Args: args}
		if n == 0 {
			c.Append = strings.Join(words, " ")
		}
		v, err := qemu.Start(ctx, c)
		if errors.Is(err, qemu.ErrNoQEMU) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		run[n] = v
		if n == 1 {
			if err := v.Await(ctx, "serves"); err != nil {
				t.Fatal(err)
			}
		}
	}
	code, err := run[0].Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return run[0].Console(), run[1].Console(), code >> 1
}

func TestVMEPTWorkload(t *testing.T) {
	plain, _, status := plainVMEPT(t).boot("normal")
	if status != 0 || strings.Contains(plain, "WRONG") || !strings.Contains(plain, "nested call: ok") {
		t.Fatalf("the specimen itself: status %d\n%s", status, plain)
	}
	for _, opts := range []Options{{}, {Protect: true}, {OnDeny: gatecode.Crash}, {OnDeny: gatecode.ENOSYS}} {
		m := sealVMEPT(t, opts)
		sealed, _, status := m.boot("normal")
		if status != 0 || sealed != plain {
			t.Errorf("sealed, %v: status %d\n%s", opts, status, sealed)
		}
	}
}

// What is in the rules, and that nothing that is added is written to.
func TestVMEPTRules(t *testing.T) {
	m := sealVMEPT(t, Options{})
	for n, f := range m.debug {
		r, err := f.Rules()
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[rules.Kind]int{}
		for _, g := range r.Gates {
			kinds[g.Kind]++
		}
		if !r.Alone || r.Tag != 0 || len(r.Compartments) != 1 || kinds[rules.Export] != len(specimen.VMEPTExports[n]) || kinds[rules.Server] != 2 || len(kinds) != 2 {
			t.Errorf("image %d: alone %v, tag %#x, %d compartments, gates %v", n, r.Alone, r.Tag, len(r.Compartments), kinds)
		}
		for _, name := range []string{".gofind_data", ".gofind_data_bss"} {
			if f.section(name) != nil {
				t.Errorf("image %d has %s", n, name)
			}
		}
		for _, e := range r.Entries {
			if allowed := r.Compartments[0].Allowed.Has(int(e.Number)); allowed == (e.Hook != 0) {
				t.Errorf("image %d, %s: allowed %v, hook %#x", n, e.Func, allowed, e.Hook)
			}
		}
	}
}

// Every allow-list of up to many functions admits those and no others.
func TestVMEPTManyExports(t *testing.T) {
	img := imagesVMEPT(t)[1]
	for _, all := range []bool{true, false} {
		d, f := open(t, img.Debug), open(t, img.Final)
		plan := planVMEPT(t, 1)
		for _, y := range scan(d).starts {
			if y.Type == sttFunc && y.Name != "plugin_load" && y.Name != "plugin_wipe" || all && y.Name == "plugin_load" {
				plan.Exports = append(plan.Exports, compartment.Gate{Func: y.Name, Addr: y.Addr})
			}
		}
		if !all {
			plan.Exports = plan.Exports[1:] // plugin_load
			if plan.Exports[0].Func == "plugin_load" {
				t.Fatal("not left out")
			}
		}
		if _, err := Seal(plan, d, f, Options{}); err != nil {
			t.Fatal(err)
		}
		m := sealVMEPT(t, Options{})
		m.final[1] = save(t, f)
		console, _, _ := m.boot(fmt.Sprintf("rpc=%#x", addr(t, d, "plugin_wipe")), fmt.Sprintf("rpc=%#x", addr(t, d, "getuid")), "secret")
		want := "-1|1000|6"
		if !all {
			want = "-1|1000|-1"
		}
		if got := strings.Join(results(console), "|"); got != want {
			t.Errorf("with %d exports: %s, want %s\n%s", len(plan.Exports), got, want, console)
		}
	}
}

const machine = "another machine"

// A vmeptAttack is one of the first machine, which is compromised: on the second one, or on its own rules.
type vmeptAttack struct {
	name, model, how string
	protect          bool
	words            func(m *machines) []string
	took             func(results []string) bool // whether it succeeded; nil: the second machine's file is gone
	result, why      string
	onRules          bool // it aims at the rules, so that it cannot be tried without
}

func (m *machines) addr(name string) uint64 { return addr(m.t, m.debug[1], name) }

// word is one for the command line: a way, an address, and arguments, which are numbers or symbols.
func (m *machines) word(way string, at uint64, args ...any) string {
	w := fmt.Sprintf("%s=%#x", way, at)
	for _, a := range args {
		if name, ok := a.(string); ok && name != "@" {
			a = fmt.Sprintf("%#x", m.addr(name))
		}
		w += fmt.Sprintf(",%v", a)
	}
	return w
}

func rpcOf(name string, args ...any) func(*machines) []string {
	return func(m *machines) []string { return []string{m.word("rpc", m.addr(name), args...)} }
}

func own(way, name string, args ...any) func(*machines) []string {
	return func(m *machines) []string { return []string{m.word(way, addr(m.t, m.debug[0], name), args...)} }
}

// succeeded reports whether the first call did not fail with EPERM.
func succeeded(r []string) bool { return len(r) > 0 && r[0] != "-1" && r[0] != "4294967295" }

const secret = "plugin_secret_name"

var vmeptAttacks = []vmeptAttack{
	{name: "function that is not exported", model: machine, how: "`f_ptr` is `plugin_wipe`, which only the plugin itself calls", words: rpcOf("plugin_wipe"), result: "refused"},
	{name: "libc", model: machine, how: "`f_ptr` is libc's `unlink`", words: rpcOf("unlink", secret), result: "refused"},
	{name: "entry that it needs", model: machine, how: "`f_ptr` is `uk_syscall_r_unlink`, which the plugin needs itself", words: rpcOf("uk_syscall_r_unlink", secret), result: "refused"},
	{name: "entry that it does not need", model: machine, how: "`f_ptr` is `uk_syscall_r_uname`", words: rpcOf("uk_syscall_r_uname", "@"), took: succeeded, result: "refused"},
	{name: "behind the entry", model: machine, how: "`f_ptr` is `vfscore_unlink`", words: rpcOf("vfscore_unlink", secret), result: "refused"},
	{name: "middle of a function", model: machine, how: "`f_ptr` is `uk_syscall_r_uname` behind its first instructions", words: func(m *machines) []string {
		return []string{m.word("rpc", m.resume("uk_syscall_r_uname"), "@")}
	}, took: succeeded, result: "refused"},
	{name: "middle of an exported function", model: machine, how: "`f_ptr` is `plugin_load` + 1", words: func(m *machines) []string {
		return []string{m.word("rpc", m.addr("plugin_load")+1, secret, "@", 64)}
	}, took: succeeded, result: "refused"},
	{name: "the end", model: machine, how: "`f_ptr` is `ukplat_terminate`", words: rpcOf("ukplat_terminate", 66), took: succeeded, result: "refused"},
	{name: "the server itself", model: machine, how: "`f_ptr` is `flexos_vmept_rpc_loop`", words: rpcOf("flexos_vmept_rpc_loop"), took: succeeded, result: "refused"},
	{name: "code of the rules", model: machine, how: "`f_ptr` is the code behind the comparison", onRules: true, words: func(m *machines) []string {
		return []string{m.word("rpc", m.addr("gofind_hook_flexos_vmept_rpc_loop")+16, secret)}
	}, took: succeeded, result: "refused"},
	{name: "changed after the comparison", model: machine, how: "`f_ptr` changes all the time between `plugin_load` and `uk_syscall_r_unlink`, for 2000 calls", words: func(m *machines) []string {
		return []string{m.word("race", m.addr("uk_syscall_r_unlink"), "plugin_load", secret, "@", 64)}
	}, result: "refused"},
	{name: "arguments of an exported function", model: machine, how: "`plugin_load` is to read the file to where its name is", words: rpcOf("plugin_load", secret, secret, 6),
		result: "not stopped", why: "which function is called is checked, and not its arguments: a pointer leads where the other machine likes"},
	{name: "check overwritten by an exported function, protected", model: machine, how: "`plugin_load` is to read the file to where the comparison is, with `--protect-rules`", protect: true, onRules: true,
		words: func(m *machines) []string {
			return []string{m.word("rpc", m.addr("plugin_load"), secret, m.addr("gofind_hook_flexos_vmept_rpc_loop"), 6), m.word("rpc", m.addr("plugin_wipe"))}
		}, result: "ends the image"},

	{name: "entry", model: pointer, how: "it calls `uk_syscall_r_creat` in its own image, which does not need it", words: own("call", "uk_syscall_r_creat", secret), took: succeeded, result: "refused"},
	{name: "entry, with errno", model: pointer, how: "it calls `uk_syscall_e_creat`", words: own("call", "uk_syscall_e_creat", secret), took: succeeded, result: "refused"},
	{name: "libc as deputy", model: logic, how: "it calls libc's `creat`", words: own("call", "creat", secret), took: succeeded, result: "refused"},
	{name: "dispatcher", model: pointer, how: "it calls `uk_syscall6_r` with 85 in %rax", words: own("call", "uk_syscall6_r", secret, 0, 0, 0, 85), took: succeeded, result: "refused"},
	{name: "body function", model: pointer, how: "it calls the body `__uk_syscall_r_open`, with O_CREAT", words: own("call", "__uk_syscall_r_open", secret, 64), took: succeeded, result: "refused"},
	{name: "inlined body", model: pointer, how: "it calls `euidunlink`, which has the body of unlink inlined", words: own("call", "euidunlink", secret), took: succeeded, result: "ends the image"},
	{name: "thread", model: logic, how: "a thread of its own calls `uk_syscall_r_creat`", words: own("thread", "uk_syscall_r_creat", secret), took: succeeded, result: "refused"},
	{name: "handler of an interrupt", model: pointer, how: "a handler of the timer calls `uk_syscall_r_creat`", words: own("timer", "uk_syscall_r_creat", secret), took: succeeded, result: "refused"},
	{name: "internals", model: pointer, how: "it calls `vfscore_unlink` in its own image", words: own("call", "vfscore_unlink", secret), took: succeeded, result: "not stopped", why: "internals are no system calls; what they change is its own machine's"},
	{name: "entry + 5", model: rop, how: "it calls `uk_syscall_r_uname` of its own image behind the jump", words: func(m *machines) []string {
		return []string{m.word("call", m.resume("uk_syscall_r_uname"), "@")}
	}, took: succeeded, result: "not stopped", why: "the check is at the entry"},
	{name: "entry restored", model: write, how: "it writes back the first bytes of `uk_syscall_r_uname`, and calls it", onRules: true, words: (*machines).restore, took: last,
		result: "not stopped", why: "memory is writable unless `--protect-rules` is given"},
	{name: "entry restored, protected", model: write, how: "the same, with `--protect-rules`", onRules: true, protect: true, words: (*machines).restore, took: last, result: "ends the image"},
}

// last reports whether the call before the last one succeeded.
func last(r []string) bool { return len(r) > 1 && r[len(r)-2] != "-1" }

// resume returns the address of the first instruction of a function that sealing leaves where it is.
func (m *machines) resume(name string) uint64 {
	p, err := scan(m.plain).cut(addr(m.t, m.plain, name), 0)
	if err != nil {
		m.t.Fatal(err)
	}
	return p.Resume()
}

func (m *machines) restore() []string {
	const name = "uk_syscall_r_uname"
	at := addr(m.t, m.plain, name)
	var words []string
	for i, b := range m.plain.Bytes(at)[:5] {
		words = append(words, m.word("call", addr(m.t, m.debug[0], "memset"), at+uint64(i), b, 1))
	}
	return append(words, m.word("call", at, "@"))
}

func (a *vmeptAttack) verdict(first string, status int) string {
	r := results(first)
	took := len(r) > 0 && r[len(r)-1] != "6"
	if a.took != nil {
		took = a.took(r)
	}
	switch {
	case a.result == "ends the image" && a.model == machine && strings.Contains(first, "no answer"):
		return "ends the image"
	case !strings.Contains(first, "done") || status != 0:
		return "ends the image"
	case took:
		return "not stopped"
	}
	return "refused"
}

func TestVMEPTAttacks(t *testing.T) {
	plain := plainVMEPT(t)
	sets := map[bool]*machines{false: sealVMEPT(t, Options{}), true: sealVMEPT(t, Options{Protect: true})}
	var rows []row
	for _, a := range vmeptAttacks {
		rows = append(rows, row{a.model, a.name, a.how, a.result, a.why})
	}
	for _, a := range vmeptAttacks {
		t.Run(a.name, func(t *testing.T) {
			m := *sets[a.protect]
			m.t = t
			words := append(a.words(&m), "secret")
			first, second, status := m.boot(words...)
			if got := a.verdict(first, status); got != a.result {
				t.Errorf("%s: %s, not %s; status %d, consoles:\n%s\n%s", words, got, a.result, status, first, second)
			}
			if a.onRules || a.result == "not stopped" {
				return
			}
			// Without rules the same succeeds.
			p := *plain
			p.t = t
			first, second, status = p.boot(words...)
			if got := a.verdict(first, status); got != "not stopped" {
				t.Errorf("%s, without rules: %s; status %d, consoles:\n%s\n%s", words, got, status, first, second)
			}
		})
	}
	document(t, "attacks with machines", []string{machine, logic, pointer, rop, write}, rows)
}
