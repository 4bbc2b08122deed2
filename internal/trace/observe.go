package trace

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// A Program is one file that was executed, with what was seen of all processes
// while they ran it. The same file with other libraries put before its own
// (LibraryPath, Preload) is another program.
type Program struct {
	Path        string   // as the kernel names the file
	LibraryPath []string // LD_LIBRARY_PATH of its environment, absolute
	Preload     []string // LD_PRELOAD, likewise
	Environment []string // names of other variables that it had and that the loader, the C library or Go's runtime obey, sorted
	Runs        int      // successful executions

	file  *os.File // the file that runs, whatever is at Path now; nil if it could not be opened, or from a log
	calls map[sysno.Call]*Call
	codes map[string]bool // files mapped with execution
}

// A Call is a system call that a program was seen to make.
type Call struct {
	sysno.Call
	Count uint64
	Stack *Stack // of the first time; nil if it was not recorded

	sites map[Place]*Site
	args  []argValues
}

// An Arg is an argument of a call, of which the kernel looks at the low Width bits.
type Arg struct{ Index, Width int }

// argValues are the values that one argument was seen to have.
type argValues struct {
	Arg
	values []ArgValue // in the order in which they came
	more   bool       // than maxValues
}

// An ArgValue is a value of an argument.
type ArgValue struct {
	Value uint64 // cut to the argument's width
	Site  *Site  // that passed it first
	Stack *Stack // then; nil if it was not recorded
}

// maxValues bounds the values that are kept of an argument, maxStacks those of them that
// have a stack. Predictions have fewer values.
const (
	maxValues = 64
	maxStacks = 8
)

func (c *Call) watch(args []Arg) {
	for _, a := range args {
		c.args = append(c.args, argValues{Arg: a})
	}
}

// see takes in a value, and returns where to put its stack, nil if there is nothing to record.
func (a *argValues) see(v uint64, at *Site) *ArgValue {
	if a.Width < 64 {
		v &= 1<<a.Width - 1
	}
	for i := range a.values {
		if a.values[i].Value == v {
			return nil
		}
	}
	if len(a.values) == maxValues {
		a.more = true
		return nil
	}
	a.values = append(a.values, ArgValue{Value: v, Site: at})
	if len(a.values) > maxStacks {
		return nil
	}
	return &a.values[len(a.values)-1]
}

// Values returns the values that an argument was seen to have, in the order in which
// they came; there were others if more is true. It returns nothing for arguments that were not watched.
func (c *Call) Values(index int) (values []ArgValue, more bool) {
	for _, a := range c.args {
		if a.Index == index {
			return a.values, a.more
		}
	}
	return nil, false
}

// A Site is an instruction that made a call.
type Site struct {
	Place
	Count uint64

	call    *Call
	codeArg sysno.CodeArg // which argument would make memory executable
	maps    bool          // whether codeArg holds
	filters bool          // the call may install a filter
}

// A Place is where an instruction is: in a file, or, if Image is not absolute, in
// a mapping that is no file's ("[vdso]", "" for memory without a name).
type Place struct {
	Image  string
	Offset uint64 // in the file; without a file, the address
	dev    uint64
	inode  uint64
}

// Calls returns the calls of a program by ABI and number.
func (p *Program) Calls() []*Call {
	return slices.SortedFunc(maps.Values(p.calls), func(a, b *Call) int {
		return cmp.Or(cmp.Compare(a.ABI, b.ABI), cmp.Compare(a.Nr, b.Nr))
	})
}

// Code returns the paths of the files that were mapped with execution, sorted. It
// may lack some that made no call.
func (p *Program) Code() []string { return slices.Sorted(maps.Keys(p.codes)) }

// Sites returns the instructions that made the call, by image and offset.
func (c *Call) Sites() []*Site {
	return slices.SortedFunc(maps.Values(c.sites), func(a, b *Site) int {
		return cmp.Or(cmp.Compare(a.Image, b.Image), cmp.Compare(a.Offset, b.Offset))
	})
}

// site returns the record of a call at a place, new if need be.
func (p *Program) site(c sysno.Call, at Place) (s *Site, first bool) {
	call := p.calls[c]
	if call == nil {
		call = &Call{Call: c, sites: map[Place]*Site{}}
		p.calls[c] = call
		first = true
	}
	s = call.sites[at]
	if s == nil {
		s = &Site{Place: at, call: call}
		s.codeArg, s.maps = c.MapsCode()
		name, _ := sysno.Name(c.ABI, c.Nr)
		s.filters = name == "seccomp" || name == "prctl"
		call.sites[at] = s
	}
	return s, first
}

func newProgram(path string) *Program {
	return &Program{Path: path, calls: map[sysno.Call]*Call{}, codes: map[string]bool{}}
}

// Close gives up the file.
func (p *Program) Close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// Status is how a process ended.
type Status struct {
	Code   int  // exit code, or the signal's number
	Signal bool // ended by a signal
	Dumped bool // and left a core dump
}

// What follows is for readers of logs, which see calls without a process.

// NewProgram returns a program of which nothing was seen yet.
func NewProgram(path string) *Program { return newProgram(path) }

// Record counts a call at a place.
func (p *Program) Record(c sysno.Call, at Place) *Call {
	s, _ := p.site(c, at)
	s.Count++
	s.call.Count++
	if strings.HasPrefix(at.Image, "/") {
		p.codes[at.Image] = true
	}
	return s.call
}

// Take moves all that was seen of another program to p.
func (p *Program) Take(q *Program) {
	for k, c := range q.calls {
		for at, s := range c.sites {
			t, _ := p.site(k, at)
			t.Count += s.Count
			t.call.Count += s.Count
		}
		if own := p.calls[k]; own.Stack == nil {
			own.Stack = c.Stack
		}
	}
	maps.Copy(p.codes, q.codes)
	p.Runs += q.Runs
	q.calls, q.codes, q.Runs = map[sysno.Call]*Call{}, map[string]bool{}, 0
}

// Recorded is a stack that a log has.
func Recorded(frames []Frame) *Stack { return &Stack{frames: frames} }
