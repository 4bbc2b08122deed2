package qemu

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// ErrEnded says that the machine has ended while the debugger waited for it to stop.
var ErrEnded = errors.New("the machine has ended")

// Registers by their numbers in QEMU's target description (i386:x86-64).
const (
	RAX = iota
	RBX
	RCX
	RDX
	RSI
	RDI
	RBP
	RSP
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
	RIP
	EFLAGS
	numRegs

	FSBase = 24 // by ReadReg; Regs has it not
)

// arguments are the registers of a function's first arguments (psABI figure 3.4).
var arguments = [...]int{RDI, RSI, RDX, RCX, R8, R9}

// Regs are the general registers, RIP and EFLAGS. In 32-bit mode the upper halves are 0.
type Regs [numRegs]uint64

// Debugger drives the processor of a machine. Its methods must not be called
// concurrently; after an error other than a context's, only Close is of use. A machine has one processor.
type Debugger struct {
	m       *Machine
	nc      net.Conn
	c       *conn
	packet  int             // the largest that the stub takes, in bytes
	breaks  map[uint64]bool // that are set
	stopped bool
}

// Debugger connects to the gdb stub of a machine that was started with Debug. The
// machine stands before its first instruction.
func (m *Machine) Debugger(ctx context.Context) (*Debugger, error) {
	if !m.debug {
		return nil, errors.New("the machine was started without Debug")
	}
	d := &Debugger{m: m, packet: 1024, breaks: map[uint64]bool{}, stopped: true}
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		var err error
		if d.nc, err = net.Dial("unix", m.socket()); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connecting to the gdb stub: %w (%w)", ctx.Err(), err)
		case <-m.done:
			return nil, fmt.Errorf("connecting to the gdb stub: %w%s", ErrEnded, m.tail())
		case <-time.After(wait):
		}
	}
	d.c = newConn(d.nc)
	if err := d.hello(ctx); err != nil {
		d.nc.Close()
		return nil, err
	}
	return d, nil
}

func (d *Debugger) hello(ctx context.Context) error {
	defer d.deadline(ctx)()
	features, err := d.ask("qSupported:swbreak+;hwbreak+")
	if err != nil {
		return err
	}
	for f := range strings.SplitSeq(features, ";") {
		if size, ok := strings.CutPrefix(f, "PacketSize="); ok {
			if n, err := strconv.ParseUint(size, 16, 16); err == nil && n >= 64 {
				d.packet = int(n)
			}
		}
	}
	// Registers have 64-bit numbers only once the description was asked for.
	if _, err := d.ask("qXfer:features:read:target.xml:0,ffb"); err != nil {
		return err
	}
	_, err = d.ask("?")
	return err
}

// deadline ends waiting for the stub when ctx ends, until the function that it returns is called.
func (d *Debugger) deadline(ctx context.Context) func() {
	stop := context.AfterFunc(ctx, func() { d.nc.SetDeadline(time.Now()) })
	return func() { stop() }
}

func (d *Debugger) ask(command string) (string, error) {
	if err := d.c.send(command); err != nil {
		return "", d.failed(err)
	}
	reply, err := d.c.receive()
	if err != nil {
		return "", d.failed(err)
	}
	return string(reply), nil
}

func (d *Debugger) failed(err error) error {
	if d.m.ended() {
		return ErrEnded
	}
	return fmt.Errorf("gdb stub: %w", err)
}

// command asks for something that is answered with OK.
func (d *Debugger) command(format string, args ...any) error {
	command := fmt.Sprintf(format, args...)
	reply, err := d.ask(command)
	if err == nil && reply != "OK" {
		err = fmt.Errorf("gdb stub: %.20q is answered with %.20q", command, reply)
	}
	return err
}

// Regs reads the registers.
func (d *Debugger) Regs() (r Regs, err error) {
	reply, err := d.ask("g")
	if err != nil {
		return r, err
	}
	b := make([]byte, numRegs*8)
	// EFLAGS has four bytes, and is the last that is wanted.
	const n = 2 * (RIP*8 + 8 + 4)
	if len(reply) < n {
		return r, fmt.Errorf("gdb stub: registers in %d digits, not %d or more", len(reply), n)
	}
	if _, err := hex.Decode(b, []byte(reply[:n])); err != nil {
		return r, errPacket
	}
	for i := range r {
		r[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return r, nil
}

// ReadReg reads one register by its number, of at most 64 bits.
func (d *Debugger) ReadReg(number int) (uint64, error) {
	reply, err := d.ask(fmt.Sprintf("p%x", number))
	if err != nil {
		return 0, err
	}
	var b [8]byte
	if n := len(reply); n == 0 || n > 16 || n%2 != 0 || reply[0] == 'E' {
		return 0, fmt.Errorf("gdb stub: register %d is answered with %.20q", number, reply)
	}
	if _, err := hex.Decode(b[:], []byte(reply)); err != nil {
		return 0, errPacket
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// SetReg writes a register of Regs.
func (d *Debugger) SetReg(number int, value uint64) error {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], value)
	if number == EFLAGS {
		return d.command("P%x=%x", number, b[:4])
	}
	return d.command("P%x=%x", number, b[:])
}

// Read fills b from virtual address addr.
func (d *Debugger) Read(addr uint64, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), (d.packet-32)/2)
		reply, err := d.ask(fmt.Sprintf("m%x,%x", addr, n))
		if err != nil {
			return err
		}
		if len(reply) != 2*n {
			return fmt.Errorf("gdb stub: %d bytes at %#x cannot be read (%.20q)", n, addr, reply)
		}
		if _, err := hex.Decode(b, []byte(reply)); err != nil {
			return errPacket
		}
		addr, b = addr+uint64(n), b[n:]
	}
	return nil
}

