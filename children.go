package gofind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// What may be executed under a filter (PolicyExec.Mode).
const (
	ExecNone     = "none"      // no program can execute anything
	ExecFollowed = "followed"  // all paths are constants, and their calls are part of the policy
	ExecListed   = "listed"    // unknown paths are those that the user gave
	ExecDeny     = "deny"      // execution is refused
	ExecAny      = "allow-any" // execution is allowed, and what unknown programs need is not known
)

// whyGiven is why a program is there that the user named.
const whyGiven = "given"

// moduleArguments is the assumption that files whose names are not known pass no arguments that
// the scan does not know. A policy rests on it only where the user gave modules, which then
// count as all that are loaded: such a file often makes calls that others make too, with other arguments.
const moduleArguments = "module-arguments"

// ofTheMachine are the assumptions about what else runs on the machine: its kernel, whether it has booted, its file systems, whether nscd, mcstransd, systemd
// or another service answers, what other programs put into memory that is shared. A policy may go to another machine
// than that which scans, as one that is made where packages are built does, so it rests on them only if the user says so.
var ofTheMachine = []string{"faccessat2", "mcstransd", "nscd", "posix-locks", "random-pool", "shared-ceilings", "userdb", "userdb-records"}

// ownLibraries is the assumption that a program loads none of the libraries in its own directories under
// names that are not known. That a filter kills it is worse than a call too many.
const ownLibraries = "own-libraries"

// jumpFrames is the assumption that the C library's check of longjmp has nothing to find. Where a filter refuses the call that it
// makes then, it checks nothing (glibc, ____longjmp_chk.S): an attacker who jumps down the stack would gain by that.
const jumpFrames = "jump-frames"

// doubt gives up an assumption that was not asked for.
func (o *Options) doubt(name string) {
	if !slices.Contains(o.Assume, name) && !slices.Contains(o.Assume, "all") {
		o.NoAssume = append(slices.Clone(o.NoAssume), name)
	}
}

// listedWhy is why a program is there that Exec names.
const listedWhy = "listed with --exec"

// absent reports whether an error says that there is no such program; a library that
// is missing is something else.
func absent(err error) bool {
	return (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && !errors.As(err, new(*process.MissingError))
}

// maxPrograms bounds how many programs are followed.
const maxPrograms = 100

// An ExecError says that a program executes something that could not be followed. A
// filter survives execution, so the user has to say what is meant.
type ExecError struct {
	Program string
	Chain   string // how it comes to be executed itself, "" for one that was given
	What    string

	known bool // what is executed is known: --exec PATH says nothing new
}

func (e *ExecError) Error() string {
	who := e.Program
	if e.Chain != "" {
		who += " (" + e.Chain + ")"
	}
	s := fmt.Sprintf("%s %s, and the filter holds for it too; --exec deny refuses all execution", who, e.What)
	if !e.known {
		s += "; --exec PATH (repeatable) allows these programs and what they need"
	}
	return s + "; --exec allow-any allows execution, but not what unknown programs need"
}

// followed is what programs and their children are.
type followed struct {
	programs []PolicyProgram
	results  []*Result // of each
	exec     PolicyExec
}

// follower scans programs and what they execute.
type follower struct {
	followed
	ctx  context.Context
	o    *PolicyOptions
	mode string
	seen map[string]bool
}

// child is a program to scan.
type child struct {
	path  string
	why   string
	given bool // by the user, as a program of the policy
}

// follow scans the programs, and what they execute as far as it is known.
func follow(ctx context.Context, programs []string, o *PolicyOptions) (*followed, error) {
	f := &follower{ctx: ctx, o: o, mode: ExecFollowed, seen: map[string]bool{}}
	f.exec = PolicyExec{Unknown: []string{}, Missing: []string{}}
	var queue []child
	for _, path := range programs {
		queue = append(queue, child{path, whyGiven, true})
	}
	listed, err := f.listed()
	if err != nil {
		return nil, err
	}
	executes := false
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		r, err := f.scan(&c)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		more, can, err := f.children(r, c)
		if err != nil {
			return nil, err
		}
		if can && !executes && f.mode == ExecListed {
			queue = append(queue, listed...)
		}
		executes = executes || can
		queue = append(queue, more...)
	}
	f.exec.Mode = f.mode
	if !executes {
		f.exec.Mode = ExecNone
	}
	slices.Sort(f.exec.Unknown)
	slices.Sort(f.exec.Missing)
	return &f.followed, nil
}

