// Package corpus holds small programs, each of which defeats one shortcut that
// an analysis of system calls could take, and the tests that scan them.
//
// Every input under testdata is one source file whose comments say how to build
// it and what the answer must be:
//
//	BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
//
// A BUILD line is a shell command, in which {{a|b}} stands for alternatives: the
// line is one variant for each of them. {{src}}, {{out}}, {{dir}} (an empty
// directory) and {{testdata}} are paths; {{free}} and {{pie}} are the flags of a
// program without libc, at a fixed address or relocated by the loader; {{so}}
// those of a shared library. The directives that judge:
//
//	WANT: getppid i386/pause   the program makes the call, and the answer names it
//	ELSEWHERE: gettimeofday    the answer names it, although it cannot be seen here
//	COVER: getppid             the program makes the call, and the answer names it or is not complete
//	UNLESS: name               WANT and COVER are waived if the answer names that assumption
//	NOT: reboot                the program cannot make the call, and the answer does not name it
//	UNRESOLVED: number         an entry of that kind is open ("any": of whatever kind); "none": the answer is complete
//	EXEC: /bin/true            that constant path is known to be executed; also "self" and "unknown"
//	DLOPEN: libx.so            an entry for a file of that name, or of that kind
//	NOTE: jit                  a note of that kind
//	IMAGE: libx.so             the image is part of the process
//	SITES: inside=1            what Stats must count
//	ARGS: kill.sig=0x1,0x2     the argument has these values, and the answer says so; "unknown": it says nothing
//
// Those that say how to scan (MODULE, PRELOAD, LIBPATH, ROOT, HOST, SINCE, and DOUBT for NoAssume) are
// the fields of gofind.Options; TRANSFORM: sectionless removes the section
// headers after the build; STRIP: no leaves out the comparison with a stripped
// copy. Those that say how to run:
//
//	RUN: arguments             once for each such line, once without arguments if there is none; "no, reason": never
//	EXIT: 3                    the exit status, 0 if not said
//	ENV: NAME=value            of the run
//	NEEDS: int80               a property that the kernel may lack
//
// PITFALL and TRAP number the entries of the list of known mistakes in README.md
// that the input stands for.
package corpus

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofind-dev/gofind"
)

var keep = flag.String("keep", "", "build the corpus under this directory and leave it there")

