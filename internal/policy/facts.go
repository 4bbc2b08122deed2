package policy

import (
	"fmt"
	"strings"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// parseFacts calls row with the columns of each line of an embedded file that is neither
// empty nor a comment. Columns are separated by single tabs. Errors name file and line.
func parseFacts(file, text string, columns int, row func(f []string) error) error {
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

// mustParseFacts is parseFacts for files that are part of the program, and tested.
func mustParseFacts(file, text string, columns int, row func(f []string) error) {
	if err := parseFacts(file, text, columns, row); err != nil {
		panic("policy: " + err.Error())
	}
}

// ABIs are all ABIs, in order.
var ABIs = []sysno.ABI{sysno.X86_64, sysno.I386, sysno.X32}

// calls returns the calls of that name in all ABIs; none is an error.
func calls(name string) ([]sysno.Call, error) {
	var out []sysno.Call
	for _, abi := range ABIs {
		if nr, ok := sysno.Number(abi, name); ok {
			out = append(out, sysno.Call{ABI: abi, Nr: nr})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no ABI has a call %q", name)
	}
	return out, nil
}
