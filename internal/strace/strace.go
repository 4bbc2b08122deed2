// Package strace reads logs of strace(1) as what package trace sees of running
// programs.
//
// It understands logs with -f and -ff, and with and without -i, -k, -n, -r, -t, -tt,
// -ttt, -T, -y and raw arguments (-e raw, -X raw). Calls that another thread's line interrupts
// ("unfinished", "resumed") count once, where they begin.
//
// # Whose call it is
//
// A call belongs to the program of the last execve that succeeded in its process; a
// process that was made by fork, vfork, clone or clone3 begins with its parent's.
// The lines of a child can come before the call that made it returns, or, with -ff,
// in another file. So what such a thread does is collected apart until the log tells
// whose child it is. What processes do that executed nothing in the log and whose
// parent is not in it (strace -p) belongs to a program that the user names.
//
// Relative paths of programs are resolved against the directories that the log says
// processes changed to, and at first the current directory. A script's program is its interpreter.
//
// # What a log cannot say
//
// A thread that exit_group kills as it begins a call can't be asked for it: strace shows what it asked last, perhaps of
// another thread. So what begins while an exit_group has not ended counts only if it returns.
//
// Only -k tells where a call was made. Without -n calls are known by name, and strace
// shows socketcall and ipc of i386 under the names of what they do.
package strace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

const (
	maxLine     = 4 << 20  // bytes
	maxBegun    = 64 << 10 // bytes of a line that a note interrupts
	maxProblems = 20
	maxFrames   = 48
)

// Options say what a log does not.
type Options struct {
	Root    string // where the paths of programs lead: "" is the running system
	Dir     string // directory in which the first process started; "" is the current one
	Program string // of processes that executed none; "" if it is not known
}

// A Log is what the log showed.
type Log struct {
	Programs []*trace.Program // in the order of their first execution
	Threads  int
	Calls    uint64
	Problems []string // what was not understood, by file and line; not all of many
}

// Read reads a log, or, if there is no file of this name, the logs path.PID that
// strace -ff writes.
func Read(path string, o Options) (*Log, error) {
	r := newReader(o)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return r.files(path, err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := r.read(f, path, 0); err != nil {
		return nil, err
	}
	return r.finish(), nil
}

// files reads path.PID for each PID.
func (r *reader) files(path string, notFound error) (*Log, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, notFound
	}
	var pids []int
	for _, e := range entries {
		if suffix, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+"."); ok {
			if pid, err := strconv.Atoi(suffix); err == nil && pid > 0 && strconv.Itoa(pid) == suffix {
				pids = append(pids, pid)
			}
		}
	}
	if len(pids) == 0 {
		return nil, notFound
	}
	slices.Sort(pids)
	for _, pid := range pids {
		name := path + "." + strconv.Itoa(pid)
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		err = r.read(f, name, pid)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return r.finish(), nil
}

// thread is one that the log knows.
type thread struct {
	program *trace.Program
	orphan  *trace.Program // what it did before anything was known of it; nil if its parent is known
	bare    bool           // an orphan that has not made a call
	execs   []sysno.Call   // the first call of an orphan was this execve
	dir     string
	abi     sysno.ABI
	open    *pending
}

// pending is a call that has begun.
type pending struct {
	call sysno.Call
	name string
	args string
	by   *trace.Program // the program of the thread as it began
	out  *trace.Call
	held bool // counts only if it returns
}

type reader struct {
	Options
	log      Log
	threads  map[int]*thread // that have not exited
	active   map[int]bool    // of those, the ones that a line was about
	gone     map[int]*thread // orphans that have exited
	programs map[string]*trace.Program
	orphans  []*thread
	moved    map[*trace.Program]*trace.Program // from what an orphan did to whose it was
	ending   *thread                           // whose exit_group has begun and not ended
	last     *trace.Call                       // the call that the next frames belong to
	frames   []trace.Frame
}

func newReader(o Options) *reader {
	if o.Dir == "" {
		o.Dir, _ = os.Getwd()
	}
	return &reader{Options: o, threads: map[int]*thread{}, active: map[int]bool{}, gone: map[int]*thread{}, moved: map[*trace.Program]*trace.Program{}, programs: map[string]*trace.Program{}}
}

// read reads one file; pid is that of lines which do not say.
func (r *reader) read(in io.Reader, name string, pid int) error {
	r.ending = nil // of another file
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxLine)
	n := 0
	take := func(text string) {
		l := parse(text)
		if l.pid == 0 && pid != 0 {
			l.pid = pid
		}
		if problem := r.line(&l); problem != "" && len(r.log.Problems) < maxProblems {
			r.log.Problems = append(r.log.Problems, fmt.Sprintf("%s:%d: %s", name, n, problem))
		}
	}
	begun, note := "", "" // of a line that a note about a new thread interrupts
	for s.Scan() {
		n++
		text := s.Text()
		switch i := interrupted(text); {
		case i > 0 && begun == "" && i < maxBegun:
			begun, note = text[:i], text[i:]
			continue
		case begun == "":
			take(text)
		case strings.HasPrefix(text, "[pid "): // it does not go on
			take(begun + "<unfinished ...>")
			take(note)
			take(text)
		default:
			take(begun + text)
			take(note) // the line before it is by those who were there before
		}
		begun = ""
	}
	r.flush()
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: a line of more than %d bytes; is this a log of strace?", name, n+1, maxLine)
	}
	if s.Err() != nil {
		return fmt.Errorf("%s: %w", name, s.Err())
	}
	return nil
}

