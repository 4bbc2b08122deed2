package qemu

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// The kernel of these tests: the loader's 32-bit entry (Multiboot 0.6.96, section 3.1), a page table of one
// 1 GiB page, long mode (Intel SDM volume 3, section 9.8.5), and main.
const boot = `
	.section .boot, "awx"
	.code32
	.long 0x1badb002, 3, -(0x1badb002 + 3)
	.align 16
boot:	.globl boot
	movl $stack, %esp
	movl $pdpt + 3, pml4
	movl $0x83, pdpt
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0x620, %eax # PAE, OSFXSR, OSXMMEXCPT
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax # LME
	wrmsr
	movl $0x80000011, %eax # PG, ET, PE
	movl %eax, %cr0
	lgdt gdtr
	ljmp $8, $long
	.code64
long:	movl $16, %eax
	movl %eax, %ss
	movl %eax, %ds
	movl $0xc0000100, %ecx # FS base
	movl $0x12345678, %eax
	movl $0x1234, %edx
	wrmsr
	xorl %ebp, %ebp
	call main
	movl $0x31, %eax
	outl %eax, $0xf4 # isa-debug-exit: status 2*0x31+1
1:	hlt
	jmp 1b
	.align 8
gdt:	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdtr:	.word . - gdt - 1
	.long gdt
	.text
	.globl through, spin
	.type through, @function
through: # assembly that has no frame information and moves the stack
	subq $24, %rsp
	call uk_syscall_r_write
	addq $24, %rsp
	ret
	.size through, . - through
	.type spin, @function
spin:	jmp spin
	.size spin, . - spin
	.bss
	.align 4096
pml4:	.skip 4096
pdpt:	.skip 4096
	.skip 8192
stack:
`

const source = `
static inline void outb(unsigned short port, unsigned char v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline unsigned char inb(unsigned short port) { unsigned char v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
#define NOINLINE __attribute__((noinline, noclone))

volatile unsigned long counter = 0x1122334455667788;
char buffer[10000] = "start";

NOINLINE long uk_syscall_r_write(long fd, const char *s, long n) {
	for (long i = 0; i < n; i++) outb(0x3f8, s[i]);
	return n;
}
NOINLINE long uk_syscall_e_getpid(void) { return counter++; }
static NOINLINE long __uk_syscall_r_open(const char *s) { return uk_syscall_r_write(2, s, 1) + counter; }
long through(long, const char *, long);
void spin(void);

NOINLINE long depth(long n, const char *s) {
	volatile char pad[100]; // so that there is a frame
	pad[n] = 1;
	long r = n ? depth(n - 1, s) : uk_syscall_r_write(1, s, 5);
	return r + pad[n];
}
NOINLINE long indirect(long (*f)(long, const char *), long n, const char *s) { return f(n, s) + 1; }
NOINLINE long six(long a, long b, long c, long d, long e, long f) { return a + 10*b + 100*c + 1000*d + 10000*e + 100000*f; }

long main(void) {
	long r = indirect(depth, 3, "hello");
	r += through(1, "there", 5) + uk_syscall_e_getpid() + __uk_syscall_r_open("x") + six(1, 2, 3, 4, 5, 6);
	while (!(inb(0x3fd) & 1)); // a byte is there to be read
	unsigned char c = inb(0x3f8);
	if (c == 's') spin();
	outb(0x3f8, c);
	return r;
}
`