// Word reads eight bytes at a virtual address.
func (d *Debugger) Word(addr uint64) (uint64, error) {
	var b [8]byte
	err := d.Read(addr, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// Write writes b at virtual address addr, whatever the page tables say of writing.
func (d *Debugger) Write(addr uint64, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), (d.packet-64)/2)
		if err := d.command("M%x,%x:%x", addr, n, b[:n]); err != nil {
			return err
		}
		addr, b = addr+uint64(n), b[n:]
	}
	return nil
}

// Break sets breakpoints: the machine stops before it executes an instruction that
// starts at one of these virtual addresses.
func (d *Debugger) Break(addrs ...uint64) error {
	for _, a := range addrs {
		if d.breaks[a] {
			continue
		}
		if err := d.command("Z0,%x,1", a); err != nil {
			return err
		}
		d.breaks[a] = true
	}
	return nil
}

// Clear removes breakpoints.
func (d *Debugger) Clear(addrs ...uint64) error {
	for _, a := range addrs {
		if !d.breaks[a] {
			continue
		}
		if err := d.command("z0,%x,1", a); err != nil {
			return err
		}
		delete(d.breaks, a)
	}
	return nil
}

// Step executes one instruction, with interrupts held back.
func (d *Debugger) Step(ctx context.Context) error { return d.resume(ctx, "s") }

// Continue lets the machine run until a breakpoint, and past one at which it stands. When ctx ends it
// stops the machine where it is, and returns ctx's error; the debugger can
// still be used. It returns ErrEnded if the machine ends.
func (d *Debugger) Continue(ctx context.Context) error {
	pc, err := d.ReadReg(RIP)
	if err != nil {
		return err
	}
	if d.breaks[pc] {
		if err := d.Step(ctx); err != nil {
			return err
		}
		// That instruction may have led to another breakpoint.
		if pc, err = d.ReadReg(RIP); err != nil || d.breaks[pc] {
			return err
		}
	}
	return d.resume(ctx, "c")
}

func (d *Debugger) resume(ctx context.Context, command string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.c.send(command); err != nil {
		return d.failed(err)
	}
	type stop struct {
		reply []byte
		err   error
	}
	stopped := make(chan stop, 1)
	go func() {
		reply, err := d.c.receive()
		stopped <- stop{reply, err}
	}()
	var s stop
	var interrupted error
	select {
	case s = <-stopped:
	case <-ctx.Done():
		interrupted = ctx.Err()
		if _, err := d.nc.Write([]byte{3}); err != nil { // as ^C
			return d.failed(err)
		}
		select {
		case s = <-stopped:
		case <-time.After(5 * time.Second):
			return fmt.Errorf("gdb stub: the machine does not stop%s", d.m.tail())
		}
	}
	switch {
	case s.err != nil:
		// The connection closes some time before the process has ended.
		select {
		case <-d.m.done:
		case <-time.After(5 * time.Second):
		}
		return d.failed(s.err)
	case len(s.reply) > 0 && (s.reply[0] == 'W' || s.reply[0] == 'X'):
		return ErrEnded
	case len(s.reply) == 0 || s.reply[0] != 'T' && s.reply[0] != 'S':
		return fmt.Errorf("gdb stub: %q is answered with %.20q", command, s.reply)
	}
	return interrupted
}

// Call makes the processor call the function at addr from where it stands, with up to
// six arguments, as if the instruction there were a call, and returns its %rax. All
// other breakpoints are passed over. Afterwards registers are as they were;
// memory is as the function left it. The machine must stand where the code could have made a call (at
// the entry of a function is one such place), in 64-bit mode.
func (d *Debugger) Call(ctx context.Context, addr uint64, args ...uint64) (uint64, error) {
	if len(args) > len(arguments) {
		return 0, fmt.Errorf("a call with %d arguments", len(args))
	}
	saved, err := d.Regs()
	if err != nil {
		return 0, err
	}
	// Where it returns to is the next instruction to execute, where a breakpoint stops it.
	ret := saved[RIP]
	own := !d.breaks[ret]
	if own {
		if err := d.Break(ret); err != nil {
			return 0, err
		}
	}
	// Below the 128 bytes that a leaf function may use without moving %rsp (psABI section 3.2.2).
	sp := (saved[RSP]-128)&^15 - 8
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], ret)
	if err := d.Write(sp, word[:]); err != nil {
		return 0, err
	}
	set := map[int]uint64{RIP: addr, RSP: sp, RAX: 0}
	for i, a := range args {
		set[arguments[i]] = a
	}
	for r, v := range set {
		if err := d.SetReg(r, v); err != nil {
			return 0, err
		}
	}
	var now Regs
	for {
		if err := d.Continue(ctx); err != nil {
			return 0, fmt.Errorf("in the call of %#x: %w", addr, err)
		}
		if now, err = d.Regs(); err != nil {
			return 0, err
		}
		if now[RIP] == ret && now[RSP] == sp+8 {
			break
		}
	}
	if own {
		if err := d.Clear(ret); err != nil {
			return 0, err
		}
	}
	for r, v := range saved {
		if now[r] == v {
			continue
		}
		if err := d.SetReg(r, v); err != nil {
			return 0, err
		}
	}
	return now[RAX], nil
}

// Close disconnects; the machine goes on without breakpoints.
func (d *Debugger) Close() error {
	d.c.send("D") // an error says that the machine has ended
	return d.nc.Close()
}
