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
//
// Those that say how to scan (MODULE, PRELOAD, LIBPATH, ROOT, HOST, SINCE) are
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
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// An input is one file of testdata, parsed.
type input struct {
	name       string // base name of the file
	path       string // absolute
	directives map[string][]string
	variants   []*variant
}

// A variant is an input built in one way. It is built once for all tests.
type variant struct {
	*input
	name    string
	command string // for the shell
	dir     string // where it is built
	program string // what is scanned: a path on this machine

	once  sync.Once
	err   error
	trace struct {
		once  sync.Once
		calls map[call]bool
		err   error
	}
}

// A call is a system call as the kernel tells them apart, with its name.
type call struct {
	ABI    string // x86_64, i386, x32
	Number int
	Name   string
}

// String is the name as WANT spells it.
func (c call) String() string {
	if c.ABI == "x86_64" {
		return c.Name
	}
	return c.ABI + "/" + c.Name
}

// A directive is known by its name; those that are true take several words.
var directives = map[string]bool{
	"BUILD": false, "WANT": true, "ELSEWHERE": true, "COVER": true, "NOT": true, "UNRESOLVED": true, "EXEC": true, "DLOPEN": true, "NOTE": true,
	"IMAGE": true, "SITES": true, "UNLESS": true, "MODULE": true, "PRELOAD": true, "LIBPATH": true, "ROOT": false, "HOST": false, "SINCE": false,
	"TRANSFORM": false, "STRIP": false, "RUN": false, "EXIT": false, "ENV": false, "NEEDS": true, "PITFALL": true, "TRAP": true,
}

var (
	directiveLine = regexp.MustCompile(`^\s*(?://|#|/?\*)\s*([A-Z]+):(?:\s+(.*))?$`)
	alternatives  = regexp.MustCompile(`\{\{([^{}]*\|[^{}]*)\}\}`)
	placeholder   = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

// flags that BUILD lines share, by placeholder.
var flags = map[string]string{
	"free": "-nostdlib -ffreestanding -fno-stack-protector -static -fno-pie -no-pie -I{{testdata}}",
	"pie":  "-nostdlib -ffreestanding -fno-stack-protector -fPIE -pie -I{{testdata}}",
	"so":   "-nostdlib -ffreestanding -fno-stack-protector -fPIC -shared -I{{testdata}}",
}

// load parses every input of testdata.
func load(t *testing.T) []*input {
	t.Helper()
	loadOnce.Do(func() { loaded, loadErr = parseAll() })
	if loadErr != nil {
		t.Fatal(loadErr)
	}
	return loaded
}

var (
	loadOnce sync.Once
	loaded   []*input
	loadErr  error
)

func parseAll() ([]*input, error) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(testdata)
	if err != nil {
		return nil, err
	}
	var all []*input
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".h") || strings.HasSuffix(e.Name(), ".inc") || e.IsDir() {
			continue
		}
		in, err := parse(filepath.Join(testdata, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		all = append(all, in)
	}
	return all, nil
}

func parse(path string) (*input, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	in := &input{name: filepath.Base(path), path: path, directives: map[string][]string{}}
	for line := range strings.Lines(string(text)) {
		m := directiveLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		name, value := m[1], strings.TrimSpace(m[2])
		words, known := directives[name]
		switch {
		case !known:
			return nil, fmt.Errorf("unknown directive %s", name)
		case words:
			in.directives[name] = append(in.directives[name], strings.Fields(value)...)
		default:
			in.directives[name] = append(in.directives[name], value)
		}
	}
	if len(in.directives["BUILD"]) == 0 {
		return nil, errors.New("no BUILD line")
	}
	for _, line := range in.directives["BUILD"] {
		for _, alt := range expand(line) {
			if testing.Short() && len(in.variants) > 0 {
				return in, nil
			}
			v := &variant{input: in, name: variantName(alt.command, alt.chosen, len(in.variants))}
			v.dir = filepath.Join(workDir, in.name+"."+strconv.Itoa(len(in.variants)))
			v.command = v.fill(alt.command)
			v.program = filepath.Join(v.dir, "prog")
			in.variants = append(in.variants, v)
		}
	}
	return in, nil
}

// An alternative is a BUILD line with one choice made in each {{a|b}}.
type alternative struct {
	command string
	chosen  []string
}