// workDir is where this run of the tests builds its programs.
var workDir string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		var err error
		if *keep != "" {
			workDir, err = *keep, os.MkdirAll(*keep, 0o755)
		} else if workDir, err = os.MkdirTemp("", "corpus"); err == nil {
			defer os.RemoveAll(workDir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// scan scans the program of v as it stands in dir, v.dir or a copy of it.
func (v *variant) scan(t *testing.T, dir string, workers int) *gofind.Result {
	t.Helper()
	move := func(path string) string {
		if rest, ok := strings.CutPrefix(path, v.dir+"/"); ok {
			return filepath.Join(dir, rest)
		}
		return path
	}
	each := func(paths []string) []string {
		for i := range paths {
			paths[i] = move(paths[i])
		}
		return paths
	}
	opts := gofind.Options{
		Modules:     each(v.all("MODULE")),
		Preload:     each(v.all("PRELOAD")),
		LibraryPath: each(v.all("LIBPATH")),
		HostNone:    v.one("HOST") == "",
		SinceMain:   v.one("SINCE") == "main",
		NoAssume:    v.directives["DOUBT"],
		Arguments:   true,
		Workers:     workers,
	}
	program := move(v.program)
	if root := v.one("ROOT"); root != "" {
		opts.Root, program = move(root), "/prog"
		opts.HostNone = false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := gofind.Scan(ctx, program, opts)
	if err != nil {
		if err.Error() == "not implemented" {
			t.Skip("Scan is not implemented")
		}
		t.Fatal(err)
	}
	return r
}

// TestCorpus holds the answers of Scan against the directives, against the
// traced calls, and against each other for the same program in other clothes.
func TestCorpus(t *testing.T) {
	for _, in := range load(t) {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			if reason, known := gaps(t)[in.name]; known && os.Getenv("GOFIND_GAPS") == "" {
				t.Skipf("known gap (gaps.txt; GOFIND_GAPS=1 runs it): %s", reason)
			}
			for _, v := range in.variants {
				t.Run(v.name, func(t *testing.T) {
					t.Parallel()
					v.build(t)
					r := v.scan(t, v.dir, 2)
					v.judge(t, r)
					v.coversTrace(t, r)
					if testing.Short() {
						return
					}
					if v == in.variants[0] {
						v.sameWithWorkers(t, r)
					}
					if v.one("STRIP") != "no" {
						v.likeStripped(t, r)
						v.soundWithoutSections(t)
					}
				})
			}
		})
	}
}

// gaps are the inputs whose answers are known to be wrong, with the reason:
// gaps.txt, of which docs/gaps.md tells users.
func gaps(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("gaps.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, l := range strings.Split(string(text), "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		name, reason, ok := strings.Cut(l, "\t")
		if !ok {
			t.Fatalf("gaps.txt: no reason for %s", name)
		}
		m[name] = reason
	}
	return m
}

// judge checks the directives.
func (v *variant) judge(t *testing.T, r *gofind.Result) {
	t.Helper()
	reported := callsOf(r)
	names := map[string]bool{}
	for c := range reported {
		names[c.String()] = true
	}
	for _, want := range slices.Concat(v.all("WANT"), v.all("ELSEWHERE")) {
		if !names[want] && !v.waived(r) {
			t.Errorf("%s is made but not reported, and the answer %s", want, claim(r))
		}
	}
	for _, want := range v.all("COVER") {
		if !names[want] && r.Complete && !v.waived(r) {
			t.Errorf("%s is made but not reported, and the answer %s", want, claim(r))
		}
	}
	for _, not := range v.all("NOT") {
		if names[not] {
			t.Errorf("%s is reported but cannot be made: %s", not, witness(r, not))
		}
	}
	for _, kind := range v.all("UNRESOLVED") {
		v.judgeUnresolved(t, r, kind)
	}
	for _, want := range v.all("EXEC") {
		if !slices.ContainsFunc(r.Exec, func(e gofind.Exec) bool {
			return want == "self" && e.Self || want == "unknown" && e.Unknown || slices.Contains(e.Paths, want)
		}) {
			t.Errorf("no exec of %s: %+v", want, r.Exec)
		}
	}
	for _, want := range v.all("DLOPEN") {
		if !slices.ContainsFunc(r.Dlopen, func(d gofind.Dlopen) bool {
			return d.Kind == want || d.What == want || filepath.Base(d.What) == filepath.Base(want)
		}) {
			t.Errorf("no dlopen of %s: %+v", want, r.Dlopen)
		}
	}
	for _, want := range v.all("NOTE") {
		if !slices.ContainsFunc(r.Notes, func(n gofind.Note) bool { return n.Kind == want }) {
			t.Errorf("no note of kind %s: %+v", want, r.Notes)
		}
	}
	for _, want := range v.all("IMAGE") {
		if !slices.ContainsFunc(r.Images, func(i gofind.Image) bool { return filepath.Base(i.Path) == want }) {
			t.Errorf("image %s is missing: %+v", want, r.Images)
		}
	}
	for _, want := range v.all("ARGS") {
		name, values, _ := strings.Cut(want, "=")
		if got := argsOf(r, name); got != values {
			t.Errorf("ARGS: %s is %s, want %s", name, got, values)
		}
	}
	sites := map[string]int{"live": r.Stats.Sites.Live, "dead": r.Stats.Sites.Dead, "inside": r.Stats.Sites.Inside, "data": r.Stats.Sites.Data}
	for _, want := range v.all("SITES") {
		class, number, _ := strings.Cut(want, "=")
		if got, ok := sites[class]; !ok || strconv.Itoa(got) != number {
			t.Errorf("SITES: %s, got %+v", want, r.Stats.Sites)
		}
	}
}

// argsOf is what r says of "call.argument", as ARGS spells it.
func argsOf(r *gofind.Result, name string) string {
	for _, s := range r.Syscalls {
		for _, a := range s.Args {
			if s.ABI == "x86_64" && s.Name+"."+a.Name == name {
				var l []string
				for _, v := range a.Values {
					l = append(l, fmt.Sprintf("%#x", v))
				}
				return strings.Join(l, ",")
			}
		}
	}
	return "unknown"
}

// waived says whether r names an assumption that the input breaks.
func (v *variant) waived(r *gofind.Result) bool {
	return slices.ContainsFunc(r.Assumptions, func(a gofind.Assumption) bool {
		return slices.Contains(v.directives["UNLESS"], a.Name)
	})
}

// claim is what r says of itself, for messages about calls that it lacks: without a claim to be
// complete they are imprecise, with one they are wrong.
func claim(r *gofind.Result) string {
	if r.Complete {
		return "claims to be complete"
	}
	return "is not complete"
}

func (v *variant) judgeUnresolved(t *testing.T, r *gofind.Result, kind string) {
	t.Helper()
	if kind == "none" {
		if !r.Complete {
			t.Errorf("the answer is not complete, and could be: %s", openEntries(r))
		}
		return
	}
	if r.Complete {
		t.Errorf("the answer claims to be complete, and lacks an open entry of kind %s", kind)
	}
	if !slices.ContainsFunc(r.Unresolved, func(u gofind.Unresolved) bool {
		return u.Open && (u.Kind == kind || kind == "any")
	}) {
		t.Errorf("no open entry of kind %s, but: %s", kind, openEntries(r))
	}
}

// openEntries are those that keep the answer from being complete, for messages.
func openEntries(r *gofind.Result) string {
	var b strings.Builder
	for _, u := range r.Unresolved {
		if u.Open {
			fmt.Fprintf(&b, "\n\t%s in %s of %s at %s: %s", u.Kind, u.Function, filepath.Base(u.Image), u.Address, u.Effect)
		}
	}
	return b.String()
}

// incomplete says whether the input expects an answer with open entries.
func (v *variant) incomplete() bool {
	kinds := v.all("UNRESOLVED")
	return len(kinds) > 0 && kinds[0] != "none" || len(v.all("COVER")) > 0
}

// coversTrace checks that whatever the program was seen to call is reported. It needs strace, and
// does nothing without (TestCorpusOnKernel says so).
func (v *variant) coversTrace(t *testing.T, r *gofind.Result) {
	t.Helper()
	if !traceable(v) || v.one("SINCE") != "" || v.incomplete() && !r.Complete || v.waived(r) {
		return
	}
	traced, err := v.traced()
	if err != nil {
		t.Error(err)
	}
	reported := map[call]map[string]bool{}
	for _, s := range r.Syscalls {
		sites := map[string]bool{}
		for _, site := range s.Sites {
			sites[site.Address] = true
			sites["vdso"] = sites["vdso"] || site.Origin == "vdso"
		}
		reported[call{ABI: s.ABI, Number: s.Number &^ x32Bit}] = sites
	}
	fixed := v.fixed()
	for _, violation := range outside(traced, r) {
		t.Error(violation)
	}
	for c, m := range traced {
		sites, ok := reported[call{ABI: c.ABI, Number: c.Number}]
		if !ok {
			t.Errorf("%v was traced but not reported, and the answer %s", c, claim(r))
			continue
		}
		if !fixed || !r.Complete || c.Name == "execve" || c.Name == "restart_syscall" { // of the latter two strace shows where they end
			continue
		}
		for a := range m.at {
			const loaded = 1 << 40                                                                 // the files that a static program loads are not at fixed addresses
			if address := fmt.Sprintf("%#x", a); a < loaded && !sites[address] && !sites["vdso"] { // where the vDSO is, nobody knows
				t.Errorf("%v was traced at %s, which is not one of its sites", c, address)
			}
		}
	}
}

// outside lists traced arguments that are none of those that r says they are.
func outside(traced trace, r *gofind.Result) []string {
	var out []string
	for _, s := range r.Syscalls {
		m := traced[call{s.ABI, s.Number, s.Name}]
		if m == nil {
			continue
		}
		for _, a := range s.Args {
			for shown, args := range m.args {
				if a.Index < len(args) && !slices.Contains(a.Values, args[a.Index]&(^uint64(0)>>(64-a.Width))) {
					out = append(out, fmt.Sprintf("%s(%s) was traced, and %s is one of %#x", s.Name, shown, a.Name, a.Values))
				}
			}
		}
	}
	return out
}

// fixed says whether all code of the program is at the addresses that stand in its file.
func (v *variant) fixed() bool {
	f, err := elf.Open(v.program)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Type == elf.ET_EXEC && !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// sameWithWorkers checks that the answer, byte by byte, does not depend on who computes it when.
func (v *variant) sameWithWorkers(t *testing.T, r *gofind.Result) {
	t.Helper()
	for _, workers := range []int{1, 3} {
		if a, b := marshal(t, r), marshal(t, v.scan(t, v.dir, workers)); !bytes.Equal(a, b) {
			t.Errorf("with %d workers the answer differs from before: %s", workers, firstDifference(a, b))
		}
	}
}

// likeStripped checks that the answer does not depend on .symtab, nor on the number of workers, but for what a static
// program is known not to do by the names of its C library's functions.
func (v *variant) likeStripped(t *testing.T, r *gofind.Result) {
	t.Helper()
	s := v.scan(t, v.stripped(t), 1)
	with, without := callsOf(r), callsOf(s)
	for c := range with {
		if !without[c] && !(v.incomplete() && !s.Complete) {
			t.Errorf("%v is not reported of the stripped program, and the answer %s", c, claim(s))
		}
	}
	for c := range without {
		if !with[c] && !v.named(r, s) {
			t.Errorf("%v is reported of the stripped program only: %s", c, witness(s, c.String()))
		}
	}
	if r.Complete != s.Complete && !(r.Complete && v.named(r, s)) {
		t.Errorf("complete is %v, of the stripped program %v", r.Complete, s.Complete)
	}
}

// named reports whether the answer of a static program rests on an assumption that the one of its stripped copy does not.
func (v *variant) named(r, s *gofind.Result) bool {
	return len(r.Images) == 1 && slices.ContainsFunc(r.Assumptions, func(a gofind.Assumption) bool {
		return !slices.ContainsFunc(s.Assumptions, func(b gofind.Assumption) bool { return a.Name == b.Name })
	})
}

// soundWithoutSections checks that no call is lost with the section headers. More may be reported.
// Programs that hold a libc are left out for their size; static_sectionless.c stands for them.
func (v *variant) soundWithoutSections(t *testing.T) {
	t.Helper()
	if info, err := os.Stat(v.program); err != nil || info.Size() > 100<<10 {
		return
	}
	dir := v.copyOf(t, "sectionless", removeSections)
	r := v.scan(t, dir, 2)
	names := map[string]bool{}
	for c := range callsOf(r) {
		names[c.String()] = true
	}
	for _, want := range v.all("WANT") {
		if !names[want] && r.Complete && !v.waived(r) {
			t.Errorf("%s is not reported of the program without section headers", want)
		}
	}
}

func callsOf(r *gofind.Result) map[call]bool {
	calls := map[call]bool{}
	for _, s := range r.Syscalls {
		calls[call{s.ABI, s.Number &^ x32Bit, s.Name}] = true
	}
	return calls
}

// witness is the chain of functions that the answer gives for a call.
func witness(r *gofind.Result, name string) string {
	for _, s := range r.Syscalls {
		if (call{s.ABI, s.Number, s.Name}).String() == name {
			return fmt.Sprintf("%+v at %+v", s.Via, s.Sites)
		}
	}
	return ""
}

func marshal(t *testing.T, r *gofind.Result) []byte {
	t.Helper()
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func firstDifference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%q, not %q", around(b, i), around(a, i))
		}
	}
	return "one is a prefix of the other"
}

