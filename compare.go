package gofind

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

// compare fills in what was seen of each program and gives the verdict.
func (v *Verification) compare(ctx context.Context, programs []*trace.Program, s *scans) error {
	where := trace.NewLocator()
	defer where.Close()
	v.Verdict = VerdictHolds
	for _, p := range programs {
		c := comparison{p: p, scan: s.of(p), where: where}
		c.program(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case c.out.Scan != "complete": // it promises nothing
			if v.Verdict == VerdictHolds {
				v.Verdict = VerdictIncomplete
			}
		case len(c.out.Missed)+len(c.out.Arguments) > 0:
			v.Verdict = VerdictMissed
		}
		v.Programs = append(v.Programs, c.out)
	}
	fill(&v.Command)
	fill(&v.Programs)
	fill(&v.Problems)
	return nil
}

// comparison is the one of one program.
type comparison struct {
	p      *trace.Program
	scan   *prediction
	where  *trace.Locator
	images *images
	out    VerifiedProgram
}

func (c *comparison) program(ctx context.Context) {
	c.out = VerifiedProgram{Program: c.p.Path, Runs: c.p.Runs, Scan: "complete", Environment: c.environment()}
	r := c.scan.result
	switch {
	case c.p.Path == "":
		c.out.Scan, c.out.Error = "failed", "the log does not say which program made these calls; name it behind --"
		r = &Result{}
	case r == nil:
		c.out.Scan, c.out.Error = "failed", c.scan.err.Error()
		r = &Result{}
	case !r.Complete:
		c.out.Scan = "incomplete"
	}
	c.out.SHA256, c.out.Predicted = r.SHA256, len(r.Syscalls)
	c.images = &images{root: c.scan.opts.Root, result: r, known: map[string]string{}}
	for _, path := range c.p.Code() {
		if _, known := c.images.find(path); !known && c.scan.result != nil {
			c.out.Loaded = append(c.out.Loaded, path)
		}
	}
	seen := map[sysno.Call]bool{}
	for _, call := range c.p.Calls() {
		seen[call.Call] = true
		c.call(call)
	}
	for k, s := range c.scan.calls {
		if !seen[k] {
			c.out.Unseen = append(c.out.Unseen, CallName{s.Name, s.Number, s.ABI})
		}
	}
	slices.SortFunc(c.out.Unseen, func(a, b CallName) int {
		return cmp.Or(cmp.Compare(abiRank(a.ABI), abiRank(b.ABI)), cmp.Compare(a.Number, b.Number))
	})
	c.out.Seen = c.out.Predicted - len(c.out.Unseen)
	c.modules(ctx)
	fill(&c.out.Environment)
	fill(&c.out.Calls)
	fill(&c.out.Unseen)
	fill(&c.out.Missed)
	fill(&c.out.Arguments)
	fill(&c.out.Elsewhere)
	fill(&c.out.Loaded)
	fill(&c.out.LibraryPath)
}

// environment lists the variables that change how the program is scanned.
func (c *comparison) environment() []string {
	env := slices.Clone(c.p.Environment)
	if len(c.p.LibraryPath) > 0 {
		env = append(env, "LD_LIBRARY_PATH")
	}
	if len(c.p.Preload) > 0 {
		env = append(env, "LD_PRELOAD")
	}
	slices.Sort(env)
	return env
}

// call compares one call.
func (c *comparison) call(call *trace.Call) {
	name, _ := sysno.Name(call.ABI, call.Nr)
	n := CallName{name, call.Nr, call.ABI.String()}
	c.out.Calls = append(c.out.Calls, SeenCall{n, call.Count})
	if c.scan.result == nil {
		return
	}
	known := c.scan.calls[call.Call]
	if known == nil {
		m := MissedCall{SeenCall: SeenCall{n, call.Count}, Sites: []SeenSite{}, Stack: []StackFrame{}, Modules: []string{}}
		for _, s := range call.Sites() {
			if s.Place == (trace.Place{}) {
				continue // a log does not say
			}
			m.Sites = append(m.Sites, c.site(n, s))
		}
		m.Stack = c.stack(call.Stack)
		c.out.Missed = append(c.out.Missed, m)
		return
	}
	for _, s := range call.Sites() {
		if at := c.site(n, s); !c.expected(known, at) {
			c.out.Elsewhere = append(c.out.Elsewhere, at)
		}
	}
	c.arguments(n, call, known)
}

// arguments compares the values of a call's arguments.
func (c *comparison) arguments(n CallName, call *trace.Call, known *Syscall) {
	for _, a := range known.Args {
		values, _ := call.Values(a.Index)
		for _, v := range values {
			if !slices.Contains(a.Values, v.Value) {
				c.out.Arguments = append(c.out.Arguments, MissedValue{n, a.Index, a.Name, v.Value, c.site(n, v.Site), c.stack(v.Stack), []string{}})
			}
		}
	}
}