// who returns the thread of a line. Without -o, strace leaves the number out as long
// as there is one thread only; the first thread is known as 0 until it is named.
func (r *reader) who(pid int) int {
	first := r.threads[0]
	switch {
	case pid == 0 && (first != nil || len(r.threads) == 0):
	case pid == 0 && len(r.active) == 1:
		for only := range r.active {
			return only
		}
	case pid == 0:
	case first != nil && r.threads[pid] == nil:
		r.threads[pid] = first
		delete(r.threads, 0)
		delete(r.active, 0)
	}
	return pid
}

// thread returns the thread of a number, new if need be.
func (r *reader) thread(pid int) *thread {
	r.active[pid] = true
	t := r.threads[pid]
	if t == nil {
		p := trace.NewProgram("")
		t = &thread{program: p, orphan: p, bare: true, dir: r.Dir}
		r.threads[pid] = t
		r.orphans = append(r.orphans, t)
		r.log.Threads++
	}
	return t
}

// line takes in one line, and returns what was wrong with it.
func (r *reader) line(l *line) string {
	if l.kind != kindFrame {
		r.flush()
	}
	switch l.kind {
	case kindBad:
		return "not a line of strace"
	case kindFrame:
		r.frame(l)
	case kindAttached:
		r.thread(l.pid)
	case kindMode:
		r.thread(r.who(l.pid)).abi = map[string]sysno.ABI{"32": sysno.I386, "x32": sysno.X32}[l.mode]
	case kindExited:
		pid := r.who(l.pid)
		if t := r.threads[pid]; t != nil {
			if t.open != nil && t.open.out == nil && !t.open.held {
				r.count(t, t.open) // an execve that did not return
			}
			if r.ending == t {
				r.ending = nil
			}
			if t.orphan != nil {
				r.gone[pid] = t
			}
		}
		delete(r.threads, pid)
		delete(r.active, pid)
	case kindSuperseded:
		if by := r.threads[l.other]; by != nil && l.other != l.pid {
			r.threads[l.pid] = by // it goes on under this number
			delete(r.threads, l.other)
			delete(r.active, l.other)
		}
	case kindCall, kindUnfinished:
		return r.begin(l)
	case kindResumed:
		return r.resume(l)
	}
	return ""
}

// begin takes in the beginning of a call, or all of it.
func (r *reader) begin(l *line) string {
	t := r.thread(r.who(l.pid))
	held := l.kind == kindUnfinished && r.ending != nil && r.ending != t
	call, ok := numberOf(l, t.abi)
	if !ok && held {
		return ""
	}
	if !ok {
		return fmt.Sprintf("no call of the name %s in the table of %s", l.name, t.abi)
	}
	p := &pending{call: call, name: l.name, args: l.args, by: t.program, held: held}
	if _, exec := call.Exec(); !exec && !held {
		r.count(t, p)
	}
	if l.kind == kindUnfinished && !held && l.name == "exit_group" {
		r.ending = t
	}
	if t.open = p; l.kind == kindCall {
		r.end(t, l)
	}
	return ""
}

// resume takes in the end of a call.
func (r *reader) resume(l *line) string {
	t := r.thread(r.who(l.pid))
	if r.ending == t {
		r.ending = nil
	}
	if t.open != nil && t.open.held {
		if l.ret == "?" {
			t.open = nil
			return ""
		}
		t.open.held = false
		if _, exec := t.open.call.Exec(); !exec && t.open.name == l.name {
			r.count(t, t.open)
		}
	}
	if t.open == nil || t.open.name != l.name {
		return r.begin(&line{kind: kindCall, pid: l.pid, number: l.number, name: l.name, args: l.args, ret: l.ret})
	}
	t.open.args += l.args
	r.end(t, l)
	return ""
}

// count records a call.
func (r *reader) count(t *thread, p *pending) {
	t.bare = false
	r.log.Calls++
	p.out = r.real(p.by).Record(p.call, trace.Place{})
}

// end takes in what a call did.
func (r *reader) end(t *thread, l *line) {
	p := t.open
	t.open = nil
	if path, exec := p.call.Exec(); exec {
		switch {
		case l.ret != "0":
			r.count(t, p)
		case t.orphan != nil && t.bare:
			// Whoever started the program made this call; who that was may become known.
			t.execs = append(t.execs, p.call)
			r.execute(t, p.args, path)
		default:
			r.count(t, p)
			r.execute(t, p.args, path)
		}
	}
	if p.out != nil && p.out.Stack == nil {
		r.last = p.out
	}
	name, _ := sysno.Name(p.call.ABI, p.call.Nr)
	switch name {
	case "clone", "clone3", "fork", "vfork":
		ret, _, _ := strings.Cut(l.ret, "<") // -Y names the command behind it
		if child, err := strconv.ParseInt(ret, 0, 32); err == nil && child > 0 {
			r.born(int(child), t, p.by)
		}
	case "chdir":
		if dir, ok := quoted(p.args); ok && l.ret == "0" {
			t.dir = r.absolute(t, dir)
		}
	}
}

