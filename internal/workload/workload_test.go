// Package workload has no code but tests: real programs at work, as they are and
// sealed. A sealed program must write the same and end the same, and the kernel
// must not have refused it anything.
//
// Each script in testdata is a workload. Its head names the programs that are
// sealed for it, one a line:
//
//	#seal NAME [FLAG...] [: CHILD...]
//
// NAME is a path or a name on PATH, the flags are those of gofind seal, and the children
// are what the program executes in this workload, as --exec would name them. "#seal? NAME" may be
// missing on the machine. A script runs with the programs, or their sealed copies, first on PATH, in namespaces of its own: its
// ports are its own, and nothing of it outlives it.
package workload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// A program is a line of a script's head.
type program struct {
	name     string // as the line has it
	optional bool
	policy   gofind.PolicyOptions
}

// head reads the lines of a script that name programs.
func head(t *testing.T, script string) []program {
	data, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	var all []program
	for line := range strings.Lines(string(data)) {
		line, ok := strings.CutPrefix(line, "#seal")
		if !ok {
			continue
		}
		line, optional := strings.CutPrefix(line, "?")
		own, children, executes := strings.Cut(line, ":")
		fields := strings.Fields(own)
		p := program{name: fields[0], optional: optional}
		for i := 1; i < len(fields); i++ {
			switch fields[i] {
			case "--allow-unresolved":
				p.policy.AllowUnresolved = true
			case "--assume":
				i++
				p.policy.Scan.Assume = append(p.policy.Scan.Assume, fields[i])
			case "--exec":
				i++
				p.policy.Exec = append(p.policy.Exec, fields[i])
			case "--module":
				i++
				files, err := filepath.Glob(fields[i])
				if err != nil || len(files) == 0 {
					t.Fatalf("%s: %s: no modules %s (%v)", script, p.name, fields[i], err)
				}
				p.policy.Scan.Modules = append(p.policy.Scan.Modules, files...)
			default:
				t.Fatalf("%s: %s: no flag %s", script, p.name, fields[i])
			}
		}
		if executes {
			for _, child := range strings.Fields(children) {
				path, err := exec.LookPath(child)
				if err != nil {
					t.Fatalf("%s: %s: its child %s: %v", script, p.name, child, err)
				}
				p.policy.Exec = append(p.policy.Exec, path)
			}
		}
		all = append(all, p)
	}
	return all
}

// find returns the file of a program: one of the system, or compiled from its source in testdata.
func find(t *testing.T, name string) (string, bool) {
	built := filepath.Join(t.TempDir(), name)
	for _, compiler := range [][]string{{name + ".go", "go", "build", "-o"}, {name + ".rs", "rustc", "-O", "-o"}} {
		source := filepath.Join("testdata", compiler[0])
		if _, err := os.Stat(source); err != nil {
			continue
		}
		if _, err := exec.LookPath(compiler[1]); err != nil {
			return "", false
		}
		command := bounded.Command(t, compiler[1], append(compiler[2:], built, source)...)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", source, err, out)
		}
		return built, true
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", false
	}
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, true
}

// run runs a script with the programs of a directory and returns what it wrote and how it ended.
func run(t *testing.T, script, programs string) string {
	work := filepath.Join(t.TempDir(), "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	library, err := filepath.Abs("testdata/lib.sh")
	if err != nil {
		t.Fatal(err)
	}
	script, err = filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, "/bin/bash", "-c",
		`mount --make-rprivate / && mount -t proc proc /proc && ip link set lo up && . "$1" && . "$2"`, "workload", library, script)
	// Nothing else: make and others say more in the environment of a make.
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "BIN=" + programs, "WORK=" + work, "PORT=21000"}
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.WaitDelay = 5 * time.Second
	err = command.Run()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(filepath.Join(work, "log")); err == nil {
		fmt.Fprintf(&stderr, "log:\n%s", log)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s, standard error:\n%s", programs, stderr.Bytes())
		}
	})
	return stdout.String() + command.ProcessState.String() + "\n"
}

// TestSealed compares each workload of programs as they are with that of sealed ones.
func TestSealed(t *testing.T) {
	if testing.Short() {
		t.Skip("runs many servers")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, for namespaces")
	}
	scripts, err := filepath.Glob("testdata/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	var sealed atomic.Int32
	ran := 0
	t.Run("scripts", func(t *testing.T) {
		for _, script := range scripts {
			name := strings.TrimSuffix(filepath.Base(script), ".sh")
			if name == "lib" {
				continue
			}
			ran++
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				// Programs that give up root must come here too.
				for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
					os.Chmod(d, 0o755)
				}
				sealed.Add(int32(try(t, script, filepath.Join(dir, "plain"), filepath.Join(dir, "sealed"))))
			})
		}
	})
	if n := sealed.Load(); !t.Failed() && ran > 20 && n < 50 {
		t.Errorf("%d programs were sealed, want at least 50", n)
	} else {
		t.Logf("%d programs were sealed", n)
	}
}

// try runs one workload in both ways and returns how many programs were sealed.
func try(t *testing.T, script, plain, sealed string) int {
	for _, dir := range []string{plain, sealed} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, p := range head(t, script) {
		path, ok := find(t, p.name)
		if !ok && p.optional {
			continue
		} else if !ok {
			t.Fatalf("no %s on this machine: scripts/test-deps installs it", p.name)
		}
		name := filepath.Base(p.name)
		if err := copyFile(path, filepath.Join(plain, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := gofind.Seal(t.Context(), path, filepath.Join(sealed, name), gofind.SealOptions{Policy: p.policy}); err != nil {
			t.Fatalf("sealing %s: %v", path, err)
		}
		n++
	}
	want := run(t, script, plain)
	refused := kernelLog(t)
	got := run(t, script, sealed)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the sealed programs did something else (-plain +sealed):\n%s", diff)
	}
	for _, line := range refused() {
		if strings.Contains(line, `exe="`+sealed+"/") {
			t.Errorf("the kernel refused a call: %s", line)
		}
	}
	return n
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// kernelLog returns a function that returns what the kernel has logged of seccomp since.
func kernelLog(t *testing.T) func() []string {
	// Not an os.File, which would wait for the next record.
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Logf("the kernel's log cannot be read, so only what the programs did is compared: %v", err)
		return func() []string { return nil }
	}
	if _, err := syscall.Seek(fd, 0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	return func() []string {
		defer syscall.Close(fd)
		var lines []string
		record := make([]byte, 1<<14)
		for {
			n, err := syscall.Read(fd, record)
			switch {
			case err == syscall.EPIPE || err == syscall.EINTR:
				continue // records were overwritten
			case err != nil:
				return lines // EAGAIN: no more
			}
			if bytes.Contains(record[:n], []byte("type=1326")) {
				lines = append(lines, strings.TrimSpace(string(record[:n])))
			}
		}
	}
}