// stack names the functions of a stack.
func (c *comparison) stack(s *trace.Stack) []StackFrame {
	out := []StackFrame{}
	for _, f := range s.Frames(c.where) {
		out = append(out, StackFrame{c.imagePath(f.Image), hex(f.Address), nameAt(f.Image, f.Address, f.Function), f.How})
	}
	return out
}

// expected reports whether the scan has the site of a call. Calls that the kernel
// makes the program repeat, and those that the vDSO makes, are made anywhere.
func (c *comparison) expected(known *Syscall, at SeenSite) bool {
	return !strings.HasPrefix(at.Image, "/") || slices.ContainsFunc(known.Sites, func(s Site) bool {
		return s.Image == "kernel" || s.Image == at.Image && s.Address == at.Address || s.Origin == "vdso"
	})
}

// imagePath returns the path that the scan has for an image.
func (c *comparison) imagePath(image string) string {
	if path, ok := c.images.find(image); ok && strings.HasPrefix(image, "/") {
		return path
	}
	return image
}

func (c *comparison) site(n CallName, s *trace.Site) SeenSite {
	addr, file := c.where.Address(s.Place)
	function := ""
	if file != nil {
		function = nameAt(s.Image, addr, c.where.Function(s.Place))
	}
	return SeenSite{n, s.Count, c.imagePath(s.Image), hex(addr), function}
}

// nameAt is a function's name in a document; where there is none, the image and the address.
func nameAt(image string, addr uint64, name string) string {
	if name == "" && strings.HasPrefix(image, "/") {
		return base(image) + "+" + hex(addr)
	}
	return name
}

// modules finds out which of the files that the program loaded explain what was
// missed: those on the stacks, or all.
func (c *comparison) modules(ctx context.Context) {
	if len(c.out.Missed)+len(c.out.Arguments) == 0 || len(c.out.Loaded) == 0 {
		return
	}
	var all, some []string
	for _, path := range c.out.Loaded {
		if st, err := os.Stat(filepath.Join(c.scan.opts.Root, path)); err != nil || !st.Mode().IsRegular() {
			continue
		}
		all = append(all, path)
		on := func(f StackFrame) bool { return f.Image == path }
		if slices.ContainsFunc(c.out.Missed, func(m MissedCall) bool { return slices.ContainsFunc(m.Stack, on) }) ||
			slices.ContainsFunc(c.out.Arguments, func(m MissedValue) bool { return slices.ContainsFunc(m.Stack, on) }) {
			some = append(some, path)
		}
	}
	if len(some) == 0 || c.explain(ctx, some) > 0 {
		c.explain(ctx, all)
	}
}

// explain notes what is not missed if files are given as modules, and returns how much still is.
func (c *comparison) explain(ctx context.Context, files []string) int {
	opts := c.scan.opts
	opts.Modules = slices.Concat(opts.Modules, files)
	with := predict(ctx, c.p.Scannable(), opts)
	if with.err != nil {
		// A module may need another that is loaded already, and is in no directory that is searched.
		var dirs []string
		for _, f := range files {
			dirs = append(dirs, filepath.Dir(f))
		}
		slices.Sort(dirs)
		c.out.LibraryPath = slices.Compact(dirs)
		opts.LibraryPath = slices.Concat(opts.LibraryPath, c.out.LibraryPath)
		with = predict(ctx, c.p.Scannable(), opts)
	}
	if with.err != nil {
		c.out.Error = "with the loaded files as modules: " + with.err.Error()
		return 0
	}
	left := 0
	for i := range c.out.Missed {
		m := &c.out.Missed[i]
		if len(m.Modules) == 0 && with.calls[sysno.Call{ABI: abiOf(m.ABI), Nr: m.Number}] != nil {
			m.Modules = slices.Clone(files)
		}
		if len(m.Modules) == 0 {
			left++
		}
	}
	for i := range c.out.Arguments {
		m := &c.out.Arguments[i]
		known := with.calls[sysno.Call{ABI: abiOf(m.ABI), Nr: m.Number}]
		if len(m.Modules) == 0 && known != nil && !slices.ContainsFunc(known.Args, func(a ArgValues) bool {
			return a.Index == m.Index && !slices.Contains(a.Values, m.Value)
		}) {
			m.Modules = slices.Clone(files)
		}
		if len(m.Modules) == 0 {
			left++
		}
	}
	return left
}

func signalName(n int) string {
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(n) // a real-time one
}
