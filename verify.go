package gofind

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/net/bpf"

	"github.com/gofind-dev/gofind/internal/trace"
)

// VerifyOptions control Verify and VerifyLog.
type VerifyOptions struct {
	Options // for the scan of each program. LibraryPath and Preload come before what a program's environment says

	Env     []string         // of the command; nil is that of this process
	NoVDSO  bool             // hide the vDSO, so that the calls that it answers are made
	Seccomp bool             // stop the programs with a seccomp filter: twice as fast, but they can see it
	Signals <-chan os.Signal // passed on to the command
}

// Verification is what a run showed about the answers of scans, and the
// gofind.verify/v1 JSON document (see docs/json.md). All slices are sorted and never nil.
type Verification struct {
	Schema   string            `json:"schema"`  // "gofind.verify/v1"
	Verdict  string            `json:"verdict"` // VerdictHolds, ...
	Command  []string          `json:"command"`
	Log      string            `json:"log,omitempty"`
	VDSO     string            `json:"vdso"`           // "used", "hidden" or "unknown"
	Exit     *Exit             `json:"exit,omitempty"` // how the command ended
	Threads  int               `json:"threads"`
	Calls    uint64            `json:"calls"`
	Programs []VerifiedProgram `json:"programs"` // in the order of their first execution
	Problems []string          `json:"problems"` // of the log
}

// The verdicts.
const (
	VerdictHolds      = "holds"      // each call was predicted, by complete scans
	VerdictMissed     = "missed"     // a call was not predicted by a complete scan
	VerdictIncomplete = "incomplete" // no such call, but a scan is incomplete or failed
)

// Exit is how a command ended.
type Exit struct {
	Code   int    `json:"code"`             // exit code; 128 and the signal's number, as shells have it, if a signal ended it
	Signal string `json:"signal,omitempty"` // name of the signal
}

// VerifiedProgram is one program that was executed.
type VerifiedProgram struct {
	Program     string        `json:"program"`
	SHA256      string        `json:"sha256"` // "" if there is no scan
	Runs        int           `json:"runs"`
	Scan        string        `json:"scan"`            // complete, incomplete, failed
	Error       string        `json:"error,omitempty"` // why there is no scan, or none with the files that were loaded
	Environment []string      `json:"environment"`     // variables that the scan took into account
	Predicted   int           `json:"predicted"`       // calls that the scan found
	Seen        int           `json:"seen"`            // how many of those were made
	Calls       []SeenCall    `json:"calls"`           // that were made
	Unseen      []CallName    `json:"unseen"`          // predicted and not made
	Missed      []MissedCall  `json:"missed"`          // made and not predicted
	Arguments   []MissedValue `json:"arguments"`       // values of arguments that were not predicted
	Elsewhere   []SeenSite    `json:"elsewhere"`       // places that made calls which the scan knows from other places only
	Loaded      []string      `json:"loaded"`          // files with code that it loaded and the scan does not know
	LibraryPath []string      `json:"library_path"`    // LibraryPath that a scan with Modules as below needs
}

// CallName names a call.
type CallName struct {
	Name   string `json:"name"`
	Number int    `json:"number"`
	ABI    string `json:"abi"`
}

// SeenCall is a call that was made.
type SeenCall struct {
	CallName
	Count uint64 `json:"count"`
}

// SeenSite is a place that made a call.
type SeenSite struct {
	CallName
	Count    uint64 `json:"count"`
	Image    string `json:"image"`   // "" for code that is in no file
	Address  string `json:"address"` // in the file's own addresses; in memory if there is no file
	Function string `json:"function"`
}

// MissedCall is a call that was made and that the scan lacks.
type MissedCall struct {
	SeenCall
	Sites   []SeenSite   `json:"sites"`
	Stack   []StackFrame `json:"stack"`   // of the first time, the call first
	Modules []string     `json:"modules"` // with these given as Modules, the scan has the call
}

// MissedValue is a value of an argument that the scan says it cannot have.
type MissedValue struct {
	CallName
	Index    int          `json:"index"`    // of the argument, from 0
	Argument string       `json:"argument"` // as the kernel declares it
	Value    uint64       `json:"value"`    // cut to the bits that the kernel looks at
	Site     SeenSite     `json:"site"`     // that passed it first; its count is that of all values
	Stack    []StackFrame `json:"stack"`    // then
	Modules  []string     `json:"modules"`  // with these given as Modules, the argument can have the value
}

// StackFrame is one function of a stack.
type StackFrame struct {
	Image    string `json:"image"`
	Address  string `json:"address"`
	Function string `json:"function"`
	How      string `json:"how"` // how it was found: syscall, eh_frame, frame-pointer, guess, log
}

// Verify runs a command, follows all its processes, scans each program that they
// execute, and compares what was called with what the scans predict. The command
// has this process's files 0, 1 and 2 and its terminal.
//
// An error means that the command could not be run or followed. A call that was
// missed, or a scan that failed, is no error: see Verification.Verdict.
func Verify(ctx context.Context, argv []string, opts VerifyOptions) (*Verification, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	path, err := findCommand(argv)
	if err != nil {
		return nil, err
	}
	env := opts.Env
	if env == nil {
		env = os.Environ()
	}
	s := newScans(ctx, opts)
	o := trace.Options{Path: path, Argv: argv, Env: env, NoVDSO: opts.NoVDSO, Signals: opts.Signals, Started: s.start, Keep: s.doubtful}
	if opts.Arguments {
		o.Watched, o.KeepValue = watchedArguments, s.doubtfulValue
	}
	if opts.Seccomp {
		o.Filter = []bpf.RawInstruction{{Op: 0x06, K: 0x7ff00000}} // return SECCOMP_RET_TRACE
	}
	t, err := trace.Run(ctx, o)
	s.wait()
	if err != nil {
		return nil, err
	}
	defer t.Close()
	v := &Verification{Schema: "gofind.verify/v1", Command: argv, VDSO: "used", Exit: exitOf(t.Status), Threads: t.Threads, Calls: t.Calls}
	if opts.NoVDSO {
		v.VDSO = "hidden"
	}
	return v, v.compare(ctx, t.Programs, s)
}

func (o *VerifyOptions) check() error {
	if o.SinceMain {
		return fmt.Errorf("a run has what a program does before main: verify compares whole lives, so SinceMain cannot be")
	}
	return nil
}

// findCommand returns the path of a command's program, as execvp finds it.
func findCommand(argv []string) (string, error) {
	if len(argv) == 0 {
		return "", fmt.Errorf("no command")
	}
	path, err := exec.LookPath(argv[0])
	if err != nil && strings.Contains(argv[0], "/") {
		return argv[0], nil // let execve say why not
	}
	return path, err
}

func exitOf(s trace.Status) *Exit {
	if s.Signal {
		return &Exit{Code: 128 + s.Code, Signal: signalName(s.Code)}
	}
	return &Exit{Code: s.Code}
}
