package needs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// TestLarge: an image with a megabyte of code is analysed in two seconds of processor time.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for seconds")
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not installed")
	}
	dir := t.TempDir()
	const libs, funcs = 4, 600
	var files []string
	for l := range libs {
		var b strings.Builder
		fmt.Fprintf(&b, "extern volatile long state; long uk_syscall_r_getpid(long, long, long);\n")
		for f := range funcs {
			fmt.Fprintf(&b, "long f%d_%d(long, long *);\n", (l+1)%libs, f)
			fmt.Fprintf(&b, "static long g%d(long a, long *p);\n", f)
		}
		fmt.Fprintf(&b, "static long (*const table[])(long, long *) = {")
		for f := range funcs {
			fmt.Fprintf(&b, "g%d,", f)
		}
		fmt.Fprintf(&b, "};\n")
		for f := range funcs {
			fmt.Fprintf(&b, `static long g%[1]d(long a, long *p) {
	long x[8], s = 0;
	for (long i = 0; i < a; i++) { x[i & 7] = p[i] ^ (i * %[1]d); s += x[(i + 3) & 7]; }
	switch (a) { case 1: s += 3; break; case 2: s ^= p[1]; break; case 3: s -= p[2]; break; case 4: s *= 5; break; case 5: p[0] = s; break; case 9: state = s; break; }
	if (s > %[1]d) s += f%[2]d_%[1]d(s, x); else p[3] = s;
	return s;
}
long f%[3]d_%[1]d(long a, long *p) { return a > %[1]d ? table[a %% %[4]d](a, p) : g%[1]d(a - 1, p) + uk_syscall_r_getpid(a, 0, 0); }
`, f, (l+1)%libs, l, funcs)
		}
		if l == 0 {
			b.WriteString("volatile long state; long uk_syscall_r_getpid(long a, long b, long c) { return state += a; }\nvoid _start(void) { long x[9]; for (;;) f0_1(state, x); }\n")
		}
		file := filepath.Join(dir, "build", fmt.Sprintf("libl%d", l), "a.c")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	image := filepath.Join(dir, "build", "large_qemu-x86_64.dbg")
	args := append([]string{"-g", "-O0", "-w", "-nostdlib", "-static", "-no-pie", "-ffreestanding", "-fno-stack-protector", "-o", image}, files...)
	if out, err := bounded.Command(t, "gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	k, err := kraft.Parse("kraft.yaml", []byte("compartments: [{name: k, default: true}, {name: a}, {name: b}, {name: c}]\nlibraries: {l1: {compartment: a}, l2: {compartment: b}, l3: {compartment: c}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	start := processor()
	m, err := unikernel.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := Find(context.Background(), m, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	used := processor() - start
	text := uint64(0)
	for _, x := range m.File.ExecRanges() {
		text += x.End - x.Start
	}
	t.Logf("%d bytes of text, %d functions: %v", text, len(m.Funcs), used)
	if text < 1<<20 {
		t.Errorf("the image has %d bytes of text, less than a megabyte", text)
	}
	if used > 2*time.Second {
		t.Errorf("%v of processor time, more than 2s", used)
	}
	for c := range r.Plan.Compartments {
		if got := names(&r.Plan.Compartments[c].Needs); len(got) != 1 || got[0] != "getpid" {
			t.Errorf("%s needs %v", r.Plan.Compartments[c].Name, got)
		}
	}
}

// processor is the processor time of this process so far.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
