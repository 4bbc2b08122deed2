package corpus

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/bounded"
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
	limit := *randomTime
	if testing.Short() {
		limit = min(limit, 5*time.Second)
	}
	end := time.Now().Add(limit)
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
	compiler := "gcc"
	if _, err := exec.LookPath("clang"); err == nil && seed%3 == 2 {
		compiler = "clang"
	}
	bad := func(format string, a ...any) {
		t.Helper()
		t.Errorf("seed %d, %s %s: %s\n\tagain: go test ./internal/corpus -run TestRandom -args -one -seed %d -keep DIR", seed, compiler, strings.Join(options, " "), fmt.Sprintf(format, a...), seed)
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
	compile := func(args ...string) bool {
		cmd := bounded.Command(t, compiler, append([]string{"-w", "-I" + testdata}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			bad("%v\n%s", err, out)
		}
		return err == nil
	}
	var args []string
	for _, f := range options {
		if compiler == "clang" && f == "-fno-toplevel-reorder" {
			continue // gcc's own
		}
		if g := flags[f]; g != "" {
			args = append(args, strings.Fields(strings.ReplaceAll(g, "{{testdata}}", testdata))...)
			continue
		}
		args = append(args, f)
	}
	args = append(args, src, "-o", prog)
	if hosted {
		lib, how := filepath.Join(dir, "libx.so"), "-shared"
		if slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "-static") }) {
			lib, how = filepath.Join(dir, "libx.o"), "-c"
		}
		if !compile("-O2", how, "-fPIC", "-DLIBRARY", src, "-o", lib) {
			return false
		}
		args = append(args, lib, "-Wl,-rpath,$ORIGIN", "-lutil")
	}
	if !compile(args...) {
		return false
	}
	directives := map[string][]string{}
	if hosted {
		directives["HOST"] = []string{"system"} // its services load modules
	}
	v := &variant{input: &input{name: "random", directives: directives}, name: fmt.Sprint(seed), dir: dir, program: prog}
	traced := trace{}
	if err := v.run(filepath.Join(dir, "trace"), nil, traced); err != nil {
		if !hosted { // of libc's functions some fail in static programs
			bad("%v", err)
		}
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
		for _, violation := range outside(traced, r) {
			bad("%s, of %s", violation, filepath.Base(c))
		}
		sites := map[call]map[string]bool{}
		for _, s := range r.Syscalls {
			k := call{ABI: s.ABI, Number: s.Number &^ x32Bit}
			sites[k] = map[string]bool{}
			for _, site := range s.Sites {
				sites[k][site.Address] = true
			}
		}
		for k, m := range traced {
			at, ok := sites[call{ABI: k.ABI, Number: k.Number}]
			if !ok {
				bad("%v was traced but is not reported of %s", k, filepath.Base(c))
				continue
			}
			for a := range m.at {
				if address := fmt.Sprintf("%#x", a); !hosted && v.fixed() && !at[address] {
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
	if p.chance(30) && !v.local {
		return p.devious(v, id, ptr, at, direct)
	}
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
		fmt.Fprintf(&p.library, "__attribute__((weak)) volatile int %sx = %d;\n", id, v.was)
		return fmt.Sprintf("if (&%sx) %s", id, direct)
	}
	return direct
}

// devious is write for ways that hide the address.
func (p *randomProgram) devious(v *randomGuard, id, ptr, at, direct string) string {
	set := func(address string) string { return fmt.Sprintf("*(%s)(%s) = %d;", ptr, address, v.now) }
	switch p.IntN(19) {
	case 0:
		p.declare("static long %sa;", id)
		p.define("%s void %s(void) { %sa = (long)%s ^ 0x55550000; }", p.opaque(), id, id, at)
		return id + "(); " + set(id+"a ^ 0x55550000")
	case 1:
		p.declare("static char %so[%d];", id, 1+p.IntN(100))
		return fmt.Sprintf("{ long d = (char *)%s - %so; %s }", at, id, set(id+"o + HIDE(d)"))
	case 2:
		p.declare("struct p%s { %sp; long x; };", id, ptr)
		p.declare("static struct p%s %sa = {%s, 1}, %sb;", id, id, at, id)
		return fmt.Sprintf("%sb = %sa; *%sb.p = %d;", id, id, id, v.now)
	case 3:
		p.declare("static char %sb[16];", id)
		return fmt.Sprintf("{ %sp = %s; %sq; copy_now(%sb + 3, &p, sizeof p); copy_now(&q, %sb + 3, sizeof q); *q = %d; }", ptr, at, ptr, id, id, v.now)
	case 4:
		p.declare("struct v%s { int k; void (*set)(struct v%s *, long); %sp; };", id, id, ptr)
		p.define("static void %ss(struct v%s *o, long x) { *o->p = x; }", id, id)
		p.declare("struct v%s; static void %ss(struct v%s *, long);", id, id, id)
		p.declare("static struct v%s %so = {1, %ss, %s};", id, id, id, at)
		p.define("%s void %s(struct v%s *o, long x) { o->set(o, x); }", p.opaque(), id, id)
		return fmt.Sprintf("%s(&%so, %d);", id, id, v.now)
	case 5:
		return fmt.Sprintf("((%s)HIDE((long)(%s + 1)))[-n] = %d;", ptr, at, v.now)
	case 6:
		p.declare("static const struct { const char *name; unsigned long at; } %sf[] = {{\"none\", 0}, {\"some\", 0}};", id)
		return fmt.Sprintf("{ unsigned long d = (char *)%s - (char *)&%s; for (int i = 0; i < 2; i++) if (%sf[i].name[0] == 's') %s }", at, v.outer, id,
			set(fmt.Sprintf("(char *)&%s + HIDE(d) + %sf[i].at", v.outer, id)))
	case 7:
		p.declare("static %s%sp = %s, **%spp = &%sp;", ptr, id, at, id, id)
		return p.pick("", id+"pp = HIDE("+id+"pp); ") + fmt.Sprintf("**%spp = %d;", id, v.now)
	case 8:
		p.define("%s void %s(long f, long x) { %sp = (%s)f; __asm__ volatile(\"xchg %%0,%%1\" : \"+m\"(*(char *)p), \"+q\"(*(char *)&x)); }", p.opaque(), id, ptr, ptr)
		return fmt.Sprintf("%s((long)%s, %d); %s(HIDE((long)%s), %d); { %s x = %d; copy_now((void *)%s, &x, sizeof x); }", id, at, v.now, id, at, v.now, v.typ, v.now, at)
	case 9:
		return fmt.Sprintf("{ %s x = %d; __asm__ volatile(\"cld; rep movsb\" : : \"D\"(%s), \"S\"(&x), \"c\"(sizeof x) : \"memory\"); touch(n); }", v.typ, v.now, at)
	case 10:
		p.declare("struct l%s { struct l%s *next, **prev; };", id, id)
		p.declare("static struct { long a[%d]; %sp; long pad[%d]; struct l%s node; } %si ALIGN(32) = {.p = %s};", p.IntN(5), ptr, p.IntN(9), id, id, at)
		p.declare("static struct l%s %sh, *%sc;", id, id, id)
		p.define("%s void %sadd(struct l%s *m) { m->next = %sh.next; %sh.next = m; }", p.opaque(), id, id, id, id)
		return fmt.Sprintf("%sadd(&%si.node); for (struct l%s *m = %sh.next; m; m = m->next) { **(%s*)((char *)m - ((char *)&%si.node - (char *)&%si.p)) = %d; break; } %sh.next = 0;", id, id, id, id, ptr, id, id, v.now, id)
	case 11:
		// written in place of what it points before
		p.declare("static struct { long a[%d]; struct { %s x[3]; } in; long b[%d]; } %so ALIGN(32);", p.IntN(9), v.typ, p.IntN(9), id)
		return fmt.Sprintf("{ %sp = HIDE(n) > 1 ? &%so.in.x[1] : %s; *p = %d; }", ptr, id, at, v.now)
	case 12:
		if v.typ == "int" || v.typ == "long" {
			return fmt.Sprintf("{ int x; switch (HIDE(n)) { case 0: %sp0: touch(0); break; case 1: %s break; case 2: touch(2); break; case 3: touch(3); break; case 4: touch(4); break; case 5: touch(5); } }", id, direct)
		}
	case 13:
		p.declare("struct r%s { %sp; long k; };", id, ptr)
		p.define("%s struct r%s %s(long k) { return (struct r%s){%s, k}; }", p.opaque(), id, id, id, at)
		return fmt.Sprintf("*%s(n).p = %d;", id, v.now)
	case 14:
		p.declare("struct big%s { %sp; long k[6]; };", id, ptr)
		p.define("%s struct big%s %s(long k) { return (struct big%s){%s, {k}}; }", p.opaque(), id, id, id, at)
		return fmt.Sprintf("{ struct big%s b = %s(n); *b.p = %d; }", id, id, v.now)
	case 15:
		p.define("%s void %s(long a, long b, long c, long d, long e, long f, %sp, long x) { *p = x; }", p.opaque(), id, ptr)
		return fmt.Sprintf("%s(1, 2, 3, 4, 5, 6, %s, %d);", id, at, v.now)
	case 16:
		p.declare("static volatile %s %so[2];", v.typ, id)
		p.declare("static %s%st[3] = {%so, %so + 1, %so};", ptr, id, id, id, id)
		return fmt.Sprintf("%st[n + 1] = %s; for (int i = 0; i < 3; i++) *%st[i] = %d;", id, at, id, v.now)
	case 17:
		return fmt.Sprintf("{ struct { void *base; long n; } io = {(void *)%s, sizeof(%s)}; %s x = %d; int fd[2]; SYS3(__NR_pipe, fd, 0, 0); SYS3(__NR_write, fd[1], &x, sizeof x); "+
			"SYS3(__NR_readv, fd[0], &io, 1); SYS3(__NR_close, fd[0], 0, 0); SYS3(__NR_close, fd[1], 0, 0); }", at, v.typ, v.typ, v.now)
	case 18:
		p.define("%s void %s(%sp, long x, int k) { if (k > 3) touch(k); else { *p = x; } }", p.opaque(), id+"o", ptr)
		p.define("%s void %s(long k, %sp) { if (k) return %so(p, %d, k); touch(k); }", p.opaque(), id, ptr, id, v.now)
		return fmt.Sprintf("%s(n, %s);", id, at)
	}
	return direct
}

// decided returns an expression like condition, of what a function decides by several variables.
func (p *randomProgram) decided(v *randomGuard) string {
	id := p.name("d")
	u := p.guard()
	t := p.pick("int", "long", "short", "unsigned", "unsigned char", "signed char")
	a, b, c := 10+p.IntN(20), 40+p.IntN(20), 70+p.IntN(20)
	p.define("%s %s %sh(int k) { if (%s) return %d; if (k > 5 && %s) return %d; return %d; }", p.opaque(), t, id, p.condition(v, 0), b, p.condition(u, 0), a, c)
	calls := id + "h(n)"
	switch p.IntN(3) {
	case 0:
		p.define("%s %s %s(int k) { if (k < 0) return %d; return %sh(k + 6); }", p.opaque(), t, id, a, id)
		calls = id + "(n)"
	case 1:
		p.define("%s %s %s(int k) { %s x = %sh(k); touch(k); return x; }", p.opaque(), t, id, t, id)
		calls = id + "(n)"
	}
	return p.pick(fmt.Sprintf("%s == %d", calls, b), fmt.Sprintf("%s < %d", calls, c), fmt.Sprintf("%s <= %d", calls, b), fmt.Sprintf("(%s & 1) == %d", calls, b&1),
		fmt.Sprintf("({ int x = 0; switch (%s) { case %d: x = 1; break; case %d: touch(2); break; case %d: touch(3); } x; })", calls, b, a, c),
		fmt.Sprintf("({ long x = %s; touch(n); x - %d < 0; })", calls, c), fmt.Sprintf("%s - %d == 0", calls, b), fmt.Sprintf("!(%s > %d)", calls, b))
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
	if depth <= 0 || p.chance(35) {
		return c
	}
	if p.chance(20) {
		return p.decided(v)
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
	switch p.IntN(9) {
	case 6:
		m := p.name("m")
		p.define("static void %s(int n) { %s }", m, p.mark(1))
		body = fmt.Sprintf("(%s ? %s : touch)(n);", c, m)
	case 7:
		m := p.name("m")
		p.define("static void %s(int n) { %s }", m, p.mark(1))
		body = fmt.Sprintf("void (*const f[])(int) = {touch, %s}; f[!!(%s)](n);", m, c)
	case 8:
		body = fmt.Sprintf("int x = 3; if (%s) x = 4; touch(n); if (x == 4) { %s }", c, p.mark(2))
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

// randomUses are statements that make the C library do what package gate has rows about, and some that
// only go deep into it.
var randomUses = []string{
	`{ timer_t t; struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = (void (*)(union sigval))busy}; struct itimerspec s = {.it_value = {0, 1000}}; if (!timer_create(CLOCK_REALTIME, &e, &t)) { timer_settime(t, 0, &s, 0); usleep(20000); } }`,
	`{ pthread_mutexattr_t a; pthread_mutex_t m; pthread_mutexattr_init(&a); pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT); pthread_mutex_init(&m, &a); pthread_mutex_lock(&m); pthread_mutex_unlock(&m); }`,
	`{ pthread_t t; pthread_attr_t a; struct sched_param s = {0}; pthread_attr_init(&a); pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED); pthread_attr_setschedparam(&a, &s); if (!pthread_create(&t, &a, busy, 0)) pthread_join(t, 0); }`,
	`{ pthread_t t; pthread_attr_t a; cpu_set_t c; CPU_ZERO(&c); CPU_SET(0, &c); pthread_attr_init(&a); pthread_attr_setaffinity_np(&a, sizeof c, &c); if (!pthread_create(&t, &a, busy, 0)) pthread_join(t, 0); }`,
	`{ pthread_t t[12]; for (int i = 0; i < 12; i++) pthread_create(&t[i], 0, busy, 0); for (int i = 0; i < 12; i++) pthread_join(t[i], 0); }`,
	`{ thrd_t t; if (!thrd_create(&t, (int (*)(void *))busy, 0)) thrd_join(t, 0); }`,
	`{ pthread_t t; pthread_create(&t, 0, sleeps, 0); pthread_cancel(t); pthread_join(t, 0); }`,
	`{ pthread_t t; int (*volatile make)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = pthread_create; make(&t, 0, busy, 0); pthread_join(t, 0); }`,
	`{ pid_t c = fork(); if (!c) _exit(0); waitpid(c, 0, 0); }`,
	`{ pid_t c = vfork(); if (!c) _exit(0); waitpid(c, 0, 0); }`,
	`{ static char stack[65536] ALIGN(64); pid_t c = clone((int (*)(void *))quick, stack + sizeof stack, CLONE_VM | SIGCHLD, 0); waitpid(c, 0, 0); }`,
	`system("true");`,
	`{ FILE *f = popen("true", "r"); if (f) pclose(f); }`,
	`{ char *a[] = {"true", 0}; pid_t c; posix_spawnattr_t s; posix_spawnattr_init(&s); posix_spawnattr_setflags(&s, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF); if (!posix_spawn(&c, "/bin/true", 0, &s, a, environ)) waitpid(c, 0, 0); }`,
	`{ char *a[] = {"true", 0}; pid_t c; posix_spawnattr_t s; posix_spawnattr_init(&s); posix_spawnattr_setflags(&s, HIDE(POSIX_SPAWN_SETSID | POSIX_SPAWN_RESETIDS)); if (!posix_spawn(&c, "/bin/true", 0, &s, a, environ)) waitpid(c, 0, 0); }`,
	`{ char *a[] = {"true", 0}; pid_t c; posix_spawn_file_actions_t s; posix_spawn_file_actions_init(&s); posix_spawn_file_actions_addchdir_np(&s, "/"); posix_spawn_file_actions_addclosefrom_np(&s, 9); if (!posix_spawn(&c, "/bin/true", &s, 0, a, environ)) waitpid(c, 0, 0); }`,
	`{ char t[] = "/tmp/gofindXXXXXX"; int f = mkstemp(t); if (f >= 0) { close(f); unlink(t); } }`,
	`{ char t[] = "/tmp/gofindXXXXXX"; if (mkdtemp(t)) rmdir(t); }`,
	`{ FILE *f = tmpfile(); if (f) fclose(f); }`,
	`sysconf(HIDE(n) + 83);`, `sysconf(_SC_NPROCESSORS_ONLN);`, `sysconf(_SC_PHYS_PAGES);`, `sysconf(_SC_AVPHYS_PAGES);`, `get_nprocs();`,
	`{ long (*volatile f)(int) = sysconf; f(_SC_NPROCESSORS_CONF); }`,
	`malloc_trim(0);`, `mallopt(M_ARENA_TEST, 1);`, `mallopt(M_TRIM_THRESHOLD, 1); free(malloc(100000));`, `{ void *q = malloc(1 << 20); q = realloc(q, 1 << 23); free(q); }`,
	`setlocale(LC_ALL, "C.UTF-8"); bindtextdomain("x", "po"); dgettext("x", "y");`, `setlocale(LC_ALL, ""); textdomain("x"); gettext("y");`,
	`{ iconv_t c = iconv_open("UTF-16", "ISO-8859-2"); if (c != (iconv_t)-1) iconv_close(c); }`, `setenv("GCONV_PATH", "x", 1); iconv_open("UTF-16", "KOI8-R");`,
	`getpwuid(0);`, `getgrnam("root");`, `getpwnam("nobody");`, `getservbyname("http", "tcp");`, `getlogin();`, `initgroups("root", 0);`,
	`{ struct addrinfo *r = 0; if (!getaddrinfo("127.0.0.1", "80", 0, &r)) freeaddrinfo(r); }`,
	`{ struct addrinfo *r = 0; if (!getaddrinfo("localhost", 0, 0, &r)) freeaddrinfo(r); }`,
	`{ char b[4096]; free(realpath("/tmp", 0)); getcwd(b, sizeof b); }`, `{ glob_t g; if (!glob("/etc/p*", 0, 0, &g)) globfree(&g); }`,
	`{ struct dirent **l; int k = scandir("/etc", &l, 0, alphasort); while (k > 0) free(l[--k]); }`, `ttyname(0);`, `isatty(0);`, `ctermid(0);`,
	`{ struct stat s; stat("/", &s); access("/", 0); }`, `time(0); clock(); localtime(&(time_t){0});`, `{ struct timespec t = {0, 1000}; nanosleep(&t, 0); clock_nanosleep(CLOCK_MONOTONIC, 0, &t, 0); }`,
	`openlog("x", 0, 0); syslog(LOG_DEBUG, "y");`, `{ sem_t *q = sem_open("/gofind-x", O_CREAT, 0600, 1); if (q) sem_close(q); sem_unlink("/gofind-x"); }`,
	`{ int f = shm_open("/gofind-y", O_CREAT | O_RDWR, 0600); close(f); shm_unlink("/gofind-y"); }`, `setvbuf(stdout, 0, _IONBF, 0); puts(""); fflush(0);`,
	`{ FILE *f = fopen("/proc/self/maps", "re"); char *l = 0; size_t k = 0; while (getline(&l, &k, f) > 0); fclose(f); free(l); }`,
	`{ struct aiocb b = {.aio_fildes = 0, .aio_nbytes = 0}; if (!aio_read(&b)) { const struct aiocb *l[] = {&b}; aio_suspend(l, 1, 0); } }`,
	`{ ucontext_t c; volatile int again = 0; getcontext(&c); if (!again++) setcontext(&c); }`, `backtrace((void *[10]){0}, 10);`,
	`{ void *h = dlopen("libm.so.6", RTLD_NOW); if (h) { double (*f)(double) = dlsym(h, "cos"); if (f) f(1); dlclose(h); } }`,
	`setuid(getuid()); setgid(getgid()); seteuid(geteuid()); setresuid(-1, -1, -1);`, `nice(0); getpriority(0, 0);`, `{ int a, b; if (!openpty(&a, &b, 0, 0, 0)) { close(a); close(b); } }`,
	`wordexp("$HOME *", &(wordexp_t){0}, 0);`, `regcomp(&(regex_t){0}, "a*", 0);`, `srandom(1); random(); arc4random();`, `{ char b[64]; gethostname(b, 64); getdomainname(b, 64); }`,
	`atexit(leaves);`, `pthread_atfork(leaves, leaves, leaves); { pid_t c = fork(); if (!c) _exit(0); waitpid(c, 0, 0); }`, `posix_fallocate(-1, 0, 1); posix_memalign(&(void *){0}, 64, 64);`,
	`{ pthread_barrier_t b; pthread_barrier_init(&b, 0, 1); pthread_barrier_wait(&b); } sched_yield();`, `{ sigset_t q; sigemptyset(&q); sigprocmask(SIG_BLOCK, &q, 0); sigaltstack(0, 0); }`,
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
	if p.hosted {
		for range p.IntN(5) {
			id := p.name("use")
			p.define("%s void %s(int n) { %s }", p.opaque(), id, randomUses[p.IntN(len(randomUses))])
			fmt.Fprintf(&p.writes, "	if (!round) %s(n);\n", id)
		}
	}
	flags = []string{p.pick("-O0", "-O1", "-O2", "-O2", "-O3", "-Os")}
	for _, f := range []string{"-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-ffunction-sections -fdata-sections -Wl,--gc-sections", "-fno-jump-tables",
		"-fno-omit-frame-pointer", "-fno-inline", "-falign-functions=1", "-fno-toplevel-reorder", "-fno-plt", "-Wl,-z,norelro", "-fno-common -fno-zero-initialized-in-bss", "-Wl,-z,now", "-fno-optimize-sibling-calls"} {
		if p.chance(12) {
			flags = append(flags, strings.Fields(f)...)
		}
	}
	if p.hosted {
		flags = append(flags, strings.Fields(p.pick("-pie -fPIE", "-no-pie -fno-pie", "-pie -fPIE -rdynamic", "-static", "-static-pie -fPIE"))...)
	} else {
		flags = append(flags, p.pick("free", "pie"))
	}
	var b strings.Builder
	if p.hosted {
		b.WriteString(randomHosted)
	} else {
		b.WriteString("#include \"rt.h\"\n" + randomFree)
	}
	fmt.Fprintf(&b, randomCommon, p.library.String(), p.decls.String(), p.funcs.String(), p.writes.String(), p.checks.String())
	return b.String(), p.hosted, flags
}

// randomFree is what compilers call of their own accord.
const randomFree = `#ifdef __clang__
void *memset(void *to, int byte, unsigned long n)
{
	for (volatile char *p = to; n; n--)
		*p++ = byte;
	return to;
}
#endif
`

const randomHosted = `#define RT_NOSTART
#define _GNU_SOURCE
#include "rt.h"
#include <aio.h>
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <iconv.h>
#include <libintl.h>
#include <locale.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <pty.h>
#include <pwd.h>
#include <regex.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <spawn.h>
#include <syslog.h>
#include <threads.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <wordexp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void set_later(void *p, int size, long v);
void *copy_later(void *d, const void *s, unsigned long n);
void call_later(void (*f)(int));
#define prog main
static void leaves(void) { }
static void *sleeps(void *a) { for (;;) pause(); return a; }
static void *quick(void *a) { return 0; }
static void *busy(void *a)
{
	void *p[64];
	for (int i = 0; i < 64; i++)
		memset(p[i] = malloc(40000 + 100 * i), 1, 100);
	for (int i = 0; i < 64; i++)
		free(p[i]);
	return 0;
}
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
