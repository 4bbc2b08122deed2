package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/facts"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// The tests in this file give profiles to those that they are for, and try to make calls.

// compile builds a C file.
func compile(t *testing.T, out, source string, flags ...string) {
	t.Helper()
	cmd := bounded.Command(t, "gcc", append([]string{"-O1", "-Wall", "-Wextra", "-Werror", "-o", out, source}, flags...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("no C compiler")
		}
		t.Fatalf("%v\n%s", err, text)
	}
}

func probe(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "probe")
	compile(t, path, "testdata/probe.c", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector")
	return path
}

// probePolicy is what the probe needs: fcntl with F_GETFD and F_GETFL only.
func probePolicy(t *testing.T, base string) *policy.Policy {
	t.Helper()
	var needs []policy.Need
	for _, name := range []string{"write", "exit", "exit_group", "clone", "execve", "fcntl"} {
		nr, _ := sysno.Number(sysno.X86_64, name)
		n := policy.Need{Call: sysno.Call{Nr: nr}}
		if name == "fcntl" && base != "runc" && base != "crun" { // these need it with more
			n.Tests = []policy.Test{{Arg: 1, Width: 32, Op: policy.In, Values: []uint64{1, 3}}}
		}
		needs = append(needs, n)
	}
	// dup2(0, 0) and (0, 5), for those whose own needs hide fcntl.
	nr, _ := sysno.Number(sysno.X86_64, "dup2")
	needs = append(needs, policy.Need{Call: sysno.Call{Nr: nr}, Tests: []policy.Test{
		{Arg: 0, Width: 32, Op: policy.In, Values: []uint64{0}}, {Arg: 1, Width: 32, Op: policy.In, Values: []uint64{0, 5}},
	}})
	p, _, err := policy.Build(needs, policy.BuildOptions{Default: policy.KillProcess, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const killed = "killed"

// outcomeOf says how a command ended: what it printed, or that a filter killed it.
func outcomeOf(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return strings.TrimSpace(out.String())
	case errors.As(err, &exit):
		ws := exit.Sys().(syscall.WaitStatus)
		if ws.Signaled() && ws.Signal() == syscall.SIGSYS || ws.Exited() && ws.ExitStatus() == 128+int(syscall.SIGSYS) {
			return killed
		}
	}
	return fmt.Sprintf("%v: %s%s", err, out.String(), stderr.String())
}

// A consumer runs the probe under a profile.
type consumer struct {
	unknown string // the answer to a number that no table names
	tested  bool   // arguments are
	run     func(t *testing.T, args ...string) string
}

// inject makes calls under a profile that must pass, and such that must not.
func (c *consumer) inject(t *testing.T, path string) {
	if c.unknown == "" {
		c.unknown = killed
	}
	dup := killed
	if !c.tested {
		dup = "6"
	}
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"allowed", "ok", []string{"ok"}},
		{"allowed arguments", "5", []string{"call", "33", "0", "5"}},
		{"allowed arguments, upper half", "5", []string{"call", "33", "0xdeadbeef00000000", "0xffffffff00000005"}},
		{"by number", killed, []string{"call", "124"}},
		{"with the x32 bit", killed, []string{"call", "0x4000007c"}},
		{"an allowed call with the x32 bit", killed, []string{"call", "0x400000e7"}},
		{"by int 0x80", killed, []string{"int80", "147"}},
		{"an allowed number by int 0x80", killed, []string{"int80", "1"}},
		{"number -1", killed, []string{"call", "0xffffffff"}},
		{"forbidden arguments", dup, []string{"call", "33", "0", "6"}},
		{"in a second thread", killed, []string{"thread", "124"}},
		{"allowed in a second thread", "0", []string{"thread", "33"}},
		{"after execve", killed, []string{"exec", path, "124"}},
		{"tried by libraries", "-38", []string{"call", "437"}},
		{"newer than the table", c.unknown, []string{"call", "999"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := c.run(t, test.args...); got != test.want {
				t.Errorf("%s: %q, want %q", strings.Join(test.args, " "), got, test.want)
			}
		})
	}
}

