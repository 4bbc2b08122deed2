// Package qemu boots the image of a unikernel in QEMU and drives it: its console,
// a port of its network, and, through QEMU's gdb stub, its processor and memory.
//
// The emulation is TCG, so neither hardware support nor privileges are needed, and
// a breakpoint changes no byte of the machine's memory. What a Tracer records of
// a boot is an oracle that knows nothing of any analysis: which functions that make
// a system call ran, and which return addresses were on the stack then.
//
// # Specifications
//
// GDB manual, appendix E, "GDB Remote Serial Protocol"; the registers of
// QEMU's target description i386:x86-64; DWARF 5 section 6.4 for the unwinding
// (frames.go); System V x86-64 psABI 1.0 section 3.2 for calls.
package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Program is the emulator that is looked for in $PATH.
const Program = "qemu-system-x86_64"

// maxConsole is how much of a console is kept, in bytes; what comes later is dropped.
const maxConsole = 16 << 20

// ErrNoQEMU says that the emulator is not installed.
var ErrNoQEMU = errors.New("there is no " + Program + " in $PATH (Debian: qemu-system-x86)")

// Config says what to boot.
type Config struct {
	Kernel string // image that QEMU's multiboot loader takes
	Initrd string // "" for none
	Append string // command line of the image
	Memory int    // MiB, 0 for 256
	CPU    string // QEMU's name, "" for max
	Port   uint16 // TCP port of the guest that Machine.Addr leads to, 0 for no network
	Debug  bool   // wait before the first instruction; Machine.Debugger lets it go on
	Args   []string
}

// Machine is a running QEMU. Its methods may be called concurrently.
type Machine struct {
	Addr string // host:port that leads to Config.Port, "" without

	cmd   *exec.Cmd
	stdin io.WriteCloser
	dir   string // of the debugger's socket
	debug bool

	mu      sync.Mutex
	console []byte
	errs    bytes.Buffer
	changed chan struct{} // closed, and replaced, when console grows or the machine ends
	done    chan struct{} // closed when the machine has ended
	err     error         // of the process; valid after done
}

// Start boots an image. The machine ends with ctx. The caller closes it.
func Start(ctx context.Context, c Config) (*Machine, error) {
	if _, err := exec.LookPath(Program); err != nil {
		return nil, ErrNoQEMU
	}
	if _, err := os.Stat(c.Kernel); err != nil {
		return nil, err
	}
	// QEMU cannot choose the port itself. If another takes the one that was free,
	// it stops at once, and another is tried.
	for try := 0; ; try++ {
		m, err := start(ctx, c)
		if err != nil || c.Port == 0 {
			return m, err
		}
		if m.listening(ctx) {
			return m, nil
		}
		err = fmt.Errorf("%s: QEMU did not start: %s", c.Kernel, strings.TrimSpace(m.Errors()))
		m.Close()
		if try == 3 || ctx.Err() != nil {
			return nil, err
		}
	}
}

func start(ctx context.Context, c Config) (m *Machine, err error) {
	m = &Machine{changed: make(chan struct{}), done: make(chan struct{}), debug: c.Debug}
	if m.dir, err = os.MkdirTemp("", "qemu-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(m.dir)
		}
	}()
	memory, cpu := c.Memory, c.CPU
	if memory == 0 {
		memory = 256
	}
	if cpu == "" {
		cpu = "max"
	}
	args := []string{"-accel", "tcg", "-cpu", cpu, "-m", strconv.Itoa(memory), "-nodefaults", "-no-user-config",
		"-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", c.Kernel}
	if c.Initrd != "" {
		args = append(args, "-initrd", c.Initrd)
	}
	if c.Append != "" {
		args = append(args, "-append", c.Append)
	}
	if c.Debug {
		args = append(args, "-S", "-gdb", "unix:"+escape(m.socket())+",server=on,wait=off")
	}
	if c.Port != 0 {
		if m.Addr, err = freeAddr(); err != nil {
			return nil, err
		}
		args = append(args, "-netdev", fmt.Sprintf("user,id=net0,restrict=on,hostfwd=tcp:%s-:%d", m.Addr, c.Port),
			"-device", "virtio-net-pci,netdev=net0,romfile=")
	}
	m.cmd = exec.CommandContext(ctx, Program, append(args, c.Args...)...)
	m.cmd.Stdout, m.cmd.Stderr = consoleWriter{m}, errorWriter{m}
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.cmd.WaitDelay = time.Second
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// The machine gets its death signal when the thread that made it ends, so that thread stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := m.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = m.cmd.Wait()
		m.mu.Lock()
		m.err = err
		close(m.done)
		m.notify()
		m.mu.Unlock()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return m, nil
}

// escape doubles the commas of a value of one of QEMU's options.
func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }

func (m *Machine) socket() string { return filepath.Join(m.dir, "gdb") }

// freeAddr returns an address of the loopback interface where nothing listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// listening waits until QEMU itself answers at Addr, which is before the guest does.
func (m *Machine) listening(ctx context.Context) bool {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		if c, err := net.Dial("tcp4", m.Addr); err == nil {
			c.Close()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-m.done:
			return false
		case <-time.After(wait):
		}
	}
}

type consoleWriter struct{ m *Machine }

func (w consoleWriter) Write(b []byte) (int, error) {
	m := w.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.console = append(m.console, b[:min(len(b), maxConsole-len(m.console))]...)
	m.notify()
	return len(b), nil
}

type errorWriter struct{ m *Machine }

func (w errorWriter) Write(b []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if w.m.errs.Len() < 1<<16 {
		w.m.errs.Write(b)
	}
	return len(b), nil
}

// notify wakes those that wait; mu is held.
func (m *Machine) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Console returns what the machine has written to its serial port.
func (m *Machine) Console() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.console)
}

// Errors returns what QEMU has said on its standard error.
func (m *Machine) Errors() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.errs.String()
}

// Await waits until the console has text. The error quotes the end of the console.
func (m *Machine) Await(ctx context.Context, text string) error {
	for {
		m.mu.Lock()
		found, changed := bytes.Contains(m.console, []byte(text)), m.changed
		ended := m.ended()
		m.mu.Unlock()
		switch {
		case found:
			return nil
		case ended:
			return fmt.Errorf("the machine ended before its console had %q%s", text, m.tail())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %q on the console: %w%s", text, ctx.Err(), m.tail())
		}
	}
}

func (m *Machine) ended() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// tail is the end of the console, and QEMU's errors, for an error.
func (m *Machine) tail() string {
	c := m.Console()
	if len(c) > 2000 {
		c = "..." + c[len(c)-2000:]
	}
	s := fmt.Sprintf("; its console:\n%s", c)
	if e := m.Errors(); e != "" {
		s += "\nQEMU says: " + e
	}
	return s
}

// Type writes to the serial port, as one who types at it.
func (m *Machine) Type(text string) error {
	_, err := io.WriteString(m.stdin, text)
	return err
}

// Wait waits for the machine's end and returns QEMU's exit status.
func (m *Machine) Wait(ctx context.Context) (int, error) {
	select {
	case <-m.done:
		var exit *exec.ExitError
		if m.err != nil && (!errors.As(m.err, &exit) || !exit.Exited()) {
			return -1, fmt.Errorf("QEMU: %w%s", m.err, m.tail())
		}
		return m.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return -1, fmt.Errorf("waiting for the machine's end: %w%s", ctx.Err(), m.tail())
	}
}

// Close ends the machine.
func (m *Machine) Close() error {
	m.stdin.Close()
	m.cmd.Process.Kill() // an error says that it has ended
	<-m.done
	return os.RemoveAll(m.dir)
}