// born makes a thread a child of another, which ran program as it made it.
func (r *reader) born(pid int, parent *thread, program *trace.Program) {
	t := r.threads[pid]
	if t == nil {
		t = r.gone[pid]
		delete(r.gone, pid)
	}
	program = r.real(program)
	if t != nil && t.orphan != nil && r.real(t.orphan) != program {
		// It was seen before.
		for _, c := range t.execs {
			program.Record(c, trace.Place{})
			r.log.Calls++
		}
		program.Take(t.orphan)
		r.moved[t.orphan] = program
		t.orphan, t.execs = nil, nil
		return
	}
	r.threads[pid] = &thread{program: program, dir: parent.dir, abi: parent.abi}
	r.log.Threads++
}

// real returns the program that stands for p by now.
func (r *reader) real(p *trace.Program) *trace.Program {
	for r.moved[p] != nil {
		if next := r.moved[r.moved[p]]; next != nil {
			r.moved[p] = next
			continue
		}
		p = r.moved[p]
	}
	return p
}

// execute gives a thread the program that it has executed.
func (r *reader) execute(t *thread, args string, pathArg int) {
	t.bare = false
	t.abi = sysno.X86_64 // strace says so if not
	path, ok := "", true
	if pathArg == 1 { // execveat: behind a directory
		dir, rest, _ := strings.Cut(args, ", ")
		path, ok = quoted(rest)
		if !strings.HasPrefix(path, "/") && dir != "AT_FDCWD" {
			ok = false
			// -y shows what the descriptor stands for.
			if _, at, found := strings.Cut(strings.TrimSuffix(dir, ">"), "<"); found && strings.HasPrefix(at, "/") {
				path, ok = filepath.Join(at, path), true
			}
		}
	} else {
		path, ok = quoted(args)
	}
	if !ok {
		path = ""
	} else {
		path = r.interpreter(r.absolute(t, path))
	}
	p := r.programs[path]
	if p == nil {
		p = trace.NewProgram(path)
		r.programs[path] = p
		r.log.Programs = append(r.log.Programs, p)
	}
	p.Runs++
	t.program = p
}

// absolute makes a path of a thread absolute.
func (r *reader) absolute(t *thread, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.dir, path)
	}
	return path
}

// interpreter returns the program that the kernel runs for a file: the file, or the
// interpreter of a script.
func (r *reader) interpreter(path string) string {
	path = trace.Interpreter(r.Root, path)
	if real, err := filepath.EvalSymlinks(path); err == nil && r.Root == "" {
		path = real
	}
	return path
}

// frame takes in a frame of the stack of the call before.
func (r *reader) frame(l *line) {
	if r.last == nil || len(r.frames) == maxFrames {
		return
	}
	how := trace.HowRecorded
	if len(r.frames) == 0 {
		how = trace.HowCall
	}
	r.frames = append(r.frames, trace.Frame{Image: l.image, Address: l.offset, Function: l.function, How: how})
}

// flush ends a stack.
func (r *reader) flush() {
	if r.last != nil && len(r.frames) > 0 {
		r.last.Stack = trace.Recorded(r.frames)
	}
	r.last, r.frames = nil, nil
}

// finish decides what nothing more can become known of.
func (r *reader) finish() *Log {
	var rest *trace.Program
	for _, t := range r.orphans {
		if t.orphan == nil || r.moved[t.orphan] != nil || len(t.orphan.Calls()) == 0 {
			continue
		}
		if rest == nil {
			if rest = r.programs[r.Program]; rest == nil {
				rest = trace.NewProgram(r.Program)
				r.log.Programs = append(r.log.Programs, rest)
			}
		}
		rest.Take(t.orphan)
	}
	return &r.log
}

// numberOf finds the call of a line.
func numberOf(l *line, abi sysno.ABI) (sysno.Call, bool) {
	if l.number >= 0 {
		// With -o, strace does not say when the ABI changes; the name shows it.
		for _, a := range []sysno.ABI{abi, sysno.X86_64, sysno.I386} {
			if name, _ := sysno.Name(a, l.number); name == l.name {
				return sysno.Call{ABI: a, Nr: l.number}, true
			}
		}
		if l.number&sysno.X32Bit != 0 {
			return sysno.Call{ABI: sysno.X32, Nr: l.number &^ sysno.X32Bit}, true
		}
		// What strace shows as 64-bit calls of an x32 process have no bit 30.
		return sysno.Call{ABI: abi, Nr: l.number}, true
	}
	if hex, ok := strings.CutPrefix(l.name, "syscall_0x"); ok {
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			return sysno.Call{}, false
		}
		return sysno.Call{ABI: abi, Nr: int(n) &^ sysno.X32Bit}, true
	}
	n, ok := sysno.Number(abi, l.name)
	return sysno.Call{ABI: abi, Nr: n}, ok
}