func around(b []byte, i int) []byte { return b[max(0, i-60):min(len(b), i+60)] }

// TestCorpusOnKernel holds the directives against the kernel: a program makes all the calls
// that its source says it makes, and none of those that it says it cannot make.
func TestCorpusOnKernel(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(missingTool{"strace"})
	}
	for _, in := range load(t) {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			for _, v := range in.variants {
				t.Run(v.name, func(t *testing.T) {
					t.Parallel()
					v.build(t)
					if reason, ok := v.neverRun(); ok {
						t.Skip("not to be run: " + reason)
					}
					for _, need := range v.all("NEEDS") {
						if err := kernelHas(need); err != nil {
							t.Skip(err)
						}
					}
					traced, err := v.traced()
					if err != nil {
						t.Fatal(err)
					}
					names := map[string]bool{}
					for c := range traced {
						names[c.String()] = true
					}
					for _, want := range slices.Concat(v.all("WANT"), v.all("COVER")) {
						if !names[want] {
							t.Errorf("the program does not make %s", want)
						}
					}
					for _, not := range v.all("NOT") {
						if names[not] {
							t.Errorf("the program makes %s", not)
						}
					}
					for _, want := range v.all("ARGS") {
						name, values, _ := strings.Cut(want, "=")
						for value := range strings.SplitSeq(values, ",") {
							if value != "unknown" && !traced.passes(name, value) {
								t.Errorf("the program does not pass %s as %s", value, name)
							}
						}
					}
				})
			}
		})
	}
}

// TestCorpusIsWhole checks that every known mistake has an input, and every input something to say.
func TestCorpusIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, in := range load(t) {
		for _, d := range []string{"PITFALL", "TRAP"} {
			for _, n := range in.directives[d] {
				seen[d+" "+n] = true
			}
		}
		judged := 0
		for _, d := range []string{"WANT", "ELSEWHERE", "COVER", "NOT", "UNRESOLVED", "EXEC", "DLOPEN", "NOTE", "ARGS"} {
			judged += len(in.directives[d])
		}
		if judged == 0 {
			t.Errorf("%s judges nothing", in.name)
		}
	}
	for d, last := range map[string]int{"PITFALL": 14, "TRAP": 11} {
		for n := 1; n <= last; n++ {
			if name := fmt.Sprintf("%s %d", d, n); !seen[name] {
				t.Errorf("no input for %s", name)
			}
		}
	}
}
