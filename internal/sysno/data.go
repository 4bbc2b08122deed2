package sysno

import (
	_ "embed"
	"fmt"
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
	names   [numABI][]string // by number, "" where there is none
	numbers [numABI]map[string]int

	restart      [numABI]Set
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
	for a := range d.numbers {
		d.numbers[a] = map[string]int{}
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
// Columns are separated by single tabs; errors name the file and line.
func parse(file, text string, columns int, row func(f []string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != columns {
			return fmt.Errorf("%s:%d: %d columns, want %d", file, n, len(f), columns)
		}
		for i, s := range f {
			if s == "" || strings.TrimSpace(s) != s {
				return fmt.Errorf("%s:%d: column %d is empty or has spaces around it", file, n, i+1)
			}
		}
		if err := row(f); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return nil
}

func (d *facts) tableRow(f []string) error {
	nr, err := strconv.Atoi(f[0])
	if err != nil || nr < 0 || nr >= SetSize {
		return fmt.Errorf("bad number %q", f[0])
	}
	var abis []ABI
	switch f[1] {
	case "common":
		abis = []ABI{X86_64, X32}
	case "64":
		abis = []ABI{X86_64}
	case "x32":
		abis = []ABI{X32}
	case "i386":
		abis = []ABI{I386}
	default:
		return fmt.Errorf("unknown ABI %q", f[1])
	}
	for _, a := range abis {
		if _, dup := d.numbers[a][f[2]]; dup {
			return fmt.Errorf("%s has two numbers in %v", f[2], a)
		}
		if nr < len(d.names[a]) {
			return fmt.Errorf("number %d is not in ascending order", nr)
		}
		for len(d.names[a]) < nr {
			d.names[a] = append(d.names[a], "")
		}
		d.names[a] = append(d.names[a], f[2])
		d.numbers[a][f[2]] = nr
	}
	return nil
}

// each calls f for the call of that name in every ABI that has it; none is an error.
func (d *facts) each(name string, f func(c Call)) error {
	known := false
	for a := range ABI(numABI) {
		if nr, ok := d.numbers[a][name]; ok {
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
	nr, ok := d.numbers[X86_64][f[0]]
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
	nr, ok := d.numbers[X86_64][f[1]]
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
