package unikraft

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/qemu"
)

// gdb finds its way in a sealed image: breakpoints, sources, and the callers of a gated function.
func TestGDB(t *testing.T) {
	for _, program := range []string{"gdb", qemu.Program} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	debug, final, _ := seal(t, nil, Options{})
	socket := filepath.Join(t.TempDir(), "gdb")
	m := bounded.Command(t, qemu.Program, "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none", "-no-reboot", "-kernel", final, "-append", "normal",
		"-device", "isa-debug-exit", "-serial", "null", "-S", "-gdb", "unix:"+socket+",server=on,wait=off")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		m.Process.Kill()
		m.Wait()
	}()
	for range 100 {
		if matches, _ := filepath.Glob(socket); len(matches) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	// Breakpoints are temporary: QEMU sometimes stops again where gdb steps over one.
	commands := []string{"set pagination off", "set architecture i386:x86-64", "target remote " + socket,
		"tbreak plugin_sort", "continue", "echo at the gate:\\n", "bt", "tbreak uk_syscall_r_getuid", "continue", "echo inside:\\n", "bt", "finish", "finish", "finish",
		"tbreak net_ticks", "continue", "echo ticks:\\n", "bt 2", "finish", "echo returned:\\n", "bt 1", "info symbol gofind_leave", "disconnect"}
	args := []string{"-nx", "-batch", debug}
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	c := bounded.Command(t, "timeout", append([]string{"60", "gdb"}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	at, inside, ok := strings.Cut(string(out), "inside:")
	if _, at, _ = strings.Cut(at, "at the gate:"); !ok {
		t.Fatalf("%s", out)
	}
	for _, f := range []string{"plugin_sort", "workload", "main"} {
		if !strings.Contains(at, f+" (") {
			t.Errorf("at the gate, %s is not among the callers", f)
		}
	}
	inside, ticks, _ := strings.Cut(inside, "ticks:")
	rest := inside
	for _, f := range []string{"uk_syscall_r_getuid", "getuid", "plugin_compare", "qsort", "plugin_sort", "gofind_runtime", "workload", "main ("} {
		_, after, found := strings.Cut(rest, f)
		if !found {
			t.Errorf("inside, %s is not among the callers, or not there", f)
			continue
		}
		rest = after
	}
	if !strings.Contains(ticks, "net_ticks (") || !strings.Contains(ticks, "Value returned") || !strings.Contains(ticks, "gofind_leave in section .gofind_text") {
		t.Errorf("net_ticks is not followed")
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
