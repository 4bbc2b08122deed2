package gofind

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/gofind-dev/gofind/internal/strace"
)

// VerifyLog compares the calls in a log of strace (with -f or -ff; path.PID for each
// PID if there is no file at path) with what scans of the programs in it predict. argv
// names the program of processes that execute none in the log; it may be nil.
func VerifyLog(ctx context.Context, path string, argv []string, opts VerifyOptions) (*Verification, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	o := strace.Options{Root: opts.Root}
	if len(argv) > 0 {
		name := argv[0]
		if found, err := exec.LookPath(name); err == nil && opts.Root == "" {
			name = found
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		o.Program = abs
	}
	log, err := strace.Read(path, o)
	if err != nil {
		return nil, err
	}
	if log.Calls == 0 {
		return nil, fmt.Errorf("%s: no call of any program in it; is this a log of strace?", path)
	}
	v := &Verification{Schema: "gofind.verify/v1", Command: argv, Log: path, VDSO: "unknown", Threads: log.Threads, Calls: log.Calls, Problems: log.Problems}
	s := newScans(ctx, opts)
	for _, p := range log.Programs {
		s.start(p)
	}
	s.wait()
	return v, v.compare(ctx, log.Programs, s)
}