// listed reads Exec: the mode, and the programs that the user gave.
func (f *follower) listed() ([]child, error) {
	var out []child
	for _, s := range f.o.Exec {
		switch s {
		case ExecDeny, ExecAny:
			if len(f.o.Exec) > 1 {
				return nil, &OptionError{fmt.Errorf("exec: %s stands alone, and cannot go with %s", s, strings.Join(f.o.Exec, ", "))}
			}
			f.mode = s
		default:
			f.mode = ExecListed
			out = append(out, child{path: s, why: listedWhy})
		}
	}
	return out, nil
}

// scan scans one program, or returns nil if that was done or there is no such file. A
// script becomes its interpreter.
func (f *follower) scan(c *child) (*Result, error) {
	opts := f.o.Scan
	if !c.given {
		opts.SinceMain = false // it starts under the filter
		opts.Modules = nil
	}
	if opts.Arguments && len(opts.Modules) == 0 {
		opts.doubt(moduleArguments)
	}
	for _, name := range ofTheMachine {
		opts.doubt(name)
	}
	opts.doubt(ownLibraries)
	opts.doubt(jumpFrames)
	key := fmt.Sprint(opts.SinceMain, " ", c.path)
	if f.seen[key] {
		return nil, nil
	}
	f.seen[key] = true
	r, err := Scan(f.ctx, c.path, opts)
	if script := (*process.ScriptError)(nil); errors.As(err, &script) && !c.given && script.Interpreter != "" {
		*c = child{path: script.Interpreter, why: "the interpreter of " + c.path + ", " + c.why}
		return f.scan(c)
	}
	followed := !c.given && c.why != listedWhy
	switch {
	case err == nil:
	case followed && absent(err):
		f.exec.Missing = append(f.exec.Missing, c.path)
		return nil, nil
	case followed && f.mode == ExecAny:
		f.exec.Unknown = append(f.exec.Unknown, c.path)
		return nil, nil
	case followed:
		return nil, &ExecError{Program: c.path, Chain: c.why, What: "cannot be scanned (" + strings.ReplaceAll(err.Error(), "; ", ", ") + ")", known: true}
	default:
		return nil, err
	}
	id := fmt.Sprint(opts.SinceMain, " ", r.SHA256, identity(r))
	if f.seen[id] {
		return nil, nil // the same file under another path, and all that it loads is the same
	}
	f.seen[id] = true
	if !r.Complete && !f.o.AllowUnresolved {
		return nil, &IncompleteError{r}
	}
	if len(f.results) == maxPrograms {
		return nil, &ExecError{Program: c.path, Chain: c.why, What: fmt.Sprintf("is one of more than %d programs that execute each other", maxPrograms), known: true}
	}
	f.programs = append(f.programs, PolicyProgram{Path: r.Program, SHA256: r.SHA256, Since: r.Since, Why: c.why})
	f.results = append(f.results, r)
	return r, nil
}

// identity says which files besides the program an answer rests on: a program in another directory
// may load other libraries ($ORIGIN), and then makes other calls.
func identity(r *Result) string {
	var b strings.Builder
	for _, in := range r.Inputs {
		if in.Path != r.Program {
			fmt.Fprintf(&b, "\x00%s\x00%s", in.Path, in.SHA256)
		}
	}
	return b.String()
}

// children returns what a program executes, and whether it can execute anything.
func (f *follower) children(r *Result, c child) (more []child, can bool, err error) {
	unknown := false
	for _, call := range execCalls() {
		if r.find(call) != nil {
			can = true
			unknown = unknown || call.ABI != sysno.X86_64 // their paths are not followed
		}
	}
	if !can || f.mode == ExecDeny {
		return nil, can, nil
	}
	for _, e := range r.Exec {
		unknown = unknown || e.Unknown
		if e.Self && r.Since == "main" {
			more = append(more, child{path: r.Program, why: "executed by itself"})
		}
		for _, path := range e.Paths {
			switch {
			case path == "/proc/self/exe":
			case !strings.HasPrefix(path, "/"), strings.HasPrefix(path, "/proc/"), strings.HasPrefix(path, "/dev/fd/"):
				unknown = true // a file that depends on the process
			default:
				more = append(more, child{path: path, why: "executed by " + r.Program})
			}
		}
	}
	if unknown {
		if f.mode == ExecFollowed {
			chain := c.why
			if c.given {
				chain = ""
			}
			return nil, can, &ExecError{Program: r.Program, Chain: chain, What: "executes programs whose paths are not known"}
		}
		f.exec.Unknown = append(f.exec.Unknown, r.Program)
	}
	return more, can, nil
}
