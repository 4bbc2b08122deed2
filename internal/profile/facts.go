package profile

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

var (
	//go:embed foreign.txt
	textForeign string
	//go:embed errno.txt
	textErrno string
)

// foreign reports whether only other architectures have a call of that name. See foreign.txt.
func foreign(name string) bool { return foreignNames()[name] }

var foreignNames = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	mustParseFacts("foreign.txt", textForeign, 2, func(f []string) error {
		if out[f[0]] {
			return fmt.Errorf("%s is there twice", f[0])
		}
		out[f[0]] = true
		return nil
	})
	return out
})

// errnos are the numbers of names of errors.
var errnos = sync.OnceValue(func() map[string]uint16 {
	out := map[string]uint16{}
	mustParseFacts("errno.txt", textErrno, 2, func(f []string) error {
		n, err := strconv.ParseUint(f[1], 10, 12)
		if err == nil && out[f[0]] != 0 {
			return fmt.Errorf("%s is there twice", f[0])
		}
		out[f[0]] = uint16(n)
		return err
	})
	return out
})

// mustParseFacts calls row with the columns of each line of an embedded file that is neither
// empty nor a comment. Columns are separated by single tabs. The files are part of the program and
// tested, so an error is a panic; it names file and line.
func mustParseFacts(file, text string, columns int, row func(f []string) error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != columns {
			panic(fmt.Sprintf("profile: %s:%d: %d columns, want %d", file, n, len(f), columns))
		}
		if err := row(f); err != nil {
			panic(fmt.Sprintf("profile: %s:%d: %v", file, n, err))
		}
	}
}