func expand(line string) []alternative {
	all := []alternative{{command: line}}
	for {
		m := alternatives.FindStringSubmatchIndex(all[0].command)
		if m == nil {
			return all
		}
		var next []alternative
		for _, a := range all {
			m := alternatives.FindStringSubmatchIndex(a.command)
			for choice := range strings.SplitSeq(a.command[m[2]:m[3]], "|") {
				text := choice
				if _, ok := flags[choice]; ok {
					text = "{{" + choice + "}}"
				}
				next = append(next, alternative{
					command: a.command[:m[0]] + text + a.command[m[1]:],
					chosen:  append(slices.Clone(a.chosen), choice),
				})
			}
		}
		all = next
	}
}

// variantName names the nth variant by its compiler and the choices made.
func variantName(command string, chosen []string, n int) string {
	compiler, _, _ := strings.Cut(command, " ")
	for i, c := range chosen {
		if chosen[i] = strings.Map(fileSafe, c); chosen[i] == "" {
			chosen[i] = "none"
		}
	}
	return strings.Join(append([]string{strconv.Itoa(n), strings.Map(fileSafe, compiler)}, chosen...), "_")
}

func fileSafe(r rune) rune {
	if r == '/' || r == ' ' || r == '{' || r == '}' {
		return -1
	}
	return r
}

// fill replaces the placeholders of a directive.
func (v *variant) fill(text string) string {
	for range 2 { // flags hold placeholders
		text = placeholder.ReplaceAllStringFunc(text, func(s string) string {
			switch name := strings.Trim(s, "{}"); name {
			case "src":
				return v.path
			case "out":
				return filepath.Join(v.dir, "prog")
			case "dir":
				return v.dir
			case "testdata":
				return filepath.Dir(v.path)
			default:
				if f, ok := flags[name]; ok {
					return f
				}
				return s
			}
		})
	}
	return text
}

// one is the single value of a directive, or "".
func (v *variant) one(name string) string {
	if d := v.directives[name]; len(d) > 0 {
		return v.fill(d[0])
	}
	return ""
}

// all are the values of a directive.
func (v *variant) all(name string) []string {
	var out []string
	for _, d := range v.directives[name] {
		out = append(out, v.fill(d))
	}
	return out
}

// A missingTool is the reason to leave out a variant.
type missingTool struct{ name string }

func (m missingTool) Error() string { return m.name + " is not installed" }

// build builds the variant, the first time that a test asks for it. It skips the test if a
// compiler is missing.
func (v *variant) build(t *testing.T) {
	t.Helper()
	v.once.Do(func() { v.err = v.compile() })
	var missing missingTool
	if errors.As(v.err, &missing) {
		t.Skip(missing)
	}
	if v.err != nil {
		t.Fatal(v.err)
	}
}

func (v *variant) compile() error {
	if err := os.RemoveAll(v.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(v.dir, 0o755); err != nil {
		return err
	}
	for step := range strings.SplitSeq(v.command, "&&") {
		if tool := strings.Fields(step)[0]; !strings.Contains(tool, "=") {
			if _, err := exec.LookPath(tool); err != nil {
				return missingTool{tool}
			}
		}
	}
	cmd := exec.Command("sh", "-c", v.command)
	cmd.Dir = v.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", v.command, err, out)
	}
	switch v.one("TRANSFORM") {
	case "":
		return nil
	case "sectionless":
		return removeSections(v.program, v.program)
	}
	return fmt.Errorf("unknown TRANSFORM %s", v.one("TRANSFORM"))
}

// removeSections writes a copy of an ELF file that has no section header table.
func removeSections(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	off := binary.LittleEndian.Uint64(data[0x28:])
	size := uint64(binary.LittleEndian.Uint16(data[0x3a:])) * uint64(binary.LittleEndian.Uint16(data[0x3c:]))
	if off+size <= uint64(len(data)) {
		clear(data[off : off+size])
	}
	clear(data[0x28:0x30]) // e_shoff
	clear(data[0x3c:0x40]) // e_shnum, e_shstrndx
	return os.WriteFile(to, data, 0o755)
}

// strip makes a copy of the directory of v with every ELF file in it stripped, and returns its path.
func (v *variant) stripped(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("strip"); err != nil {
		t.Skip(missingTool{"strip"})
	}
	return v.copyOf(t, "stripped", func(from, to string) error {
		if out, err := exec.Command("strip", "-o", to, from).CombinedOutput(); err != nil {
			return fmt.Errorf("strip %s: %w\n%s", from, err, out)
		}
		return nil
	})
}

