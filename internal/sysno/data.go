package sysno

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

var (
	//go:embed syscall_64.txt
	text64 string
	//go:embed syscall_32.txt
	text32 string
	//go:embed restart.txt
	textRestart string
	//go:embed noreturn.txt
	textNoReturn string
	//go:embed sharedstack.txt
	textSharedStack string
	//go:embed vdso.txt
	textVDSO string
	//go:embed vsyscall.txt
	textVsyscall string
	//go:embed exec.txt
	textExec string
	//go:embed mapcode.txt
	textMapCode string
	//go:embed uring.txt
	textUring string
)

// facts is everything that the files say.
type facts struct {
	names [numABI][]string // by number, "" where there is none

	restart      [numABI]Set
	noReturn     [numABI]Set
	sharedStack  [numABI]Set
	vdso         Set // x86-64
	vdsoFallback Set
	vdsoFunc     map[string]int
	vsyscall     map[uint64]int
	exec         [numABI]map[int]int
	mapCode      [numABI]map[int]CodeArg
	uring        [numABI]Set
}

// data parses the embedded files once. They are part of the program and tested, so an
// error is a panic.
var data = sync.OnceValue(func() *facts {
	d, err := load()
	if err != nil {
		panic("sysno: " + err.Error())
	}
	return d
})

func load() (*facts, error) {
	d := &facts{vdsoFunc: map[string]int{}, vsyscall: map[uint64]int{}}
	for a := range d.names {
		d.names[a] = make([]string, 0, SetSize)
		d.exec[a] = map[int]int{}
		d.mapCode[a] = map[int]CodeArg{}
	}
	steps := []struct {
		file, text string
		columns    int
		row        func(f []string) error
	}{
		{"syscall_64.txt", text64, 3, d.tableRow},
		{"syscall_32.txt", text32, 3, d.tableRow},
		{"restart.txt", textRestart, 2, func(f []string) error {
			return d.each(f[0], func(c Call) { d.restart[c.ABI].Add(c.Nr) })
		}},
		{"noreturn.txt", textNoReturn, 2, func(f []string) error {
			return d.each(f[0], func(c Call) { d.noReturn[c.ABI].Add(c.Nr) })
		}},
		{"sharedstack.txt", textSharedStack, 2, func(f []string) error {
			return d.each(f[0], func(c Call) { d.sharedStack[c.ABI].Add(c.Nr) })
		}},
		{"vdso.txt", textVDSO, 4, d.vdsoRow},
		{"vsyscall.txt", textVsyscall, 3, d.vsyscallRow},
		{"exec.txt", textExec, 3, func(f []string) error {
			arg, err := argument(f[1])
			if err != nil {
				return err
			}
			return d.each(f[0], func(c Call) { d.exec[c.ABI][c.Nr] = arg })
		}},
		{"mapcode.txt", textMapCode, 4, func(f []string) error {
			arg, err := argument(f[1])
			if err != nil {
				return err
			}
			mask, err := strconv.ParseUint(f[2], 0, 64)
			if err != nil || mask == 0 {
				return fmt.Errorf("bad mask %q", f[2])
			}
			return d.each(f[0], func(c Call) { d.mapCode[c.ABI][c.Nr] = CodeArg{arg, mask} })
		}},
		{"uring.txt", textUring, 2, func(f []string) error {
			return d.each(f[0], func(c Call) { d.uring[c.ABI].Add(c.Nr) })
		}},
	}
	for _, s := range steps {
		if err := parse(s.file, s.text, s.columns, s.row); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// parse calls row with the columns of each line that is neither empty nor a comment.
// Columns are separated by single tabs; errors name the file and line. row must not keep f.
func parse(file, text string, columns int, row func(f []string) error) error {
	f := make([]string, 0, 8)
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f = f[:0]
		for more := true; more; {
			var s string
			s, line, more = strings.Cut(line, "\t")
			f = append(f, s)
		}
		if len(f) != columns {
			return fmt.Errorf("%s:%d: %d columns, want %d", file, n, len(f), columns)
		}
		for i, s := range f {
			if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' {
				return fmt.Errorf("%s:%d: column %d is empty or has spaces around it", file, n, i+1)
			}
		}
		if err := row(f); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return nil
}

// abisOf are the ABIs of each tag of the tables.
var abisOf = map[string][]ABI{"common": {X86_64, X32}, "64": {X86_64}, "x32": {X32}, "i386": {I386}}

func (d *facts) tableRow(f []string) error {
	nr, err := strconv.Atoi(f[0])
	if err != nil || nr < 0 || nr >= SetSize {
		return fmt.Errorf("bad number %q", f[0])
	}
	abis := abisOf[f[1]]
	if abis == nil {
		return fmt.Errorf("unknown ABI %q", f[1])
	}
	for _, a := range abis {
		if nr < len(d.names[a]) {
			return fmt.Errorf("number %d is not in ascending order", nr)
		}
		for len(d.names[a]) < nr {
			d.names[a] = append(d.names[a], "")
		}
		d.names[a] = append(d.names[a], f[2])
	}
	return nil
}

// number finds a name. There are fewer than five hundred, and few look-ups, so that a map
// would cost more to build than it saves.
func (d *facts) number(abi ABI, name string) (int, bool) {
	if name == "" {
		return 0, false
	}
	nr := slices.Index(d.names[abi], name)
	return max(nr, 0), nr >= 0
}

// each calls f for the call of that name in every ABI that has it; none is an error.
func (d *facts) each(name string, f func(c Call)) error {
	known := false
	for a := range ABI(numABI) {
		if nr, ok := d.number(a, name); ok {
			known = true
			f(Call{a, nr})
		}
	}
	if !known {
		return fmt.Errorf("no ABI has a call %q", name)
	}
	return nil
}

func (d *facts) vdsoRow(f []string) error {
	nr, ok := d.number(X86_64, f[0])
	if !ok {
		return fmt.Errorf("x86_64 has no call %q", f[0])
	}
	d.vdso.Add(nr)
	d.vdsoFunc[f[1]] = nr
	switch f[2] {
	case "yes":
		d.vdsoFallback.Add(nr)
	case "no":
	default:
		return fmt.Errorf("%q is neither yes nor no", f[2])
	}
	return nil
}

func (d *facts) vsyscallRow(f []string) error {
	addr, err := strconv.ParseUint(f[0], 0, 64)
	if err != nil || addr < VsyscallStart || addr >= VsyscallEnd {
		return fmt.Errorf("bad vsyscall address %q", f[0])
	}
	nr, ok := d.number(X86_64, f[1])
	if !ok {
		return fmt.Errorf("x86_64 has no call %q", f[1])
	}
	d.vsyscall[addr] = nr
	return nil
}

// argument parses the index of a system call argument.
func argument(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 5 {
		return 0, fmt.Errorf("bad argument index %q", s)
	}
	return n, nil
}
