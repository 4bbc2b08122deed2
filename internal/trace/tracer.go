package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// Options say what is run and how it is watched.
type Options struct {
	Path      string   // of the file, as execve takes it
	Argv, Env []string //
	Dir       string   // "" is the current directory

	NoVDSO  bool                 // hide the vDSO from each program
	Filter  []bpf.RawInstruction // a seccomp filter to install; only calls for which it answers RET_TRACE are seen. nil: all calls are seen, at their entry
	Signals <-chan os.Signal

	Started func(*Program)                  // called at the first execution of each program, from the tracing thread
	Call    func(*Program, *Entry)          // called at each call that was seen, likewise; may be nil
	Stacks  bool                            // Call gets the stack of every call
	Keep    func(*Program, sysno.Call) bool // whether the stack of a program's first such call is worth keeping; nil: always
	Watched func(sysno.Call) []Arg          // arguments whose values are collected; nil: none

	KeepValue func(p *Program, c sysno.Call, index int, value uint64) bool // likewise for the first passing of a value
}

// An Entry is one call as it enters the kernel.
type Entry struct {
	PID, TID int
	Arch     uint32 // AUDIT_ARCH_*
	Number   uint32 // as the program gave it
	Call     sysno.Call
	Args     [6]uint64
	Site     *Site
	New      bool   // the first call at this site
	Stack    *Stack // of New ones, or of all with Options.Stacks
}

// A Trace is what was seen.
type Trace struct {
	Status   Status     // how the command ended
	Programs []*Program // in the order of their first execution
	Threads  int        // threads that were followed
	Calls    uint64
}

// Close gives up the files of the programs.
func (t *Trace) Close() error {
	var errs []error
	for _, p := range t.Programs {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// space is the memory that threads share, and what runs in it.
type space struct {
	pid     int // a process to read it through
	program *Program
	changed *uint64 // counts changes of code; shared by those that may share memory
	seen    uint64  // *changed when code was read
	code    []mapping
	cache   map[spot]*Site
	filters bool // may have a filter of its own: calls that this refuses are seen at their entry only
}

// spot is an instruction with a number, as the hot path sees it.
type spot struct {
	ip   uint64
	nr   uint64
	arch uint32
}

// thread is one that is traced.
type thread struct {
	tid, pid int
	space    *space
	mapping  bool // is in a call that may map code
	entered  bool // its present call was seen at its entry
}

// tracer is one run. All but pids belongs to the thread that traces.
type tracer struct {
	Options
	out      *Trace
	root     int
	threads  map[int]*thread
	early    map[int]unix.WaitStatus // stopped at their first instruction, parent not known yet
	programs map[programKey]*Program
	info     [infoSize]byte

	mu   sync.Mutex
	pids map[int]int // threads of each process that is alive
}

const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL

// Run runs a command to the end of its last process and returns what was seen.
// The command has the files 0, 1 and 2 of this process, its process group and
// its terminal. If ctx ends before, all processes are killed.
func Run(ctx context.Context, o Options) (*Trace, error) {
	type result struct {
		t   *Trace
		err error
	}
	done := make(chan result)
	go func() {
		// Tracees belong to a thread. Ours ends with the goroutine: it stays locked.
		runtime.LockOSThread()
		t, err := run(ctx, o)
		done <- result{t, err}
	}()
	r := <-done
	return r.t, r.err
}

func run(ctx context.Context, o Options) (*Trace, error) {
	t := &tracer{
		Options:  o,
		out:      &Trace{},
		threads:  map[int]*thread{},
		early:    map[int]unix.WaitStatus{},
		programs: map[programKey]*Program{},
		pids:     map[int]int{},
	}
	if err := t.start(); err != nil {
		t.out.Close()
		return nil, err
	}
	stop := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() { t.control(ctx, stop) })
	err := t.loop()
	close(stop)
	helpers.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		t.out.Close()
		return nil, err
	}
	return t.out, nil
}

// control passes signals on, and kills when the context ends.
func (t *tracer) control(ctx context.Context, stop <-chan struct{}) {
	signals := t.Signals
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			// New processes may come while the first are killed.
			for {
				t.signal(unix.SIGKILL, true)
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		case s, open := <-signals:
			if !open {
				signals = nil
			}
			if n, ok := s.(unix.Signal); ok && !fromTerminal(n) {
				t.signal(n, false)
			}
		}
	}
}