// copyOf copies the directory of v, its ELF programs and libraries by way of change.
func (v *variant) copyOf(t *testing.T, suffix string, change func(from, to string) error) string {
	t.Helper()
	target := v.dir + "." + suffix
	err := filepath.WalkDir(v.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(v.dir, path)
		if err != nil {
			return err
		}
		to := filepath.Join(target, rel)
		switch {
		case e.IsDir():
			return os.MkdirAll(to, 0o755)
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, to)
		case linked(path):
			return change(path, to)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// linked says whether path is an ELF program or shared library.
func linked(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN
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
						v.sameWithOneWorker(t, r)
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
	sites := map[string]int{"live": r.Stats.Sites.Live, "dead": r.Stats.Sites.Dead, "inside": r.Stats.Sites.Inside, "data": r.Stats.Sites.Data}
	for _, want := range v.all("SITES") {
		class, number, _ := strings.Cut(want, "=")
		if got, ok := sites[class]; !ok || strconv.Itoa(got) != number {
			t.Errorf("SITES: %s, got %+v", want, r.Stats.Sites)
		}
	}
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
			t.Errorf("the answer is not complete, and could be: %+v", r.Unresolved)
		}
		return
	}
	if r.Complete {
		t.Errorf("the answer claims to be complete, and lacks an open entry of kind %s", kind)
	}
	if !slices.ContainsFunc(r.Unresolved, func(u gofind.Unresolved) bool {
		return u.Open && (u.Kind == kind || kind == "any")
	}) {
		t.Errorf("no open entry of kind %s: %+v", kind, r.Unresolved)
	}
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
	reported := map[call]bool{}
	for c := range callsOf(r) {
		reported[call{ABI: c.ABI, Number: c.Number}] = true
	}
	for c := range traced {
		if !reported[call{ABI: c.ABI, Number: c.Number}] {
			t.Errorf("%v was traced but not reported, and the answer %s", c, claim(r))
		}
	}
}

// sameWithOneWorker checks that the answer, byte by byte, does not depend on who computes it when.
func (v *variant) sameWithOneWorker(t *testing.T, r *gofind.Result) {
	t.Helper()
	if a, b := marshal(t, r), marshal(t, v.scan(t, v.dir, 1)); !bytes.Equal(a, b) {
		t.Errorf("with 1 worker the answer differs: %s", firstDifference(a, b))
	}
}

// likeStripped checks that the answer does not depend on .symtab, nor on the number of workers.
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
		if !with[c] {
			t.Errorf("%v is reported of the stripped program only: %s", c, witness(s, c.String()))
		}
	}
	if r.Complete != s.Complete {
		t.Errorf("complete is %v, of the stripped program %v", r.Complete, s.Complete)
	}
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

// x32Bit marks the numbers of the x32 ABI.
const x32Bit = 0x40000000

// witness is the chain of functions that the answer gives for a call.
func witness(r *gofind.Result, name string) string {
	for _, s := range r.Syscalls {
		if (call{s.ABI, s.Number, s.Name}).String() == name {
			return fmt.Sprintf("%s at %+v", strings.Join(s.Via, " > "), s.Sites)
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
				})
			}
		})
	}
}

// neverRun says whether the input must not be run, and why.
func (v *variant) neverRun() (reason string, never bool) {
	reason, never = strings.CutPrefix(v.one("RUN"), "no, ")
	return reason, never
}

// traceable says whether v can be run under strace here.
func traceable(v *variant) bool {
	if _, err := exec.LookPath("strace"); err != nil {
		return false
	}
	for _, need := range v.all("NEEDS") {
		if kernelHas(need) != nil {
			return false
		}
	}
	_, never := v.neverRun()
	return !never
}

// traced runs v, once for all tests, and returns the calls that it made.
func (v *variant) traced() (map[call]bool, error) {
	v.trace.once.Do(func() {
		v.trace.calls = map[call]bool{}
		runs := v.all("RUN")
		if len(runs) == 0 {
			runs = []string{""}
		}
		for i, args := range runs {
			if err := v.run(v.dir+"."+strconv.Itoa(i)+".trace", strings.Fields(args), v.trace.calls); err != nil {
				v.trace.err = fmt.Errorf("run %q: %w", args, err)
				return
			}
		}
	})
	return v.trace.calls, v.trace.err
}

