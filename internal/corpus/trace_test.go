package corpus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/sysno"
)

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

// A trace is the calls that a program made.
type trace map[call]*made

// made is where a call was made, by the addresses of the instructions, and with which arguments.
type made struct {
	at   map[uint64]bool
	args map[string][]uint64 // by how strace shows them
}

func (t trace) add(c call, address uint64, args string) error {
	m := t[c]
	if m == nil {
		m = &made{map[uint64]bool{}, map[string][]uint64{}}
		t[c] = m
	}
	m.at[address] = true
	if args == "" || m.args[args] != nil {
		return nil
	}
	var l []uint64
	for s := range strings.SplitSeq(args, ", ") {
		v, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			return err
		}
		l = append(l, v)
	}
	m.args[args] = l
	return nil
}

// passes says whether an x86-64 call was made with a value as an argument, "call.argument".
func (t trace) passes(name, value string) bool {
	syscall, arg, _ := strings.Cut(name, ".")
	nr, _ := sysno.Number(sysno.X86_64, syscall)
	m := t[call{"x86_64", nr, syscall}]
	args, _ := sysno.Args(nr)
	i := slices.IndexFunc(args, func(a sysno.Arg) bool { return a.Name == arg })
	if m == nil || i < 0 {
		return false
	}
	for _, l := range m.args {
		if args[i].Index < len(l) && fmt.Sprintf("%#x", l[args[i].Index]&args[i].Mask()) == value {
			return true
		}
	}
	return false
}

// x32Bit marks the numbers of the x32 ABI.
const x32Bit = 0x40000000

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
func (v *variant) traced() (trace, error) {
	v.trace.once.Do(func() {
		v.trace.calls = trace{}
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
func (v *variant) run(file string, args []string, calls trace) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	argv := []string{"-f", "-n", "-i", "--quiet=attach,exit", "-e", "signal=none", "-e", "raw=!execve,execveat", "-o", file}
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
	traceLine = regexp.MustCompile(`^\d+ +\[ *(\d+)\] \[([0-9a-f]+)\] (?:<\.\.\. )?(\w+)(?:\(((?:0x[0-9a-f]+|\d+)(?:, (?:0x[0-9a-f]+|\d+))*))?`)
	execPath  = regexp.MustCompile(`execve\("([^"]*)"`)
	modeLine  = regexp.MustCompile(`\[ Process PID=(\d+) runs in (\S+) (?:bit )?mode`)
)

// readTrace reads the output of strace -f -n. The calls up to the skipth successful execve are of whoever
// started the program, and those of a process after another one are of another program.
func readTrace(file string, skip int, calls trace) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	abis := map[string]string{}     // by process
	executed := map[string]string{} // the argument of a process's last execve
	foreign := map[string]bool{}    // processes that have executed another program
	ending := ""                    // the thread whose exit_group has begun and not ended
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
			if m[3] == "execve" && strings.HasSuffix(line, " = 0") {
				skip--
			}
			continue
		}
		if m[3] == "rt_sigreturn" && strings.Contains(line, " resumed>") {
			continue // it shows where it returned to
		}
		pid, _, _ := strings.Cut(line, " ")
		// Threads that are killed as they stop can't be asked for their calls: strace shows what it asked last, of whichever
		// thread, or part of it, at the address where this one last was. A call that was one is shown again as it returns.
		killed := strings.Contains(line, " resumed>") && strings.HasSuffix(line, "= ?")
		if unfinished := strings.HasSuffix(line, "<unfinished ...>"); killed || unfinished && ending != "" {
			if pid == ending {
				ending = ""
			}
			continue
		} else if m[3] == "exit_group" && unfinished {
			ending = pid
		}
		abi := abis[pid]
		if abi == "" {
			abi = "x86_64"
		}
		if path := execPath.FindStringSubmatch(line); path != nil {
			executed[pid] = path[1]
		}
		if m[3] == "execve" && strings.HasSuffix(line, " = 0") && executed[pid] != "/proc/self/exe" {
			foreign[pid] = true
		}
		if foreign[pid] && m[3] != "execve" {
			continue
		}
		number, err := strconv.Atoi(m[1])
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		next, err := strconv.ParseUint(m[2], 16, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if err := calls.add(call{abi, number &^ x32Bit, m[3]}, next-2, m[4]); err != nil { // syscall and int 0x80 have two bytes
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

// TestReadTraceOfEnd: what strace shows of threads that are killed by exit_group as they stop is no call of theirs;
// what returns is, and so is what began before or after.
func TestReadTraceOfEnd(t *testing.T) {
	const (
		before = "7 [  59] [00007f0000000001] execve(\"./p\", [\"./p\"], 0x1 /* 1 var */) = 0\n" +
			"8 [  35] [000000000047d717] nanosleep(0x1, 0 <unfinished ...>\n" +
			"9 [ 202] [000000000047dce3] futex(0x3b, 0x80, 0, 0 <unfinished ...>\n"
		end   = "7 [ 231] [000000000047d60b] exit_group(0 <unfinished ...>\n"
		ended = "7 [ 231] [000000000047d60b] <... exit_group resumed>) = ?\n"
		stale = "8 [ 202] [000000000047d717] futex(0x3b, 0x80, 0, 0 <unfinished ...>\n"
	)
	for _, c := range []struct {
		lines string
		want  map[string]int // sites, by call
	}{
		{before + end + stale, map[string]int{"futex": 1, "nanosleep": 1, "exit_group": 1}},
		{before + end + "8 [ 231] [000000000047d717] exit_group(0 <unfinished ...>\n" + ended, map[string]int{"futex": 1, "exit_group": 1}},
		{before + end + "8 [   0] [000000000047d717] read(0x1, 0, 0 <unfinished ...>\n" + ended +
			"8 [   0] [000000000047d717] <... read resumed>) = ?\n", map[string]int{"futex": 1, "read": 0}},
		{before + end + "8 [18446744073709551605] [000000000047d717] syscall_0xb(0x1, 0x2 <unfinished ...>\n", map[string]int{"futex": 1}},
		{before + end + "8 [   0] [000000000047d777] read(0x1, 0, 0 <unfinished ...>\n" +
			"8 [   0] [000000000047d777] <... read resumed>) = 0\n", map[string]int{"read": 1}},
		{before + stale + end, map[string]int{"futex": 2}},
		{before + end + ended + stale, map[string]int{"futex": 2}},
		{before + "7 [ 231] [000000000047d60b] exit_group(0) = ?\n" + stale, map[string]int{"futex": 2}},
	} {
		file := filepath.Join(t.TempDir(), "trace")
		if err := os.WriteFile(file, []byte(c.lines), 0o644); err != nil {
			t.Fatal(err)
		}
		calls := trace{}
		if err := readTrace(file, 1, calls); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for k, m := range calls {
			got[k.Name] = len(m.at)
		}
		for name, sites := range c.want {
			if got[name] != sites {
				t.Errorf("%s at %d sites, want %d, of\n%s", name, got[name], sites, c.lines)
			}
		}
	}
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
	ctx, cancel := context.WithTimeout(context.Background(), bounded.Limit)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "gcc", "-nostdlib", "-static", "-o", base, base+".s").CombinedOutput(); err != nil {
		return fmt.Errorf("probe: %w\n%s", err, out)
	}
	if exec.CommandContext(ctx, base).Run() != nil {
		return errors.New(message)
	}
	return nil
}