// fromTerminal reports whether a signal comes from the terminal, which sends it to the
// command itself too: those of its keys, to the group in the foreground.
func fromTerminal(s unix.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// signal sends to the command, and if that has ended, or to is all, to all processes.
func (t *tracer) signal(s unix.Signal, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.pids[t.root]; ok && !all {
		unix.Kill(t.root, s)
		return
	}
	for pid := range t.pids {
		unix.Kill(pid, s)
	}
}

// maxBatch bounds how many stops are collected before the first is answered:
// wait4 begins with the oldest thread each time, so that answering at once would
// let a few busy threads starve the others.
const maxBatch = 4096

func (t *tracer) loop() error {
	type stop struct {
		tid int
		ws  unix.WaitStatus
	}
	var stops []stop
	for {
		stops = stops[:0]
		for flags := 0; len(stops) < maxBatch; flags = unix.WNOHANG {
			var ws unix.WaitStatus
			// Other children of this process are none of ours.
			tid, err := unix.Wait4(-1, &ws, flags|unix.WALL|unix.WNOTHREAD, nil)
			if err == unix.EINTR {
				continue
			}
			if err == unix.ECHILD && len(stops) == 0 {
				return nil
			}
			if err == unix.ECHILD || tid == 0 {
				break
			}
			if err != nil {
				return fmt.Errorf("wait4: %w", err)
			}
			stops = append(stops, stop{tid, ws})
		}
		for _, s := range stops {
			if err := t.stopped(s.tid, s.ws); err != nil {
				return err
			}
		}
	}
}

// stopped answers one report of the kernel about a thread.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) error {
	if ws.Exited() || ws.Signaled() {
		t.ended(tid, ws)
		return nil
	}
	if !ws.Stopped() {
		return nil
	}
	th := t.threads[tid]
	if th == nil {
		// A new thread can be seen before the event that announces it.
		t.early[tid] = ws
		return nil
	}
	sig, event := ws.StopSignal(), int(ws)>>16
	if sig == unix.SIGTRAP|0x80 {
		return t.syscall(th)
	}
	switch event {
	case 0:
		return t.resume(th, sig) // a signal for the thread
	case unix.PTRACE_EVENT_CLONE, unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK:
		if msg, err := unix.PtraceGetEventMsg(tid); err == nil {
			if err := t.adopt(th, int(msg), event == unix.PTRACE_EVENT_CLONE); err != nil {
				return err
			}
		}
	case unix.PTRACE_EVENT_EXEC:
		return t.executed(th)
	case unix.PTRACE_EVENT_SECCOMP:
		return t.syscall(th)
	case unix.PTRACE_EVENT_STOP:
		if sig != unix.SIGTRAP { // stopped with its group: it waits for SIGCONT
			return gone(ptrace(unix.PTRACE_LISTEN, tid, 0, nil, 0))
		}
	}
	return t.resume(th, 0)
}

// gone takes away the error that means that a thread was killed while it was
// stopped. Its end will be reported.
func gone(err error) error {
	if err == unix.ESRCH {
		return nil
	}
	return err
}

// resume lets a thread run to its next stop.
func (t *tracer) resume(th *thread, sig unix.Signal) error {
	request := unix.PTRACE_SYSCALL
	if t.Filter != nil && !th.space.filters {
		request = unix.PTRACE_CONT
	}
	if err := gone(ptrace(request, th.tid, 0, nil, uintptr(sig))); err != nil {
		return fmt.Errorf("thread %d: %w", th.tid, err)
	}
	return nil
}

// add takes up a thread.
func (t *tracer) add(tid, pid int, s *space) *thread {
	th := &thread{tid: tid, pid: pid, space: s}
	t.threads[tid] = th
	t.out.Threads++
	t.mu.Lock()
	t.pids[pid]++
	t.mu.Unlock()
	return th
}

// remove forgets a thread.
func (t *tracer) remove(th *thread) {
	delete(t.threads, th.tid)
	if th.mapping {
		*th.space.changed++
	}
	t.mu.Lock()
	if t.pids[th.pid]--; t.pids[th.pid] == 0 {
		delete(t.pids, th.pid)
	}
	t.mu.Unlock()
}

// adopt takes up a thread that th made. It has its parent's program; its memory
// too, or a copy.
func (t *tracer) adopt(th *thread, tid int, shared bool) error {
	group := threadGroup(tid)
	if t.threads[tid] != nil || group == 0 {
		return nil // taken up before, as an orphan, or gone already
	}
	pid := tid
	s := &space{pid: tid, program: th.space.program, changed: th.space.changed, filters: th.space.filters}
	if shared && group == th.pid {
		pid, s = th.pid, th.space
	}
	t.add(tid, pid, s)
	ws, ok := t.early[tid]
	delete(t.early, tid)
	if ok {
		return t.stopped(tid, ws)
	}
	return nil
}

// ended takes note of the end of a thread.
func (t *tracer) ended(tid int, ws unix.WaitStatus) {
	if th := t.threads[tid]; th != nil {
		t.remove(th)
	}
	delete(t.early, tid)
	if tid == t.root {
		t.out.Status = Status{Code: ws.ExitStatus(), Signal: ws.Signaled(), Dumped: ws.CoreDump()}
		if ws.Signaled() {
			t.out.Status.Code = int(ws.Signal())
		}
	}
	// The thread may have been killed after it made another, before it could say so.
	for tid, ws := range t.early {
		if t.orphan(tid) {
			delete(t.early, tid)
			// An error would come again at the next stop.
			_ = t.stopped(tid, ws)
		}
	}
}

