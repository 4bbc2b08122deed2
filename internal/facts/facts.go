// Package facts reads the embedded text files that hold what the program knows of others:
// lines of columns, with comments that name the source.
package facts

import (
	"fmt"
	"strings"
)

// Parse calls row with the columns of each line of a file that is neither
// empty nor a comment. Columns are separated by single tabs. Errors name file and line.
func Parse(file, text string, columns int, row func(f []string) error) error {
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

// MustParse is Parse for files that are part of the program, and tested.
func MustParse(file, text string, columns int, row func(f []string) error) {
	if err := Parse(file, text, columns, row); err != nil {
		panic(err)
	}
}
