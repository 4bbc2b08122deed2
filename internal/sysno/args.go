package sysno

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed args.txt
var textArgs string

// NumArgs is how many arguments a system call can have.
const NumArgs = 6

// Arg is an argument of a system call that is a number.
type Arg struct {
	Index int    // from 0
	Name  string // as the kernel declares it
	Bits  int    // of the register that the kernel looks at, from the lowest on: 16, 32 or 64
	Worth bool   // it decides what the call does, or to whom
}

// Mask has the bits set that the kernel looks at.
func (a Arg) Mask() uint64 { return ^uint64(0) >> (64 - a.Bits) }

// Args returns the arguments of x86-64 call nr that are numbers, and false if they
// are not known. See args.txt.
func Args(nr int) ([]Arg, bool) {
	args, ok := argTable()[nr]
	return args, ok
}

// argTable is parsed apart from the other files: most users never ask.
var argTable = sync.OnceValue(func() map[int][]Arg {
	t, err := parseArgs("args.txt", textArgs)
	if err != nil {
		panic("sysno: " + err.Error())
	}
	return t
})

func parseArgs(file, text string) (map[int][]Arg, error) {
	d, table := data(), map[int][]Arg{}
	err := parse(file, text, 2, func(f []string) error {
		nr, ok := d.number(X86_64, f[0])
		if !ok {
			return fmt.Errorf("x86_64 has no call %q", f[0])
		}
		if _, twice := table[nr]; twice {
			return fmt.Errorf("%s has two rows", f[0])
		}
		table[nr] = []Arg{}
		if f[1] == "none" {
			return nil
		}
		for i, s := range strings.Split(f[1], " ") {
			if i == NumArgs {
				return fmt.Errorf("more than %d arguments", NumArgs)
			}
			if s == "-" {
				continue
			}
			name, bits, _ := strings.Cut(s, ":")
			bits, worth := strings.CutSuffix(bits, "*")
			n, err := strconv.Atoi(bits)
			if err != nil || name == "" || n != 16 && n != 32 && n != 64 {
				return fmt.Errorf("bad argument %q", s)
			}
			table[nr] = append(table[nr], Arg{i, name, n, worth})
		}
		return nil
	})
	return table, err
}