// kernel builds the image with flags for the C part, and returns the one that boots and the one with symbols.
func kernel(t *testing.T, flags ...string) (image, debug string) {
	t.Helper()
	for _, tool := range []string{Program, "gcc", "objcopy"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return p
	}
	s, c := write("boot.s", boot), write("main.c", source)
	lds := write("link.lds", `ENTRY(boot) SECTIONS { . = 1M; .text : { *(.boot) *(.text*) } .rodata : { *(.rodata*) } .data : { *(.data*) } .bss : { *(.bss*) } /DISCARD/ : { *(.note*) } }`)
	image, debug = filepath.Join(dir, "kernel"), filepath.Join(dir, "kernel.dbg")
	run := func(name string, args ...string) {
		if out, err := bounded.Command(t, name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("gcc", slices.Concat([]string{"-O2", "-ffreestanding", "-fno-pic", "-mno-red-zone", "-mgeneral-regs-only",
		"-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-stack-protector"}, flags,
		[]string{"-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-T," + lds, "-o", debug, s, c})...)
	run("objcopy", "-O", "elf32-i386", "--strip-all", debug, image)
	return image, debug
}

// Symbols, frames and text of an ELF file.
type symbols struct {
	funcs  []Func
	addr   map[string]uint64
	frames *Frames
	base   uint64
	text   []byte
	file   *elf.File
}

func readSymbols(t testing.TB, path string) *symbols {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s := &symbols{addr: map[string]uint64{}, file: f}
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, sym := range syms {
		s.addr[sym.Name] = sym.Value
		if elf.ST_TYPE(sym.Info) == elf.STT_FUNC {
			s.funcs = append(s.funcs, Func{sym.Name, sym.Value, sym.Size})
		}
	}
	if sec := f.Section(".debug_frame"); sec != nil {
		b, err := sec.Data()
		if err != nil {
			t.Fatal(err)
		}
		if s.frames, err = ParseFrames(b); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range f.Progs { // FlexOS has more executable sections than .text
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && p.Filesz > uint64(len(s.text)) {
			s.base, s.text = p.Vaddr, make([]byte, p.Filesz)
			if _, err := p.ReadAt(s.text, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s.text == nil {
		t.Fatalf("%s has no executable segment", path)
	}
	return s
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func launch(t *testing.T, ctx context.Context, c Config) *Machine {
	t.Helper()
	m, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

var debugExit = []string{"-device", "isa-debug-exit,iobase=0xf4,iosize=4"}

func TestConsole(t *testing.T) {
	image, _ := kernel(t)
	ctx := within(t, 20*time.Second)
	m := launch(t, ctx, Config{Kernel: image, Memory: 32, Args: debugExit})
	if err := m.Await(ctx, "hellotherex"); err != nil {
		t.Fatal(err)
	}
	if err := m.Type("q"); err != nil {
		t.Fatal(err)
	}
	status, err := m.Wait(ctx)
	if err != nil || status != 2*0x31+1 {
		t.Errorf("exit status %d (%v), not %d", status, err, 2*0x31+1)
	}
	if got := m.Console(); got != "hellotherexq" {
		t.Errorf("console %q", got)
	}
	if err := m.Await(ctx, "never"); err == nil || !strings.Contains(err.Error(), "hellotherexq") {
		t.Errorf("Await after the end: %v", err)
	}
}

func TestDebugger(t *testing.T) {
	image, debug := kernel(t)
	sym := readSymbols(t, debug)
	ctx := within(t, 20*time.Second)
	m := launch(t, ctx, Config{Kernel: image, Memory: 32, Debug: true, Args: debugExit})
	d, err := m.Debugger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	goesTo := func(name string) Regs {
		t.Helper()
		must(d.Continue(ctx))
		r, err := d.Regs()
		must(err)
		if r[RIP] != sym.addr[name] {
			t.Fatalf("stopped at %#x, not at %s (%#x)", r[RIP], name, sym.addr[name])
		}
		return r
	}
	must(d.Break(sym.addr["main"], sym.addr["uk_syscall_r_write"], sym.addr["through"]))
	r := goesTo("main")
	if m.Console() != "" {
		t.Errorf("console %q before main", m.Console())
	}
	if r[EFLAGS]&2 == 0 || r[EFLAGS]>>32 != 0 {
		t.Errorf("EFLAGS %#x", r[EFLAGS])
	}
	// Memory: what the image has there, more than a packet of it, and what is written.
	if v, err := d.Word(sym.addr["counter"]); err != nil || v != 0x1122334455667788 {
		t.Errorf("counter is %#x (%v)", v, err)
	}
	big := make([]byte, 10000)
	must(d.Read(sym.addr["buffer"], big))
	if !strings.HasPrefix(string(big), "start\x00") {
		t.Errorf("buffer starts with %q", big[:8])
	}
	for i := range big {
		big[i] = byte(i * 7)
	}
	must(d.Write(sym.addr["buffer"], big))
	back := make([]byte, len(big))
	must(d.Read(sym.addr["buffer"], back))
	if !slices.Equal(big, back) {
		t.Error("what was written is not what is read")
	}
	if err := d.Read(1<<45, back[:8]); err == nil {
		t.Error("memory that is not mapped can be read")
	}
	// Registers.
	must(d.SetReg(R15, 0x8123456789abcdef))
	if v, err := d.ReadReg(R15); err != nil || v != 0x8123456789abcdef {
		t.Errorf("r15 is %#x (%v)", v, err)
	}
	if v, err := d.ReadReg(FSBase); err != nil || v != 0x123412345678 {
		t.Errorf("fs_base is %#x (%v)", v, err)
	}
	// A call from here; a breakpoint in it is passed over.
	before, err := d.Regs()
	must(err)
	if v, err := d.Call(ctx, sym.addr["six"], 6, 5, 4, 3, 2, 1); err != nil || v != 123456 {
		t.Errorf("six returns %d (%v)", v, err)
	}
	must(d.Write(sym.addr["buffer"], []byte("called ")))
	if v, err := d.Call(ctx, sym.addr["uk_syscall_r_write"], 1, sym.addr["buffer"], 7); err != nil || v != 7 {
		t.Errorf("write returns %d (%v)", v, err)
	}
	if m.Await(ctx, "called ") != nil {
		t.Errorf("console %q after the call", m.Console())
	}
	after, err := d.Regs()
	must(err)
	if before != after {
		t.Errorf("registers after a call:\n%x, before it:\n%x", after, before)
	}
	// A step, then the breakpoints.
	must(d.Step(ctx))
	if r, err := d.Regs(); err != nil || r[RIP] <= before[RIP] || r[RIP] > before[RIP]+15 {
		t.Errorf("after a step: %#x (%v)", r[RIP], err)
	}
	r = goesTo("uk_syscall_r_write")
	if r[RDI] != 1 || r[RDX] != 5 {
		t.Errorf("write(%d, ..., %d)", r[RDI], r[RDX])
	}
	text := make([]byte, 5)
	must(d.Read(r[RSI], text))
	if string(text) != "hello" {
		t.Errorf("write(%q)", text)
	}
	goesTo("through")
	must(d.Clear(sym.addr["uk_syscall_r_write"]))
	// A context's end stops the machine, which can go on.
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := d.Continue(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a machine that waits: %v", err)
	}
	must(m.Await(ctx, "called hellotherex"))
	must(d.Break(sym.addr["spin"]))
	must(m.Type("s"))
	goesTo("spin")
	goesTo("spin") // which jumps to itself
	must(d.Clear(sym.addr["spin"]))
	must(d.SetReg(RIP, sym.addr["main"]))
	must(d.Clear(sym.addr["main"], sym.addr["through"]))
	must(m.Type("q"))
	if err := d.Continue(ctx); err != ErrEnded {
		t.Errorf("at the end: %v", err)
	}
	if _, err := d.Regs(); err == nil {
		t.Error("a machine that has ended has registers")
	}
}

// The same chain, by each way of unwinding.
func TestTrace(t *testing.T) {
	type want struct {
		call, fn, kind string
		chain          []string
	}
	wants := []want{
		{"write", "uk_syscall_r_write", "entry", []string{"depth", "depth", "depth", "depth", "indirect", "main"}},
		{"write", "uk_syscall_r_write", "entry", []string{"through", "main"}},
		{"getpid", "uk_syscall_e_getpid", "entry", []string{"main"}},
		{"open", "__uk_syscall_r_open", "body", []string{"main"}},
		{"write", "uk_syscall_r_write", "entry", []string{"__uk_syscall_r_open", "main"}},
	}
	for _, c := range []struct {
		name  string
		flags []string
		how   string
		asm   string // how the caller of assembly is found
	}{
		{"cfi", []string{"-g", "-fomit-frame-pointer"}, Exact, Guess},
		{"pointers", []string{"-fno-omit-frame-pointer"}, Pointer, ""},
		{"guess", []string{"-fomit-frame-pointer"}, Guess, Guess},
	} {
		t.Run(c.name, func(t *testing.T) {
			image, debug := kernel(t, c.flags...)
			sym := readSymbols(t, debug)
			if (sym.frames != nil && len(sym.frames.fdes) > 0) != (c.how == Exact) {
				t.Fatal("the image has frame information, or lacks it, and should not")
			}
			ctx := within(t, 20*time.Second)
			m := launch(t, ctx, Config{Kernel: image, Memory: 32, Debug: true, Args: debugExit})
			d, err := m.Debugger(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			tr, err := NewTracer(d, Points(sym.funcs), sym.funcs, sym.frames, sym.base, sym.text)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Type("q"); err != nil {
				t.Fatal(err)
			}
			if err := tr.Run(ctx); err != nil {
				t.Fatal(err)
			}
			got := tr.Records()
			if len(got) != len(wants) {
				t.Fatalf("%d records, not %d: %+v", len(got), len(wants), got)
			}
			for i, w := range wants {
				g := got[i]
				if g.Call != w.call || g.Func != w.fn || g.Kind != w.kind || g.Count != 1 {
					t.Errorf("record %d: %+v, not %+v", i, g, w)
				}
				var chain []string
				for j, f := range g.Chain {
					// A guess may be stale, but the callers are among the guesses.
					if f.How != Guess || slices.Contains(w.chain, f.Func) {
						chain = append(chain, f.Func)
					}
					how := c.how
					if w.chain[0] == "through" && j > 0 {
						how = c.asm
					}
					if j == 0 && f.How != Exact || j > 0 && how != "" && f.How != how {
						t.Errorf("record %d: %s is found by %s", i, f.Func, f.How)
					}
				}
				if c.how == Pointer && w.chain[0] == "through" {
					w.chain = []string{"through"} // does not keep %rbp, so main is not found
				}
				if chain = slices.DeleteFunc(chain, func(f string) bool { return f == "" || f == "boot" }); !slices.Equal(chain, w.chain) {
					t.Errorf("record %d: %s was called by %v, not %v", i, w.call, chain, w.chain)
				}
			}
		})
	}
}