func timeout(t *testing.T, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// The C file compiles without a warning, and its filter does what it says.
func TestC(t *testing.T) {
	dir := t.TempDir()
	path := probe(t, dir)
	source, _, err := Write("c", probePolicy(t, "exec"), &Info{Programs: []string{"/bin/*/ probe"}, Notes: []string{"a note */"}})
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(dir, "main.c")
	source = append(source, `
int main(int argc, char **argv)
{
	if (argc < 2 || gofind_install())
		return 1;
	execv(argv[1], argv + 1);
	return 2;
}
`...)
	if err := os.WriteFile(main, source, 0o644); err != nil {
		t.Fatal(err)
	}
	launcher := filepath.Join(dir, "launcher")
	compile(t, launcher, main, "-static")
	c := &consumer{unknown: "-38", tested: true, run: func(t *testing.T, args ...string) string {
		return outcomeOf(t, timeout(t, launcher, append([]string{path}, args...)...))
	}}
	c.inject(t, path)
}

func TestBubblewrap(t *testing.T) {
	dir := t.TempDir()
	path := probe(t, dir)
	data, _, err := Write("bpf", probePolicy(t, "bwrap"), &Info{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "filter.bpf")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	c := &consumer{unknown: "-38", tested: true, run: func(t *testing.T, args ...string) string {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd := timeout(t, "bwrap", append([]string{"--bind", "/", "/", "--unshare-pid", "--seccomp", "3", path}, args...)...)
		cmd.ExtraFiles = []*os.File{f}
		return outcomeOf(t, cmd)
	}}
	if err := bounded.Command(t, "bwrap", "--bind", "/", "/", "--unshare-pid", path, "ok").Run(); err != nil {
		t.Skipf("bwrap does not run here: %v", err)
	}
	c.inject(t, path)
}

// bundle writes an OCI bundle with the probe, and returns its directory.
func bundle(t *testing.T, profile []byte, noNewPrivileges bool, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"proc", "dev"} {
		if err := os.MkdirAll(filepath.Join(dir, "rootfs", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	probe(t, filepath.Join(dir, "rootfs"))
	var s *specs.LinuxSeccomp
	if profile != nil {
		if err := json.Unmarshal(profile, &s); err != nil {
			t.Fatal(err)
		}
	}
	spec := specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{
			Args: append([]string{"/probe"}, args...), Env: []string{"PATH=/"}, Cwd: "/", NoNewPrivileges: noNewPrivileges,
			User:         specs.User{UID: 1000, GID: 1000},
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
		},
		Root:   &specs.Root{Path: "rootfs", Readonly: true},
		Mounts: []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}, {Destination: "/dev", Type: "tmpfs", Source: "tmpfs"}},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}},
			Seccomp:    s,
		},
	}
	data, err := json.Marshal(&spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

var containers atomic.Int32

// withoutHybrid starts crun, which refuses to run where both versions of cgroups are mounted.
const withoutHybrid = `mount --make-rprivate / && { umount /sys/fs/cgroup/unified 2>/dev/null || :; } && exec crun "$@"`

func TestRuntimes(t *testing.T) {
	for _, runtime := range []struct {
		name    string
		command []string
		unknown string
	}{
		{"runc", []string{"runc"}, "-38"}, // runc answers ENOSYS to numbers above the highest that the profile names
		{"crun", []string{"unshare", "-m", "sh", "-c", withoutHybrid, "crun", "--cgroup-manager=disabled"}, killed},
	} {
		t.Run(runtime.name, func(t *testing.T) {
			run := func(t *testing.T, dir string) string {
				id := fmt.Sprintf("gofind-%d-%d", os.Getpid(), containers.Add(1))
				args := append(slices.Clone(runtime.command[1:]), "--root", filepath.Join(dir, "state"), "run", "--bundle", dir, id)
				return outcomeOf(t, timeout(t, runtime.command[0], args...))
			}
			if got := run(t, bundle(t, nil, true, "ok")); got != "ok" {
				t.Skipf("%s does not run here: %s", runtime.name, got)
			}
			profile, notes, err := Write("oci", probePolicy(t, runtime.name), &Info{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("notes: %q", notes)
			for _, nnp := range []bool{true, false} {
				t.Run(fmt.Sprintf("no_new_privs=%v", nnp), func(t *testing.T) {
					c := &consumer{unknown: runtime.unknown, tested: true, run: func(t *testing.T, args ...string) string {
						return run(t, bundle(t, profile, nnp, args...))
					}}
					c.inject(t, "/probe")
				})
			}
		})
	}
}

// TestSystemd starts units under a systemd of their own.
func TestSystemd(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for namespaces")
	}
	dir := t.TempDir()
	path := probe(t, dir)
	run := func(t *testing.T, dropIn []byte, args ...string) string {
		units, result := t.TempDir(), t.TempDir()
		out, end := filepath.Join(result, "out"), filepath.Join(result, "end")
		unit := fmt.Sprintf(`[Unit]
DefaultDependencies=no
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=%s %s
StandardOutput=file:%s
ExecStopPost=+/bin/sh -c 'echo $EXIT_CODE $EXIT_STATUS >%s'
`, path, strings.Join(args, " "), out, end)
		err := os.WriteFile(filepath.Join(units, "probe.service"), []byte(unit), 0o644)
		if dropIn != nil && err == nil {
			if err = os.Mkdir(filepath.Join(units, "probe.service.d"), 0o755); err == nil {
				err = os.WriteFile(filepath.Join(units, "probe.service.d", "seccomp.conf"), dropIn, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		log, _ := timeout(t, "sh", "testdata/systemd.sh", units, "probe.service").CombinedOutput()
		how, err := os.ReadFile(end)
		if err != nil {
			return fmt.Sprintf("no end: %s", log)
		}
		if strings.HasSuffix(strings.TrimSpace(string(how)), " SYS") {
			return killed
		}
		text, _ := os.ReadFile(out)
		return strings.TrimSpace(string(text))
	}
	if got := run(t, nil, "ok"); got != "ok" {
		t.Skipf("systemd does not run here: %s", got)
	}
	profile, notes, err := Write("systemd", probePolicy(t, "systemd"), &Info{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("notes: %q", notes)
	c := &consumer{run: func(t *testing.T, args ...string) string { return run(t, profile, args...) }}
	c.inject(t, path)
}

// The groups are those of systemd itself, where it is the version of groups.txt.
func TestGroups(t *testing.T) {
	version, err := bounded.Command(t, "systemd-analyze", "--version").Output()
	if err != nil || !bytes.HasPrefix(version, []byte("systemd 252 ")) {
		t.Skipf("no systemd-analyze of version 252: %s", version)
	}
	out, err := bounded.Command(t, "systemd-analyze", "syscall-filter", "--no-pager").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	group := ""
	for line := range strings.Lines(string(out)) {
		word := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "@"):
			group = word
		case word != "" && !strings.HasPrefix(word, "#") && group != "@known":
			want[group] = append(want[group], word)
		}
	}
	direct := map[string][]string{}
	facts.MustParse("groups.txt", textGroups, 2, func(f []string) error {
		direct[f[0]] = append(direct[f[0]], f[1])
		return nil
	})
	for name, members := range want {
		slices.Sort(members)
		got := slices.Sorted(slices.Values(direct[name]))
		if !slices.Equal(got, members) {
			t.Errorf("%s: have %v, want %v", name, got, members)
		}
	}
	if len(want) < 20 {
		t.Errorf("only %d groups", len(want))
	}
}