// run runs v under strace, which writes to file, and adds the calls made to calls.
func (v *variant) run(file string, args []string, calls map[call]bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	argv := []string{"-f", "-n", "--quiet=attach,exit", "-e", "signal=none", "-o", file}
	for _, e := range v.all("ENV") {
		argv = append(argv, "-E", e)
	}
	skip := 1 // the execve that starts the program
	if root := v.one("ROOT"); root != "" {
		argv = append(argv, "chroot", root, "/prog")
		skip = 2
	} else {
		argv = append(argv, v.program)
	}
	cmd := exec.CommandContext(ctx, "strace", append(argv, args...)...)
	cmd.Dir = v.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is sent when the thread ends
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	want := 0
	if s := v.one("EXIT"); s != "" {
		if want, err = strconv.Atoi(s); err != nil {
			return err
		}
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("exit status %d, want %d (%v)\n%s", got, want, ctx.Err(), out)
	}
	return readTrace(file, skip, calls)
}

var (
	traceLine = regexp.MustCompile(`^\d+ +\[ *(\d+)\] (?:<\.\.\. )?(\w+)(.*)$`)
	execPath  = regexp.MustCompile(`execve\("([^"]*)"`)
	modeLine  = regexp.MustCompile(`\[ Process PID=(\d+) runs in (\S+) (?:bit )?mode`)
)

// readTrace reads the output of strace -f -n. The calls up to the skipth successful execve are of whoever
// started the program, and those of a process after another one are of another program.
func readTrace(file string, skip int, calls map[call]bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	abis := map[string]string{}     // by process
	executed := map[string]string{} // the argument of a process's last execve
	foreign := map[string]bool{}    // processes that have executed another program
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if m := modeLine.FindStringSubmatch(line); m != nil {
			abis[m[1]] = map[string]string{"32": "i386", "x32": "x32", "64": "x86_64"}[m[2]]
			continue
		}
		m := traceLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if skip > 0 {
			if m[2] == "execve" && strings.HasSuffix(line, " = 0") {
				skip--
			}
			continue
		}
		pid, _, _ := strings.Cut(line, " ")
		abi := abis[pid]
		if abi == "" {
			abi = "x86_64"
		}
		if path := execPath.FindStringSubmatch(line); path != nil {
			executed[pid] = path[1]
		}
		if m[2] == "execve" && strings.HasSuffix(line, " = 0") && executed[pid] != "/proc/self/exe" {
			foreign[pid] = true
		}
		if foreign[pid] && m[2] != "execve" {
			continue
		}
		number, err := strconv.Atoi(m[1])
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		calls[call{abi, number &^ x32Bit, m[2]}] = true
	}
	return nil
}

// kernelHas is nil if the kernel has the property that an input needs.
func kernelHas(need string) error {
	probe, ok := probes[need]
	if !ok {
		return fmt.Errorf("unknown NEEDS %s", need)
	}
	return probe()
}

var probes = map[string]func() error{
	"int80": sync.OnceValue(func() error {
		return tryCode("int80", "mov $20,%eax\n int $0x80\n", "the kernel has no 32-bit system calls")
	}),
	"root": func() error {
		if os.Geteuid() != 0 {
			return errors.New("only root can do it")
		}
		return nil
	},
}

// tryCode runs a program of the given instructions and returns an error with the message if it does not exit with 0.
func tryCode(name, code, message string) error {
	base := filepath.Join(workDir, "probe-"+name)
	text := ".globl _start\n_start:\n" + code + " mov $231,%eax\n xor %edi,%edi\n syscall\n"
	if err := os.WriteFile(base+".s", []byte(text), 0o644); err != nil {
		return err
	}
	if out, err := exec.Command("gcc", "-nostdlib", "-static", "-o", base, base+".s").CombinedOutput(); err != nil {
		return fmt.Errorf("probe: %w\n%s", err, out)
	}
	if exec.Command(base).Run() != nil {
		return errors.New(message)
	}
	return nil
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
		for _, d := range []string{"WANT", "ELSEWHERE", "COVER", "NOT", "UNRESOLVED", "EXEC", "DLOPEN", "NOTE"} {
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
