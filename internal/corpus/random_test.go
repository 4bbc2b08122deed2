package corpus

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var (
	randomTime = flag.Duration("random", 20*time.Second, "how long TestRandom makes programs")
	randomSeed = flag.Uint64("seed", 1, "the seed of the first of them")
	randomOne  = flag.Bool("one", false, "make only that one, and keep it")
)

// TestRandom makes programs at random, runs them under strace, and requires each call that was traced to be
// in the answer for the program, for a stripped copy and for one without section headers.
func TestRandom(t *testing.T) {
	for _, tool := range []string{"gcc", "strace", "strip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(missingTool{tool})
		}
	}
	end := time.Now().Add(*randomTime)
	var next, made, open atomic.Uint64
	next.Store(*randomSeed)
	t.Run("programs", func(t *testing.T) {
		for k := range 2 {
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				t.Parallel()
				for time.Now().Before(end) {
					seed := next.Add(1) - 1
					if *randomOne && seed != *randomSeed {
						return
					}
					made.Add(1)
					if !randomProgramOf(t, seed) {
						open.Add(1)
					}
				}
			})
		}
	})
	t.Logf("%d programs; the answers for %d of them are not complete", made.Load(), open.Load())
}

// randomProgramOf tries the program of a seed. It reports whether the answer claims to be complete.
func randomProgramOf(t *testing.T, seed uint64) (complete bool) {
	source, hosted, options := randomSource(seed)
	dir := filepath.Join(workDir, fmt.Sprintf("random-%d", seed))
	bad := func(format string, a ...any) {
		t.Helper()
		t.Errorf("seed %d, gcc %s: %s\n\tagain: go test ./internal/corpus -run TestRandom -args -one -seed %d -keep DIR", seed, strings.Join(options, " "), fmt.Sprintf(format, a...), seed)
	}
	if !*randomOne {
		defer os.RemoveAll(dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	src, prog := filepath.Join(dir, "prog.c"), filepath.Join(dir, "prog")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	gcc := func(args ...string) bool {
		cmd := exec.Command("gcc", append([]string{"-w", "-I" + testdata}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			bad("%v\n%s", err, out)
		}
		return err == nil
	}
	var args []string
	for _, f := range options {
		if g := flags[f]; g != "" {
			args = append(args, strings.Fields(strings.ReplaceAll(g, "{{testdata}}", testdata))...)
			continue
		}
		args = append(args, f)
	}
	args = append(args, src, "-o", prog)
	if hosted {
		lib := filepath.Join(dir, "libx.so")
		if !gcc("-O2", "-shared", "-fPIC", "-DLIBRARY", src, "-o", lib) {
			return false
		}
		args = append(args, lib, "-Wl,-rpath,$ORIGIN")
	}
	if !gcc(args...) {
		return false
	}
	v := &variant{input: &input{name: "random", directives: map[string][]string{}}, name: fmt.Sprint(seed), dir: dir, program: prog}
	traced := trace{}
	if err := v.run(filepath.Join(dir, "trace"), nil, traced); err != nil {
		bad("%v", err)
		return false
	}
	defer os.RemoveAll(dir + ".stripped")
	defer os.RemoveAll(dir + ".sectionless")
	copies := []string{dir, v.stripped(t)}
	if !hosted {
		copies = append(copies, v.copyOf(t, "sectionless", removeSections))
	}
	complete = true
	for _, c := range copies {
		r := v.scan(t, c, 1)
		if !r.Complete {
			if *randomOne {
				t.Log(openEntries(r))
			}
			complete = false
			continue
		}
		sites := map[call]map[string]bool{}
		for _, s := range r.Syscalls {
			k := call{ABI: s.ABI, Number: s.Number &^ x32Bit}
			sites[k] = map[string]bool{}
			for _, site := range s.Sites {
				sites[k][site.Address] = true
			}
		}
		for k, addresses := range traced {
			at, ok := sites[call{ABI: k.ABI, Number: k.Number}]
			if !ok {
				bad("%v was traced but is not reported of %s", k, filepath.Base(c))
				continue
			}
			for a := range addresses {
				if address := fmt.Sprintf("%#x", a); v.fixed() && !at[address] {
					bad("%v was traced at %s, which is not one of its sites in %s", k, address, filepath.Base(c))
				}
			}
		}
	}
	return complete
}

// A random program is a number of cells. Each has a variable that something
// writes, a condition on it, and a system call behind the condition. All is drawn from
// a seed, so that the seed stands for the program.
type randomProgram struct {
	*rand.Rand
	hosted bool // with libc and a library of its own
	n      int  // for names
	marks  []int

	decls, funcs, writes, checks, library strings.Builder
}

// randomMarks are calls that do nothing when all their arguments are -1.
var randomMarks = []int{110, 102, 104, 107, 108, 111, 186, 24, 124, 100, 99, 63, 140, 36, 201, 309, 146, 147, 294, 291, 290, 287, 250, 248,
	249, 252, 251, 312, 149, 150, 324, 318, 306, 27, 26, 97, 98, 125, 131, 143, 145, 221, 245, 210, 308, 298, 278, 276, 275, 187, 73, 74, 75}

// hostedMarks are those of them that libc and its loader do not make.
var hostedMarks = []int{250, 248, 249, 252, 251, 312, 306, 27, 245, 210, 308, 298, 278, 276, 275, 187, 287, 294, 291, 124, 100, 309, 150}

func (p *randomProgram) name(prefix string) string {
	p.n++
	return fmt.Sprintf("%s%d", prefix, p.n)
}

func (p *randomProgram) chance(percent int) bool { return p.IntN(100) < percent }

func (p *randomProgram) pick(s ...string) string { return s[p.IntN(len(s))] }

func (p *randomProgram) declare(format string, a ...any) { fmt.Fprintf(&p.decls, format+"\n", a...) }

func (p *randomProgram) define(format string, a ...any) { fmt.Fprintf(&p.funcs, format+"\n", a...) }

// opaque is how much the compiler may know of a function.
func (p *randomProgram) opaque() string {
	return p.pick("static OPAQUE", "static OPAQUE", "static NOINLINE", "static", "OPAQUE")
}

// A randomGuard is a variable that holds was in the file and becomes now.
type randomGuard struct {
	lvalue, typ, outer string // outer: the object that it lies in
	was, now           int
	length, index      int // of an array
	bits, local        bool
}

func (p *randomProgram) guard() *randomGuard {
	v := &randomGuard{typ: p.pick("int", "int", "long", "short", "char", "unsigned", "unsigned long", "unsigned char"), was: p.pick1(0, 0, 0, 1, 7, 40), length: 1}
	for v.now == v.was {
		v.now = 1 + p.IntN(90)
	}
	id := p.name("v")
	vol := p.pick("volatile ", "volatile ", "volatile ", "")
	sect := p.pick("static ", "static ", "static ", "static ", "")
	attr := p.pick("", "", "", " ALIGN(32)", " ALIGN(64)")
	t := vol + v.typ
	pads := func() string {
		return fmt.Sprintf("%s %s[%d];", p.pick("char", "long", "int"), p.name("pad"), 1+p.IntN(20))
	}
	v.outer, v.lvalue = id, id
	switch p.IntN(9) {
	default:
		p.declare("%s%s %s%s = %d;", sect, t, id, attr, v.was)
	case 4, 5:
		before, after := pads(), pads()
		p.declare("struct s%s { %s %s f; %s };", id, before, t, after)
		p.declare("%sstruct s%s %s%s = {.f = %d};", sect, id, id, attr, v.was)
		v.lvalue = id + ".f"
	case 6:
		v.length = 2 + p.IntN(60)
		v.index = p.IntN(v.length)
		p.declare("%s%s %s[%d]%s = {[%d] = %d};", sect, t, id, v.length, attr, v.index, v.was)
		v.lvalue = fmt.Sprintf("%s[%d]", id, v.index)
	case 7:
		n := 2 + p.IntN(6)
		i := p.IntN(n)
		before, after := pads(), pads()
		p.declare("struct s%s { %s %s f; %s };", id, before, t, after)
		p.declare("%sstruct s%s %s[%d]%s = {[%d] = {.f = %d}};", sect, id, id, n, attr, i, v.was)
		v.lvalue = fmt.Sprintf("%s[%d].f", id, i)
	case 8:
		if p.hosted {
			p.declare("static __thread %s %s = %d;", t, id, v.was)
			v.local = true
			break
		}
		v.was, v.now, v.bits = v.was&3, 0, true
		for v.now == v.was {
			v.now = 1 + p.IntN(6)
		}
		p.declare("struct s%s { unsigned a : 3, f : 5, b : 9; };", id)
		p.declare("%s%sstruct s%s %s = {.f = %d};", sect, vol, id, id, v.was)
		v.lvalue = id + ".f"
	}
	return v
}

func (p *randomProgram) pick1(n ...int) int { return n[p.IntN(len(n))] }

// write returns a statement, for where n is 1, that makes the variable what it becomes.
func (p *randomProgram) write(v *randomGuard, depth int) string {
	direct := p.pick(fmt.Sprintf("%s = %d;", v.lvalue, v.now), fmt.Sprintf("%s = n + %d;", v.lvalue, v.now-1),
		fmt.Sprintf("%s += HIDE(%d) - %s;", v.lvalue, v.now, v.lvalue), fmt.Sprintf("{ int x = HIDE(%d); %s = x; }", v.now, v.lvalue))
	if v.bits {
		return direct
	}
	ptr := "volatile " + v.typ + " *"
	id := p.name("w")
	at := "&" + v.lvalue
	kinds := 27
	if p.hosted {
		kinds = 36
	}
	k := p.IntN(kinds)
	if v.local && (k == 4 || k == 10 || k == 20 || k == 21 || k == 22) {
		k = 3
	}
	switch k {
	case 3:
		p.define("%s void %s(%sp, long x) { *p = x; }", p.opaque(), id, ptr)
		return fmt.Sprintf("%s(%s, %d);", id, at, v.now)
	case 4:
		p.declare("%s%s%s[] = {0, %s, 0};", p.pick("static ", "", "static "), ptr, id+"t", at)
		return fmt.Sprintf("*%st[HIDE(n)] = %d;", id, v.now)
	case 5:
		p.declare("static %s%s%s;", ptr, p.pick("", "volatile "), id+"p")
		p.define("%s void %s(void) { %sp = %s; }", p.opaque(), id, id, at)
		return fmt.Sprintf("%s(); *%sp = n + %d;", id, id, v.now-1)
	case 6:
		p.define("%s void %s(char *p, unsigned long at, long x) { *(%s)(p + at) = x; }", p.opaque(), id, ptr)
		return fmt.Sprintf("%s((char *)&%s, (char *)%s - (char *)&%s, %d);", id, v.outer, at, v.outer, v.now)
	case 7:
		return fmt.Sprintf("{ %s x = %d; copy_now((void *)%s, &x, sizeof x); }", v.typ, v.now, at)
	case 8:
		p.declare("static volatile %s %so;", v.typ, id)
		p.define("%s %s%s(long n) { return n %s ? %s : &%so; }", p.opaque(), ptr, id, p.pick("", "> 0", "== 1"), at, id)
		return fmt.Sprintf("*%s(n) = %d;", id, v.now)
	case 9:
		p.declare("static volatile %s %so[%d];", v.typ, id, 1+p.IntN(9))
		return fmt.Sprintf("{ %sp = HIDE(n) == 1 ? %s : %so; *p = %d; }", ptr, at, id, v.now)
	case 10:
		p.declare("static %s%se = %s + 1;", ptr, id, at)
		p.define("%s void %s(%s*p, long x) { *--*p = x; }", p.opaque(), id, ptr)
		return fmt.Sprintf("%se = %s + 1; %s(&%se, %d);", id, at, id, id, v.now)
	case 11:
		if v.length == 1 {
			break
		}
		p.define("%s void %s(%sp, int k, long x) { %s }", p.opaque(), id, ptr, p.pick("while (k--) *p++ = x;", "for (int i = 0; i < k; i++) p[i] = x;",
			"for ("+ptr+"q = p + k; q != p;) *--q = x;", "do p[--k] = x; while (k);"))
		return fmt.Sprintf("%s(%s, %d, %d);", id, v.outer, v.length, v.now)
	case 12:
		if v.length == 1 {
			break
		}
		return p.pick(fmt.Sprintf("for (%sp = %s; p < %s + %d; p++) *p = %d;", ptr, v.outer, v.outer, v.length, v.now),
			fmt.Sprintf("for (int i = %d; i-- > 0;) %s[i] = %d;", v.length, v.outer, v.now),
			fmt.Sprintf("%s[n + %d] = %d;", v.outer, v.index-1, v.now),
			fmt.Sprintf("for (int i = -n; i < %d; i++) %s[i + 1] = %d;", v.length-1, v.outer, v.now))
	case 13:
		return fmt.Sprintf("{ int fd[2]; %s x = %d; SYS3(__NR_pipe, fd, 0, 0); SYS3(__NR_write, fd[1], &x, sizeof x); SYS3(__NR_read, fd[0], %s, sizeof x); "+
			"SYS3(__NR_close, fd[0], 0, 0); SYS3(__NR_close, fd[1], 0, 0); }", v.typ, v.now, at)
	case 14:
		if !strings.Contains("int long short char", v.typ) {
			break
		}
		return p.pick(fmt.Sprintf("__atomic_store_n(%s, %d, 5);", at, v.now), fmt.Sprintf("__atomic_exchange_n(%s, %d, 5);", at, v.now),
			fmt.Sprintf("__atomic_fetch_add(%s, %d - %s, 5);", at, v.now, v.lvalue),
			fmt.Sprintf("{ %s x = %s; __atomic_compare_exchange_n(%s, &x, %d, 0, 5, 5); }", v.typ, v.lvalue, at, v.now))
	case 15:
		if depth > 0 {
			p.define("static void %s(int n) { %s }", id, p.write(v, depth-1))
			p.declare("static void %s(int);", id)
			p.declare("static void (*%s%s[])(int) = {0, %s};", p.pick("const ", "volatile ", ""), id+"f", id)
			return fmt.Sprintf("%sf[HIDE(n)](n);", id)
		}
	case 16:
		if depth > 0 {
			u := p.guard()
			w := p.write(u, depth-1)
			p.define("%s void %s(int n) { if (%s) { %s } }", p.opaque(), id, p.condition(u, depth-1), p.write(v, depth-1))
			return fmt.Sprintf("%s %s(n);", w, id)
		}
	case 17:
		if depth > 0 {
			p.define("%s void %s(int n, int k) { if (!k) { %s } else %s(n, k - 1); }", p.opaque(), id, p.write(v, depth-1), id)
			return fmt.Sprintf("%s(n, n + 2);", id)
		}
	case 18:
		if depth > 0 {
			p.define("%s void %s(int n) { %s }", p.opaque(), id, p.write(v, depth-1))
			return fmt.Sprintf("%s(n);", id)
		}
	case 19:
		return fmt.Sprintf("{ __builtin_va_list *none = 0; (void)none; %sp = HIDE(%s); %s }", ptr, at, p.pick("*p", "p[0]", "p[n - 1]")+fmt.Sprintf(" = %d;", v.now))
	case 20:
		p.declare("struct n%s { struct n%s *next; %sflag; };", id, id, ptr)
		p.declare("static struct n%s %sa = {0, %s}, %sb = {&%sa, 0}, *%sh = &%sb;", id, id, at, id, id, id, id)
		return fmt.Sprintf("for (struct n%s *q = %sh; q; q = q->next) if (q->flag) *q->flag = %d;", id, id, v.now)
	case 21:
		p.declare("struct %s o%s { char c; %sflag; long x; };", p.pick("", "__attribute__((packed))"), id, ptr)
		p.declare("%sstruct o%s %s[] = {{'a', 0, 0}, {'b', %s, %d}, {0, 0, 0}};", p.pick("static ", "", "static const "), id, id, at, v.now)
		return fmt.Sprintf("for (int i = 0; %s[i].c; i++) if (%s[i].flag) *%s[i].flag = %s[i].x;", id, id, id, id)
	case 22:
		p.declare("struct c%s { int k; %sflag; };", id, ptr)
		p.declare("static struct c%s %sc = {3, %s};", id, id, at)
		p.define("%s void %s(struct c%s %s, long x) { *c%sflag = x; }", p.opaque(), id, id, "*c", "->")
		return fmt.Sprintf("%s(&%sc, %d);", id, id, v.now)
	case 23:
		p.declare("struct c%s { int k; %sflag; long pad[%d]; };", id, ptr, p.IntN(4))
		p.define("%s void %s(struct c%s c, long x) { *c.flag = x; }", p.opaque(), id, id)
		return fmt.Sprintf("%s((struct c%s){n, %s}, %d);", id, id, at, v.now)
	case 24:
		// pieces
		return fmt.Sprintf("{ %s x = %d; for (int i = 0; i < (int)sizeof x; i++) ((volatile char *)%s)[i] = ((char *)&x)[i]; }", v.typ, v.now, at)
	case 25:
		p.define("%s void %s(int k, ...) { __builtin_va_list l; __builtin_va_start(l, k); while (k--) { %sp = __builtin_va_arg(l, %s); if (p) *p = %d; } __builtin_va_end(l); }", p.opaque(), id, ptr, ptr, v.now)
		return fmt.Sprintf("%s(3, (%s)0, %s, (%s)0);", id, ptr, at, ptr)
	case 26:
		return fmt.Sprintf("{ void *d = (void *)%s; long k = sizeof(%s); __asm__ volatile(\"rep stosb\" : \"+D\"(d), \"+c\"(k) : \"a\"(0) : \"memory\"); } %s", at, v.typ, direct)
	case 27, 28:
		p.define("static void %s(int n) { %s }", id, direct)
		return fmt.Sprintf("{ signal(SIGUSR1, %s); raise(SIGUSR1); %s = %d; }", id, v.lvalue, v.now)
	case 29:
		if v.local {
			break
		}
		p.define("static void *%s(void *a) { int n = 1; %s return a; }", id, direct)
		return fmt.Sprintf("{ pthread_t t; pthread_create(&t, 0, %s, 0); pthread_join(t, 0); }", id)
	case 30:
		return fmt.Sprintf("memset((void *)%s, 0, sizeof(%s)); *(unsigned char *)%s = %d;", at, v.typ, at, v.now)
	case 31:
		return fmt.Sprintf("{ %s x = %d; %s((void *)%s, &x, sizeof x); }", v.typ, v.now, p.pick("memcpy", "memmove", "copy_later"), at)
	case 32:
		return fmt.Sprintf("{ char text[20]; snprintf(text, 20, \"%%d\", %d); long x; sscanf(text, \"%%ld\", &x); %s = x; }", v.now, v.lvalue)
	case 33:
		return fmt.Sprintf("set_later((void *)%s, sizeof(%s), %d);", at, v.typ, v.now)
	case 34:
		return fmt.Sprintf("{ static jmp_buf j; int x = setjmp(j); if (!x) longjmp(j, HIDE(%d)); %s = x; }", v.now, v.lvalue)
	case 35:
		if v.local {
			break
		}
		p.declare("%s %s%s;", p.pick("", "extern"), "volatile int ", id+"x")
		fmt.Fprintf(&p.library, "%s volatile int %sx = %d;\n", "", id, v.was)
		return fmt.Sprintf("if (&%sx) %s", id, direct)
	}
	return direct
}

// condition returns an expression that holds once the variable was written.
func (p *randomProgram) condition(v *randomGuard, depth int) string {
	l := []string{v.lvalue + fmt.Sprintf(" == %d", v.now), fmt.Sprintf("%s != %d", v.lvalue, v.was), fmt.Sprintf("!(%s == %d)", v.lvalue, v.was)}
	if v.was == 0 {
		l = append(l, v.lvalue, v.lvalue+" > 0", "!!"+v.lvalue)
	}
	if v.now > v.was {
		l = append(l, fmt.Sprintf("%s > %d", v.lvalue, v.was), fmt.Sprintf("%s >= %d", v.lvalue, v.now), fmt.Sprintf("%d < %s", v.was, v.lvalue), fmt.Sprintf("(unsigned)%s > %d", v.lvalue, v.was))
	} else {
		l = append(l, fmt.Sprintf("%s < %d", v.lvalue, v.was), fmt.Sprintf("%s <= %d", v.lvalue, v.now), fmt.Sprintf("(long)%s - %d < 0", v.lvalue, v.was))
	}
	if b := v.now &^ v.was; b != 0 {
		l = append(l, fmt.Sprintf("(%s & %d)", v.lvalue, b), fmt.Sprintf("(%s & %d) == %d", v.lvalue, b&-b, b&-b))
	}
	if !v.bits {
		l = append(l, fmt.Sprintf("*(volatile unsigned char *)&%s == %d", v.lvalue, v.now), fmt.Sprintf("*(volatile %s *)HIDE(&%s) == %d", v.typ, v.lvalue, v.now))
	}
	c := p.pick(l...)
	if depth <= 0 || p.chance(40) {
		return c
	}
	id := p.name("c")
	t := p.pick("int", "int", "long", "unsigned", "short", "char", "_Bool", "unsigned char", "signed char", "unsigned long")
	yes, no := 1+p.IntN(100), 0
	if p.chance(30) {
		no = 101 + p.IntN(20)
	}
	if p.chance(20) && !strings.HasPrefix(t, "unsigned") {
		yes = -yes
	}
	if t == "_Bool" {
		yes, no = 1, 0
	}
	if t == "char" {
		t = "signed char"
	}
	switch p.IntN(5) {
	case 0:
		p.define("%s %s %s(void) { if (%s) return %d; return %d; }", p.opaque(), t, id, c, yes, no)
	case 1:
		p.define("%s %s %s(void) { return %s ? %d : %d; }", p.opaque(), t, id, c, yes, no)
	case 2:
		p.define("%s %s %so(long n) { return n > 5 ? %d : %d; }", p.opaque(), t, id, yes, no)
		p.define("%s %s %s(void) { if (%s) return %so(%d); return %d; }", p.opaque(), t, id, c, id, 6, no)
	case 3:
		p.define("%s %s %s(void) { switch (%s) { case %d: return %d; case 120: return %d; case 121: case 122: return %d; default: return %d; } }", p.opaque(), t, id, v.lvalue, v.now, yes, no, no, no)
	case 4:
		u := p.guard()
		p.define("%s %s %s(void) { if (!(%s)) return %d; if (%s) return %d; return %d; }", p.opaque(), t, id, c, no, p.condition(u, 0), no, yes)
		return fmt.Sprintf("(%s() == %d || %s != %d)", id, yes, u.lvalue, u.was)
	}
	uses := []string{fmt.Sprintf("%s() == %d", id, yes), fmt.Sprintf("%s() != %d", id, no), fmt.Sprintf("({ %s x = %s(); __asm__ volatile(\"\" ::: \"memory\"); x == %d; })", t, id, yes),
		fmt.Sprintf("({ %s x = %s(); touch(n); x != %d; })", t, id, no), fmt.Sprintf("({ long x = %s(); touch(n); x == %d; })", id, yes)}
	switch {
	case no == 0:
		uses = append(uses, id+"()", fmt.Sprintf("({ %s x = %s(); touch(n); x; })", t, id))
		if yes < 0 {
			uses = append(uses, id+"() < 0", fmt.Sprintf("(unsigned long)%s() > 200", id), fmt.Sprintf("({ unsigned u = %s(); (long)u > 200; })", id))
		} else {
			uses = append(uses, id+"() > 0")
		}
	case yes < no:
		uses = append(uses, fmt.Sprintf("%s() < %d", id, no))
	}
	return p.pick(uses...)
}

// mark returns a statement that makes a system call.
func (p *randomProgram) mark(depth int) string {
	nr := p.marks[p.IntN(len(p.marks))]
	id := p.name("m")
	plain := fmt.Sprintf("RANDOM_MARK(%d);", nr)
	kinds := 14
	if p.hosted {
		kinds = 19
	}
	switch p.IntN(kinds) {
	case 1:
		p.define("%s void %s(int n) { %s }", p.opaque(), id, plain)
		return id + "(n);"
	case 2:
		p.define("static void %s(int n) { %s }", id, plain)
		p.declare("static void %s(int); static void (*%s%sf)(int) = %s;", id, p.pick("", "volatile ", "const "), id, id)
		return id + "f(n);"
	case 3:
		p.define("static void %s(int n) { %s }", id, plain)
		p.declare("static void %s(int); %svoid (*const %sf[])(int) = {0, %s, 0};", id, p.pick("", "static "), id, id)
		return id + "f[HIDE(n)](n);"
	case 4:
		return fmt.Sprintf("wrapper(%d);", nr)
	case 5:
		return fmt.Sprintf("outer_wrapper(n, %d);", nr)
	case 6:
		t := p.marks[p.IntN(len(p.marks))]
		return fmt.Sprintf("switch (HIDE(n)) { case 0: touch(1); break; case 1: RANDOM_MARK(%d); break; case 2: touch(3); break; case 3: touch(4); break; case 4: touch(5); break; case 5: RANDOM_MARK(%d); break; case 6: touch(n); }", nr, t)
	case 7:
		p.define("%s void %s(int n) { static void *const l[] = {&&a, &&b, &&c}; goto *l[n]; a: touch(2); return; b: %s return; c: touch(3); }", p.pick("static OPAQUE", "static NOINLINE"), id, plain)
		return id + "(HIDE(n));"
	case 8:
		p.define("%s int %so(int n) { %s return n; }", p.pick("static OPAQUE", "OPAQUE"), id, plain)
		p.define("%s int %s(int n) { if (n < 0) return 1; return %so(n + 1); }", p.opaque(), id, id)
		return id + "(n);"
	case 9:
		if depth > 0 {
			v := p.guard()
			w := p.write(v, depth-1)
			p.define("%s void %s(int n) { if (%s) { %s } }", p.opaque(), id, p.condition(v, depth-1), p.mark(depth-1))
			return w + " " + id + "(n);"
		}
	case 10:
		return fmt.Sprintf("for (int i = 0; i < n; i++) { %s }", plain)
	case 11:
		p.define("%s void %s(int n) { switch (n) { case 1: %s case 2: touch(n); return; case 9: touch(3); } touch(5); }", p.opaque(), id, plain)
		return id + "(n);"
	case 12:
		if depth > 0 {
			v := p.guard()
			p.define("%s int %so(int n) { %s return n + 1; }", p.pick("static OPAQUE", "OPAQUE"), id, p.mark(depth-1))
			p.define("%s int %s(int n) { if (%s) return %so(n); touch(n); return 0; }", p.opaque(), id, p.condition(v, depth-1), id)
			return p.write(v, depth-1) + " " + id + "(n);"
		}
	case 13:
		return fmt.Sprintf("if (HIDE(n)) wrapper(%d); else wrapper(%d);", nr, p.marks[p.IntN(len(p.marks))])
	case 14:
		p.define("static int %s(const void *a, const void *b) { %s return 0; }", id, plain)
		return fmt.Sprintf("{ int l[4] = {n, 3, 2, 1}; qsort(l, 4, sizeof *l, %s); }", id)
	case 15:
		p.define("static void %s(int n) { %s }", id, plain)
		return fmt.Sprintf("call_later(%s);", id)
	case 16:
		return fmt.Sprintf("{ static jmp_buf j; if (setjmp(j)) { %s } else longjmp(j, 1); }", plain)
	case 17:
		p.define("static void %s(int n) { %s }", id, plain)
		return fmt.Sprintf("{ signal(SIGUSR2, %s); raise(SIGUSR2); }", id)
	case 18:
		p.define("static void %s(void) { int n = 1; %s }", id, plain)
		return fmt.Sprintf("{ static pthread_once_t o; pthread_once(&o, %s); }", id)
	}
	return plain
}

// cell adds a variable, what writes it, and what it guards.
func (p *randomProgram) cell() {
	v := p.guard()
	id := p.name("cell")
	w := p.write(v, 2)
	if p.chance(12) {
		w = "" // nothing writes it
	}
	c := p.condition(v, 2)
	body := ""
	switch p.IntN(6) {
	case 0:
		body = fmt.Sprintf("if (!(%s)) return; %s", c, p.mark(2))
	case 1:
		u := p.guard()
		w += p.write(u, 1)
		body = fmt.Sprintf("if (%s %s %s) { %s }", c, p.pick("&&", "||"), p.condition(u, 1), p.mark(2))
	case 2:
		body = fmt.Sprintf("while (%s) { %s break; }", c, p.mark(2))
	case 3:
		body = fmt.Sprintf("if (%s) { %s } else { %s }", c, p.mark(2), p.mark(1))
	default:
		body = fmt.Sprintf("if (%s) { %s }", c, p.mark(2))
	}
	where := &p.checks
	p.define("%s void %sw(int n) { %s }", p.opaque(), id, w)
	fmt.Fprintf(&p.writes, "	%sw(n);\n", id)
	p.define("%s void %s(int n) { %s }", p.opaque(), id, body)
	fmt.Fprintf(where, "	%s(n);\n", id)
}

// randomSource returns the program of a seed, and the flags to build it with.
func randomSource(seed uint64) (source string, hosted bool, flags []string) {
	p := &randomProgram{Rand: rand.New(rand.NewPCG(seed, 0))}
	p.hosted = p.chance(25)
	p.marks = randomMarks
	if p.hosted {
		p.marks = hostedMarks
	}
	for range 3 + p.IntN(10) {
		p.cell()
	}
	flags = []string{p.pick("-O0", "-O1", "-O2", "-O2", "-O3", "-Os")}
	for _, f := range []string{"-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-ffunction-sections -fdata-sections -Wl,--gc-sections", "-fno-jump-tables",
		"-fno-omit-frame-pointer", "-fno-inline", "-falign-functions=1", "-fno-toplevel-reorder", "-fno-plt", "-Wl,-z,norelro", "-fno-common -fno-zero-initialized-in-bss", "-Wl,-z,now", "-fno-optimize-sibling-calls"} {
		if p.chance(12) {
			flags = append(flags, strings.Fields(f)...)
		}
	}
	if p.hosted {
		flags = append(flags, strings.Fields(p.pick("-pie -fPIE", "-no-pie -fno-pie", "-pie -fPIE -rdynamic"))...)
	} else {
		flags = append(flags, p.pick("free", "pie"))
	}
	var b strings.Builder
	if p.hosted {
		b.WriteString(randomHosted)
	} else {
		b.WriteString("#include \"rt.h\"\n")
	}
	fmt.Fprintf(&b, randomCommon, p.library.String(), p.decls.String(), p.funcs.String(), p.writes.String(), p.checks.String())
	return b.String(), p.hosted, flags
}

const randomHosted = `#define RT_NOSTART
#define _GNU_SOURCE
#include "rt.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void set_later(void *p, int size, long v);
void *copy_later(void *d, const void *s, unsigned long n);
void call_later(void (*f)(int));
#define prog main
`

const randomCommon = `#define RANDOM_MARK(nr) ((void)SYS3(nr, -1, -1, -1))
static inline void *copy_now(void *d, const void *s, unsigned long n)
{
	void *r = d;
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	return r;
}
static OPAQUE void touch(int n) { __asm__ volatile("" : : "r"(n) : "memory"); }
#ifdef LIBRARY
#undef prog
void set_later(void *p, int size, long v)
{
	for (int i = 0; i < size; i++)
		((char *)p)[i] = v >> 8 * i;
}
void *copy_later(void *d, const void *s, unsigned long n) { return copy_now(d, s, n); }
void call_later(void (*f)(int)) { f(1); }
%s
#else
static OPAQUE void wrapper(long nr) { RANDOM_MARK(nr); }
static OPAQUE void outer_wrapper(int n, long nr) { if (n) wrapper(nr); }
%s
%s
int prog(int n, char **argv)
{
	for (int round = 0; round < 2; round++) {
%s
%s
	}
	return 0;
}
#endif
`
