package gofind

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

// scans has the scan of each program of a run. They are made one after the other,
// beside the run.
type scans struct {
	ctx  context.Context
	opts VerifyOptions

	turn  sync.Mutex
	group sync.WaitGroup

	mu  sync.Mutex
	all map[*trace.Program]*prediction
}

// prediction is the scan of one program.
type prediction struct {
	opts   Options // that it was made with
	result *Result // nil if it failed
	err    error
	calls  map[sysno.Call]*Syscall
}

func newScans(ctx context.Context, opts VerifyOptions) *scans {
	return &scans{ctx: ctx, opts: opts, all: map[*trace.Program]*prediction{}}
}

// start begins the scan of a program that was just executed for the first time.
func (s *scans) start(p *trace.Program) {
	s.group.Go(func() {
		s.turn.Lock()
		defer s.turn.Unlock()
		s.scan(p)
	})
}

func (s *scans) scan(p *trace.Program) *prediction {
	opts := s.options(p)
	r := &prediction{opts: opts}
	if p.Path != "" { // else a log does not say what runs
		r = predict(s.ctx, p.Scannable(), opts)
	}
	s.mu.Lock()
	s.all[p] = r
	s.mu.Unlock()
	return r
}

func predict(ctx context.Context, path string, opts Options) *prediction {
	r := &prediction{opts: opts, calls: map[sysno.Call]*Syscall{}}
	if r.result, r.err = Scan(ctx, path, opts); r.err != nil {
		return r
	}
	for i := range r.result.Syscalls {
		c := &r.result.Syscalls[i]
		r.calls[sysno.Call{ABI: abiOf(c.ABI), Nr: c.Number}] = c
	}
	return r
}

// abiOf is the inverse of sysno.ABI.String for the three ABIs.
func abiOf(name string) sysno.ABI {
	for _, a := range []sysno.ABI{sysno.I386, sysno.X32} {
		if a.String() == name {
			return a
		}
	}
	return sysno.X86_64
}

// options are those for the scan of a program: what its environment said, and the
// vDSO, are as they were in the run.
func (s *scans) options(p *trace.Program) Options {
	o := s.opts.Options
	o.LibraryPath = slices.Concat(o.LibraryPath, p.LibraryPath)
	o.Preload = slices.Concat(o.Preload, p.Preload)
	broken := func(name string) { o.NoAssume = append(slices.Clone(o.NoAssume), name) }
	if s.opts.NoVDSO {
		broken("vdso")
	}
	for _, name := range p.Environment {
		switch {
		case strings.HasPrefix(name, "LD_"):
			broken("loader-environment")
		case name == "GLIBC_TUNABLES":
			broken("tunables")
		case name == "GCONV_PATH":
			broken("gconv-path")
		case name == "GODEBUG":
			broken("godebug")
		}
	}
	return o
}

// doubtful reports whether a call may turn out to be a missed one: there is no
// scan yet, or it lacks the call.
func (s *scans) doubtful(p *trace.Program, c sysno.Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[p]
	return r == nil || r.calls[c] == nil
}

// watchedArguments are the arguments of a call whose values a scan can predict.
func watchedArguments(c sysno.Call) []trace.Arg {
	if c.ABI != sysno.X86_64 {
		return nil
	}
	var out []trace.Arg
	args, _ := sysno.Args(c.Nr)
	for _, a := range args {
		if a.Worth {
			out = append(out, trace.Arg{Index: a.Index, Width: a.Bits})
		}
	}
	return out
}

// doubtfulValue is doubtful for a value of an argument.
func (s *scans) doubtfulValue(p *trace.Program, c sysno.Call, index int, value uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[p]
	if r == nil {
		return true
	}
	known := r.calls[c]
	return known != nil && slices.ContainsFunc(known.Args, func(a ArgValues) bool {
		return a.Index == index && !slices.Contains(a.Values, value)
	})
}

// of returns the scan of a program.
func (s *scans) of(p *trace.Program) *prediction {
	s.mu.Lock()
	r := s.all[p]
	s.mu.Unlock()
	if r == nil {
		r = s.scan(p)
	}
	return r
}

// wait waits for the scans that were begun.
func (s *scans) wait() { s.group.Wait() }

// images finds out which file of a scan a path of the running process is: the same
// file can have several.
type images struct {
	root   string
	result *Result
	known  map[string]string // by path in the process
}

// find returns the path that the scan has for an image, and false if it does not have it.
func (m *images) find(path string) (string, bool) {
	if p, ok := m.known[path]; ok {
		return p, p != ""
	}
	m.known[path] = ""
	st, err := os.Stat(filepath.Join(m.root, path))
	for _, img := range m.result.Images {
		if img.Path == path {
			m.known[path] = path
			break
		}
		if err != nil {
			continue
		}
		if o, e := os.Stat(filepath.Join(m.root, img.Path)); e == nil && os.SameFile(st, o) {
			m.known[path] = img.Path
			break
		}
	}
	return m.known[path], m.known[path] != ""
}
