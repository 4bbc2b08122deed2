package unikraft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/qemu"
	"github.com/gofind-dev/gofind/internal/specimen"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// built is the specimen, built once for all tests.
var built struct {
	once sync.Once
	dir  string
	img  *specimen.Image
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// image returns the specimen.
func image(t testing.TB) *specimen.Image {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "specimen-"); built.err == nil {
			built.img, built.err = specimen.Build(built.dir)
		}
	})
	if errors.Is(built.err, specimen.ErrNoCompiler) {
		t.Skip(built.err)
	}
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.img
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// save encodes a file into the test's directory.
func save(t testing.TB, f *File) string {
	t.Helper()
	b, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(f.Path))
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// planOf returns the specimen's plan.
func planOf(t testing.TB, img *specimen.Image) *compartment.Plan {
	t.Helper()
	plan, err := img.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// seal seals the specimen by the plan and returns the two files, written, and the report.
func seal(t testing.TB, plan *compartment.Plan, opts Options) (debug, final string, rep *Report) {
	t.Helper()
	img := image(t)
	d, f := open(t, img.Debug), open(t, img.Final)
	if plan == nil {
		plan = planOf(t, img)
	}
	rep, err := Seal(plan, d, f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return save(t, d), save(t, f), rep
}

// boot runs an image to its end and returns its console and the status it ended with.
func boot(t testing.TB, path string, words ...string) (console string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := qemu.Start(ctx, qemu.Config{Kernel: path, Append: strings.Join(words, " "), Memory: 64, Args: []string{"-device", "isa-debug-exit"}})
	if errors.Is(err, qemu.ErrNoQEMU) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	code, err := m.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return m.Console(), code >> 1
}

// addr returns the address of a symbol.
func addr(t testing.TB, f *File, name string) uint64 {
	t.Helper()
	for _, s := range f.Symbols() {
		if s.Name == name || strings.HasPrefix(s.Name, "gofind.lib") && strings.HasSuffix(s.Name, "."+name) { // made visible by FromSource
			return s.Addr
		}
	}
	t.Fatalf("no symbol %s", name)
	return 0
}

// job is a command word for the hole in a compartment.
func job(who, way string, addr uint64, args string) string {
	return fmt.Sprintf("%s.%s=%#x,%s", who, way, addr, args)
}

// results returns what the jobs on a console returned, in order.
func results(console string) []string {
	var out []string
	for line := range strings.Lines(console) {
		if _, r, ok := strings.Cut(line, " -> "); ok {
			out = append(out, strings.TrimSpace(r))
		}
	}
	return out
}

func TestWorkload(t *testing.T) {
	plain, status := boot(t, image(t).Final, "normal")
	if status != 0 || strings.Contains(plain, "WRONG") {
		t.Fatalf("the specimen itself: status %d\n%s", status, plain)
	}
	_, final, rep := seal(t, nil, Options{})
	if len(rep.Rules.Gaps) > 0 {
		t.Errorf("gaps: %v", rep.Rules.Gaps)
	}
	sealed, status := boot(t, final, "normal")
	if status != 0 || sealed != plain {
		t.Errorf("sealed: status %d\n%s", status, sealed)
	}
}

// arguments with which each call succeeds; @N is a buffer.
var arguments = map[string]string{
	"read": "3,@3,0", "write": "1,@0,0", "open": "@0,64,0", "close": "3", "writev": "1,@1,1", "sched_yield": "", "getpid": "",
	"socket": "2,1,0", "bind": "100,@2,16", "uname": "@3", "creat": "@4,0", "unlink": "@0", "getuid": "", "getppid": "", "gettid": "",
	"futex": "9999,0", "set_tid_address": "@5", "clock_gettime": "0,@6",
}

// Each call, through each entry, from each compartment, in each way: it is refused where the
// rules say so, and does the same as without rules otherwise.
func TestMatrix(t *testing.T) {
	for _, denial := range []gatecode.Denial{gatecode.EPERM, gatecode.ENOSYS} {
		img := image(t)
		debug, final, _ := seal(t, nil, Options{OnDeny: denial})
		matrix(t, planOf(t, img), open(t, debug), final, denial)
	}
}

// matrix tries all calls in the specimen as it is, and in an image with rules. The plan is that of the specimen.
func matrix(t *testing.T, plan *compartment.Plan, debug *File, final string, denial gatecode.Denial) {
	img := image(t)
	plainDebug := open(t, img.Debug)
	type try struct {
		word, call, who string
		errno           bool
	}
	var tries []try
	var plainWords, words []string
	add := func(who, way, function string, call, args string, errno bool) {
		plainWords = append(plainWords, "fill "+job(who, way, addr(t, plainDebug, function), args))
		w := job(who, way, addr(t, debug, function), args)
		words = append(words, "fill "+w)
		tries = append(tries, try{w, call, who, errno})
	}
	for _, e := range plan.Entries {
		call, _ := sysno.Name(sysno.X86_64, e.Number)
		args, ok := arguments[call]
		if !ok || e.Inline {
			// exit, exit_group and clone have tests of their own, and so has a function with a body
			// inlined: a refusal ends the image there.
			continue
		}
		for _, who := range []string{"app", "net", "plugin"} {
			for _, way := range []string{"direct", "sort", "thread"} {
				add(who, way, e.Func, call, args, e.Errno)
			}
			padded := strings.Split(args+",0,0,0,0", ",")
			if padded[0] == "" {
				padded[0] = "0"
			}
			if e.Errno {
				add(who, "direct", "uk_syscall6", call, fmt.Sprint(e.Number)+","+strings.Join(padded[:3], ","), true)
			} else {
				add(who, "direct", "uk_syscall6_r", call, strings.Join(append(padded[:4:4], fmt.Sprint(e.Number)), ","), false)
				add(who, "direct", "syscall_raw", call, strings.Join(append(padded[:4:4], fmt.Sprint(e.Number)), ","), false)
				add(who, "direct", "uk_syscall_r", call, fmt.Sprint(e.Number)+","+strings.Join(padded[:3], ","), false)
			}
		}
	}
	// A command line has 4096 bytes.
	run := func(image string, words []string) (out []string) {
		for len(words) > 0 {
			n, size := 0, 0
			for n < len(words) && size+1+len(words[n]) < 4000 {
				size += 1 + len(words[n])
				n++
			}
			c, _ := boot(t, image, words[:n]...)
			out = append(out, results(c)...)
			words = words[n:]
		}
		return out
	}
	plain, sealed := run(img.Final, plainWords), run(final, words)
	if len(plain) != len(tries) || len(sealed) != len(tries) {
		t.Fatalf("%d and %d results of %d", len(plain), len(sealed), len(tries))
	}
	errno := map[gatecode.Denial]int{gatecode.EPERM: 1, gatecode.ENOSYS: 38}[denial]
	refused, allowed := 0, 0
	for i, try := range tries {
		c := slices.IndexFunc(plan.Compartments, func(c compartment.Compartment) bool {
			return c.Name == try.who || c.Default && try.who == "app"
		})
		want := plain[i]
		if strings.HasPrefix(want, "-") {
			t.Errorf("%s (%s): %s without rules", try.word, try.call, want)
		}
		nr, _ := sysno.Number(sysno.X86_64, try.call)
		if plan.Compartments[c].Needs.Has(nr) {
			allowed++
		} else {
			refused++
			want = fmt.Sprintf("%d errno 0", -errno)
			if try.errno {
				want = fmt.Sprintf("-1 errno %d", errno)
			}
		}
		if try.call == "socket" && !strings.HasPrefix(want, "-") && !strings.HasPrefix(sealed[i], "-") {
			continue // the number depends on those before
		}
		if sealed[i] != want {
			t.Errorf("%s (%s): %s, want %s", try.word, try.call, sealed[i], want)
		}
	}
	t.Logf("%d refused, %d allowed", refused, allowed)
	if refused < 100 || allowed < 100 {
		t.Error("too few")
	}
}