// orphan takes up a thread whose maker may never announce it. The files of /proc
// say what it is, except that a process made with CLONE_PARENT has its
// grandparent's program.
func (t *tracer) orphan(tid int) bool {
	group, parent := threadGroup(tid), parentOf(tid)
	for _, th := range t.threads {
		if th.pid == group && group != tid {
			t.add(tid, group, th.space)
			return true
		}
	}
	for _, th := range t.threads {
		if th.pid == parent {
			t.add(tid, tid, &space{pid: tid, program: th.space.program, changed: th.space.changed, filters: th.space.filters})
			return true
		}
	}
	program, err := t.program(tid)
	if err != nil {
		return false
	}
	t.add(tid, tid, &space{pid: tid, program: program, changed: new(uint64)})
	return true
}

// executed gives a process its new program. The thread that called execve has
// the number of its process from now on, and the others are gone.
func (t *tracer) executed(th *thread) error {
	if former, err := unix.PtraceGetEventMsg(th.tid); err == nil && int(former) != th.tid {
		if other := t.threads[int(former)]; other != nil {
			t.remove(other)
		}
	}
	for _, other := range t.threads {
		if other.pid == th.pid && other != th {
			t.remove(other)
		}
	}
	if err := t.enter(th); err != nil {
		if gone(err) == nil || errors.Is(err, os.ErrNotExist) {
			return nil // killed meanwhile
		}
		return err
	}
	return t.resume(th, 0)
}

// enter begins the life of the program that a stopped thread is about to run.
func (t *tracer) enter(th *thread) error {
	program, err := t.program(th.pid)
	if err != nil {
		return err
	}
	filters := th.space != nil && th.space.filters // filters survive
	th.space = &space{pid: th.pid, program: program, changed: new(uint64), filters: filters, seen: 1}
	th.mapping, th.entered = false, false
	if t.NoVDSO {
		if err := hideVDSO(th.tid); err != nil {
			return fmt.Errorf("%s: cannot hide the vDSO: %w", program.Path, err)
		}
	}
	return nil
}

// syscall answers a stop at the entry or the exit of a call.
func (t *tracer) syscall(th *thread) error {
	var in syscallInfo
	if err := getInfo(th.tid, t.info[:], &in); err != nil {
		if gone(err) == nil {
			return nil
		}
		return fmt.Errorf("PTRACE_GET_SYSCALL_INFO: %w; the kernel must be Linux 5.3 or later", err)
	}
	if th.mapping { // the call before has returned
		th.mapping = false
		*th.space.changed++
	}
	switch {
	case in.op == infoExit:
		th.entered = false
	case in.op == infoEntry, in.op == infoSeccomp && !th.entered:
		th.entered = in.op == infoEntry
		if t.Filter != nil && in.op == infoEntry && !th.space.filters {
			break
		}
		t.entry(th, &in)
	}
	return t.resume(th, 0)
}

// entry records a call.
func (t *tracer) entry(th *thread, in *syscallInfo) {
	t.out.Calls++
	s := th.space
	k := spot{in.site(), in.nr, in.arch}
	site, stack, isNew := s.cache[k], (*Stack)(nil), false
	if site == nil || s.seen != *s.changed {
		call, ok := in.call()
		if !ok {
			return // of an architecture that there is not
		}
		var first bool
		site, first = s.program.site(call, t.locate(th, in.site()))
		isNew = site.Count == 0
		if first && t.Watched != nil {
			site.call.watch(t.Watched(call))
		}
		if isNew && t.Call != nil || first && (t.Keep == nil || t.Keep(s.program, call)) {
			stack = t.capture(th)
		}
		if first {
			site.call.Stack = stack
		}
		if s.cache == nil {
			s.cache = map[spot]*Site{}
		}
		s.cache[k] = site
	}
	site.Count++
	site.call.Count++
	for i := range site.call.args {
		a := &site.call.args[i]
		if v := a.see(in.args[a.Index], site); v != nil && (t.KeepValue == nil || t.KeepValue(s.program, site.call.Call, a.Index, v.Value)) {
			if stack == nil {
				stack = t.capture(th)
			}
			v.Stack = stack
		}
	}
	if site.maps && in.args[site.codeArg.Arg]&site.codeArg.Mask != 0 {
		th.mapping = true
	}
	if site.filters && !s.filters && t.Filter != nil && installsFilter(site.call.Call, in.args) {
		t.watchEntries(s)
	}
	if t.Call != nil {
		if stack == nil && t.Stacks {
			stack = t.capture(th)
		}
		t.Call(s.program, &Entry{th.pid, th.tid, in.arch, uint32(in.nr), site.call.Call, in.args, site, isNew, stack})
	}
}

// installsFilter reports whether a call of seccomp or prctl installs a filter.
func installsFilter(c sysno.Call, args [6]uint64) bool {
	if name, _ := sysno.Name(c.ABI, c.Nr); name == "seccomp" {
		return uint32(args[0]) == unix.SECCOMP_SET_MODE_FILTER
	}
	return uint32(args[0]) == unix.PR_SET_SECCOMP
}

// watchEntries makes the threads of a process stop at each entry: a filter of their
// own comes before ours if it refuses a call, but entries come before all filters.
func (t *tracer) watchEntries(s *space) {
	s.filters = true
	for _, th := range t.threads {
		if th.space == s {
			// A running thread stops, and goes on with the new request.
			_ = unix.PtraceInterrupt(th.tid)
		}
	}
}
